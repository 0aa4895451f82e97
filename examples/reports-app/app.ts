/** Demo app B: a page that shows what app A wrote into the session. It has no part in the writing, and no credential. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answerReceived } from '../demo-app/app.ts';
import { escapeHtml, page, sessionTable, sliceOf } from '../demo-app/page.ts';

/** A server that isn't listening yet: `GET /reports/dashboard` is the page; all else is echoed. */
export function createReportsApp(): Server {
  return createServer((request, response) => {
    if (request.method === 'GET' && request.url?.split('?', 1)[0] === '/reports/dashboard') {
      answerPage(request, response);
    } else {
      answerReceived(request, response);
    }
  });
}

function answerPage({ headers }: IncomingMessage, response: ServerResponse): void {
  const cart = sliceOf(headers, 'cart') as { readonly note?: unknown } | undefined;
  const note = typeof cart?.note === 'string' ? cart.note : 'nothing yet';
  const text = `<p>Note on the cart, as billing wrote it: <strong id="note">${escapeHtml(note)}</strong></p>`;
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(page('Reports', sessionTable(headers) + text));
}
