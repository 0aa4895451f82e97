/** Reads HTML forms. */
import { isForm } from '../net/web-form.ts';

/** A field of the form that a request carries; null where it has none, or is no form. Reads the body. */
export async function formField(request: Request, name: string): Promise<string | null> {
  if (!isForm(request)) return null;
  return new URLSearchParams(await request.text()).get(name);
}
