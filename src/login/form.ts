/** Reads HTML forms. */

/** A field of the form that a request carries; null where it has none, or is no form. Reads the body. */
export async function formField(request: Request, name: string): Promise<string | null> {
  const [type = ''] = (request.headers.get('content-type') ?? '').split(';');
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') return null;
  return new URLSearchParams(await request.text()).get(name);
}
