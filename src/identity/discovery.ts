/** What an OpenID provider says about itself (OpenID Connect Discovery sections 3 and 4); hides how far it is believed. */
import {
  allowInsecureRequests,
  customFetch,
  discovery,
  type ServerMetadata as Metadata,
} from 'openid-client';
import { boundedFetch } from './bounded-fetch.ts';
import type { DocumentFetch } from './document-fetch.ts';
import { isLoopbackHttp } from './secure-url.ts';

export type ServerMetadata = Readonly<Metadata> & { readonly jwks_uri: string };

/** Rejects when it does not come before the deadline, is for another issuer, or names no keys. */
export async function fetchMetadata(
  issuer: string,
  deadline: AbortSignal,
  fetchDocument: DocumentFetch = boundedFetch,
): Promise<ServerMetadata> {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out; here it is for loopback alone.
  const execute = isLoopbackHttp(issuer) ? [allowInsecureRequests] : [];
  // The client id plays no part in discovery.
  const configuration = await discovery(new URL(issuer), 'singlestate', undefined, undefined, {
    execute,
    [customFetch]: (url, init) => fetchDocument(url, init, deadline),
  });
  const metadata: Metadata = configuration.serverMetadata();
  // The client makes exceptions for some vendors; identity makes none (OpenID Connect Discovery section 4.3).
  if (metadata.issuer !== issuer) {
    throw new Error(
      `discovery names ${metadata.issuer} as the issuer; the configured one must be the same, to the letter`,
    );
  }
  if (metadata.jwks_uri === undefined) throw new Error('discovery names no jwks_uri');
  return { ...metadata, jwks_uri: metadata.jwks_uri };
}

/** RS256 where the issuer does not say (OpenID Connect Core section 3.1.3.7, step 7). */
export function signingAlgs(metadata: ServerMetadata): readonly string[] {
  const advertised: unknown = metadata.id_token_signing_alg_values_supported;
  return Array.isArray(advertised) ? advertised.filter((alg) => typeof alg === 'string') : ['RS256'];
}
