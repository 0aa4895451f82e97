/** Fetches small documents from an issuer: a bound on their size, no redirects, and one deadline over all of it. */

/** Larger than any discovery document, JWK Set or token answer in use. */
export const MAX_DOCUMENT_BYTES = 512 * 1024;

export interface FetchInit {
  readonly method?: string;
  readonly headers: Record<string, string>;
  readonly body?: RequestInit['body'] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A document, whole. Rejects when it is too large, late, does not come, or comes with another status than 200. */
export async function boundedFetch(url: string, init: FetchInit, deadline: AbortSignal): Promise<Response> {
  const response = await boundedRequest(url, init, deadline);
  if (response.status === 200) return response;
  throw new Error(`${url} answered with status ${response.status}; it must be 200`);
}

/** The whole answer, whatever its status. Redirects are not followed. Rejects when it is too large, late or does not come. */
export async function boundedRequest(url: string, init: FetchInit, deadline: AbortSignal): Promise<Response> {
  const signal = init.signal === undefined ? deadline : AbortSignal.any([deadline, init.signal]);
  const { method = 'GET', headers: sent, body = null } = init;
  const response = await fetch(url, { method, headers: sent, body, redirect: 'manual', signal });
  const { status, headers } = response;
  return new Response(hasNoBody(status) ? null : await readBounded(url, bodyOf(response)), {
    status,
    headers,
  });
}

/** Fetch standard: the statuses for which a `Response` can't be made with a body. */
function hasNoBody(status: number): boolean {
  return [101, 103, 204, 205, 304].includes(status);
}

function bodyOf({ body }: Response): AsyncIterable<Uint8Array> {
  return (body ?? []) as AsyncIterable<Uint8Array>;
}

/** All of a body; rejects when it is more than `MAX_DOCUMENT_BYTES`. */
export async function readBounded(
  url: string,
  body: AsyncIterable<Uint8Array>,
): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > MAX_DOCUMENT_BYTES)
      throw new Error(`${url} answered with more than ${MAX_DOCUMENT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
