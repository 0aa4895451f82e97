/** A site of a test on a free port of this machine, for those who can only be told an address. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Site } from './test-browser.ts';

export interface HttpSite extends AsyncDisposable {
  readonly url: string;
  /** Answers; a test may put another in its place. */
  site: Site;
  /** What was asked, oldest first, with the statuses of the answers. */
  readonly served: { readonly path: string; readonly body: string; readonly status: number }[];
}

export async function startHttpSite(): Promise<HttpSite> {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of incoming as AsyncIterable<Uint8Array>) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const request = new Request(new URL(incoming.url ?? '/', httpSite.url), {
        method: incoming.method ?? 'GET',
        headers: Object.entries(incoming.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        ),
        ...(body.length > 0 && { body }),
      });
      const response = await httpSite.site(request);
      httpSite.served.push({ path: incoming.url ?? '', body: body.toString(), status: response.status });
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      outgoing.end(await response.text());
    })();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const httpSite: HttpSite = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    site: () => Promise.resolve(new Response(null, { status: 404 })),
    served: [],
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return httpSite;
}
