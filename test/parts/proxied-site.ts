/** A site behind a proxy on this machine, as a browser that knows it by another name sees it. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Site } from './test-browser.ts';

/** `url`: where the proxy listens. The host that a request names is the host that the proxy is told. */
export function proxiedSite(url: string): Site {
  return async (request) => {
    const { host, pathname, search } = new URL(request.url);
    const body = Buffer.from(await request.arrayBuffer());
    const headers = { ...Object.fromEntries(request.headers), host, 'content-length': String(body.length) };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { method: request.method, path: pathname + search, headers, agent: false };
      httpRequest(url, options, resolve).once('error', reject).end(body);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const fields = Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    );
    const { statusCode: status = 0 } = response;
    return new Response(chunks.length === 0 ? null : Buffer.concat(chunks), { status, headers: fields });
  };
}
