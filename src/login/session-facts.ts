/** `/auth/session`: tells scripts of a page who is logged in, until when, and what their writes must carry. */
import { jsonAnswer, problemAnswer } from './answers.ts';
import { browserSession } from './browser-session.ts';
import type { BrowserRequest, LoginDependencies } from './dependencies.ts';

/** Reads only: asking does not keep a session alive. Rejects with `StoreError`. */
export async function sessionFacts({ request }: BrowserRequest, deps: LoginDependencies): Promise<Response> {
  const session = await browserSession(request, deps);
  if (session === undefined) return problemAnswer(401, 'Unauthorized');
  const { identity, expiresAtMs, csrfToken } = session.document;
  return jsonAnswer(200, {
    authenticated: true,
    subject: identity.subject,
    // Unix seconds, as in the header to the app.
    expires: Math.floor(expiresAtMs / 1000),
    ...(csrfToken !== undefined && { csrf_header: deps.config.csrf.header }),
  });
}
