/** Fetches small documents from an issuer: a bound on their size, no redirects, and one deadline over all of it. */

/** Larger than any discovery document or JWK Set in use. */
export const MAX_DOCUMENT_BYTES = 512 * 1024;

export interface FetchInit {
  readonly headers: Record<string, string>;
  readonly signal?: AbortSignal | undefined;
}

/** The whole answer, read. Rejects when it is too large, late, or does not come. Redirects are not followed. */
export async function boundedFetch(url: string, init: FetchInit, deadline: AbortSignal): Promise<Response> {
  const signal = init.signal === undefined ? deadline : AbortSignal.any([deadline, init.signal]);
  const response = await fetch(url, { headers: init.headers, redirect: 'manual', signal });
  const { status, headers } = response;
  if (status === 200) return new Response(await readBounded(response), { status, headers });
  await response.body?.cancel();
  throw new Error(`${url} answered with status ${status}; it must be 200`);
}

async function readBounded(response: Response): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_DOCUMENT_BYTES)
      throw new Error(`${response.url} answered with more than ${MAX_DOCUMENT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
