/**
 * Demo app A: a page that shows the session it was told of, and writes the session's slice `cart` through the Session API.
 * It keeps nothing itself: what it knows of a user is in the headers of each request.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text as readAll } from 'node:stream/consumers';
import { answerReceived } from '../demo-app/app.ts';
import { page, sessionTable } from '../demo-app/page.ts';

export interface BillingAppOptions {
  /** The Session API. */
  readonly api: string;
  /** Holds the JWT that proves to the Session API which app this is; read anew for each call, since platforms rotate it. */
  readonly credentialFile: string;
}

/** A server that isn't listening yet: `GET /billing/` is the page, `PUT /billing/cart` writes; all else is echoed. */
export function createBillingApp(options: BillingAppOptions): Server {
  return createServer((request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (request.method === 'GET' && path === '/billing/') answerPage(request, response);
    else if (request.method === 'PUT' && path === '/billing/cart') void putCart(options, request, response);
    else answerReceived(request, response);
  });
}

function answerPage(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(page('Billing', sessionTable(request.headers) + FORM));
}

/** The session's cookie comes along by itself, so the page shows the session's CSRF token as well. */
const FORM = `<form id="cart">
<p><label>Note on the cart: <input name="note" maxlength="100" required></label> <button>Save</button></p>
<p><output name="result"></output></p>
</form>
<script>
const csrfToken = () => document.cookie.match(/(?:^|; )__Host-csrf=([^;]*)/)?.[1] ?? '';
document.querySelector('#cart').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const response = await fetch('/billing/cart', {
    method: 'PUT',
    headers: { 'content-type': 'application/json', 'x-csrf-token': csrfToken() },
    body: JSON.stringify({ note: form.note.value }),
  });
  form.result.value = response.ok ? 'Saved.' : 'Not saved: ' + response.status;
});
</script>`;

async function putCart(
  options: BillingAppOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const cart = JSON.parse(await readAll(request)) as unknown;
    const answer = await writeCart(options, request, cart);
    response
      .writeHead(answer.status, { 'content-type': 'application/json' })
      .end(`${JSON.stringify(answer.body)}\n`);
  } catch (error) {
    const problem = error instanceof SyntaxError ? 'the body is not JSON' : 'the Session API does not answer';
    response.writeHead(error instanceof SyntaxError ? 400 : 502).end(`${problem}\n`);
  }
}

interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

const TRIES = 3;

/** Names the version that this request was told of; where another write came first, reads the session again and repeats. */
async function writeCart(
  options: BillingAppOptions,
  request: IncomingMessage,
  cart: unknown,
): Promise<ApiAnswer> {
  const ref = String(request.headers['x-session-ref']);
  let version = Number(request.headers['x-session-version']);
  for (let tries = 1; ; tries++) {
    const changes = [{ slice: 'cart', value: cart }];
    const answer = await call(options, 'UpdateSession', {
      ref,
      expectedVersion: version,
      changes,
      reason: 'cart.noted',
    });
    const { code } = answer.body as { code?: string };
    if (code !== 'aborted' || tries === TRIES) return answer;
    const { body } = await call(options, 'GetSession', { ref });
    version = (body as { session?: { version?: number } }).session?.version ?? version;
  }
}

/** Connect's JSON, as curl would send it. */
async function call(
  { api, credentialFile }: BillingAppOptions,
  name: string,
  message: object,
): Promise<ApiAnswer> {
  const credential = (await readFile(credentialFile, 'utf8')).trim();
  const response = await fetch(`${api}/singlestate.session.v1.SessionService/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${credential}` },
    body: JSON.stringify(message),
  });
  return { status: response.status, body: await response.json() };
}
