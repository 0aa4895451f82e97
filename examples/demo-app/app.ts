/** A demo app behind Envoy: it answers every request with the method, path and headers that reached it, as JSON. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** What the app received, as its answer's body. Header names are in lower case, repeated ones joined by commas. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A server that isn't listening yet. It reads no body, and answers every request with 200 and `Received`. */
export function createDemoApp(): Server {
  return createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, answerReceived);
}

/** Longer than Envoy keeps an idle connection (an hour), so that it never sends a request into one that was just closed. */
const KEEP_ALIVE_MS = 65 * 60_000;

/** 200 and `Received`. */
export function answerReceived(request: IncomingMessage, response: ServerResponse): void {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
  );
  const received: Received = { method: request.method ?? '', path: request.url ?? '', headers };
  request.resume();
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(received, undefined, 2)}\n`);
}

if (import.meta.main) {
  const port = Number(process.env['PORT'] ?? 8081);
  createDemoApp().listen(port, '127.0.0.1', () =>
    process.stdout.write(`The demo app listens on 127.0.0.1:${port}\n`),
  );
}
