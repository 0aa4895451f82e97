/**
 * The keys of an issuer, wherever they are: given, at a URL, or behind OIDC discovery. Hides fetching, caching, key
 * rotation and an issuer that is down. Nothing is fetched for a request check; only logins and operators wait here.
 */
import type { JSONWebKeySet } from 'jose';
import { allowInsecureRequests, customFetch, discovery } from 'openid-client';
import { boundedFetch } from './bounded-fetch.ts';
import { ASYMMETRIC_ALGS, createKeySet, type KeyAnswer, type KeyHint, type KeySet } from './key-set.ts';
import { isLoopbackHttp, urlProblem } from './secure-url.ts';

export type KeySource =
  | { readonly kind: 'given'; readonly jwks: JSONWebKeySet }
  | { readonly kind: 'url'; readonly url: string }
  /** `ISSUER/.well-known/openid-configuration` (OpenID Connect Discovery section 4) names the URL and the algorithms. */
  | { readonly kind: 'discovery'; readonly issuer: string };

export interface IssuerKeysOptions {
  readonly nowMs: () => number;
  /** Discovery and keys together may take this long. Whole milliseconds. */
  readonly fetchTimeoutMs: number;
  /** Told of every fetch that failed, for the log; `problem` names the address and what went wrong. */
  readonly onFetchFailure: (problem: string, cause: unknown) => void;
}

export interface IssuerKeys extends KeySet {
  /** `unavailable`: the keys can't be had right now. Never rejects; answers within the fetch timeout. */
  find(hint: KeyHint): Promise<KeyAnswer>;
  /** Fetches ahead of need, so that a wrong address shows in the log at start-up. Never rejects. */
  prefetch(): Promise<void>;
}

/** After this long keys are fetched again before they are used. */
export const FRESH_MS = 600_000;

/** While fetching fails, keys are used for this long in all: a key that was withdrawn is not trusted for longer. */
export const USABLE_MS = 3_600_000;

/** Between two fetches at the least, so that made-up key ids can't drive traffic to the issuer. */
export const FETCH_FLOOR_MS = 30_000;

/** After a failed fetch the next waits this long, doubled each time up to the floor; meanwhile the answer comes at once. */
export const FIRST_RETRY_MS = 1_000;

export function createIssuerKeys(source: KeySource, options: IssuerKeysOptions): IssuerKeys {
  if (source.kind === 'given') {
    return { ...createKeySet(source.jwks, ASYMMETRIC_ALGS), prefetch: () => Promise.resolve() };
  }
  const { fetchTimeoutMs } = options;
  return createCachedKeys(
    () =>
      source.kind === 'url'
        ? fetchKeySet(source.url, ASYMMETRIC_ALGS, AbortSignal.timeout(fetchTimeoutMs))
        : discoverKeySet(source.issuer, AbortSignal.timeout(fetchTimeoutMs)),
    source.kind === 'url' ? source.url : source.issuer,
    options,
  );
}

type Refresh = 'fetched' | 'failed' | 'too_soon';

function createCachedKeys(
  load: () => Promise<KeySet>,
  from: string,
  { nowMs, onFetchFailure }: IssuerKeysOptions,
): IssuerKeys {
  let keys: KeySet | undefined;
  let fetchedAtMs = -Infinity;
  let notBeforeMs = -Infinity;
  let failures = 0;
  let underWay: Promise<Refresh> | undefined;

  async function fetchOnce(): Promise<Refresh> {
    const startedAtMs = nowMs();
    try {
      keys = await load();
      fetchedAtMs = startedAtMs;
      failures = 0;
      notBeforeMs = startedAtMs + FETCH_FLOOR_MS;
      return 'fetched';
    } catch (cause) {
      notBeforeMs = nowMs() + Math.min(FETCH_FLOOR_MS, FIRST_RETRY_MS * 2 ** failures);
      failures += 1;
      onFetchFailure(`The keys of ${from} can't be fetched: ${rootMessage(cause)}`, cause);
      return 'failed';
    }
  }

  async function refresh(): Promise<Refresh> {
    if (underWay !== undefined) return underWay;
    if (nowMs() < notBeforeMs) return failures > 0 ? 'failed' : 'too_soon';
    underWay = fetchOnce();
    try {
      return await underWay;
    } finally {
      underWay = undefined;
    }
  }

  async function lookUp(hint: KeyHint): Promise<KeyAnswer> {
    if (keys === undefined || nowMs() >= fetchedAtMs + USABLE_MS)
      return { found: false, cause: 'unavailable' };
    return keys.find(hint);
  }

  return {
    async find(hint) {
      if (nowMs() >= fetchedAtMs + FRESH_MS) await refresh();
      const answer = await lookUp(hint);
      if (answer.found || answer.cause !== 'key') return answer;
      const refreshed = await refresh();
      if (refreshed === 'failed') return { found: false, cause: 'unavailable' };
      return refreshed === 'fetched' ? lookUp(hint) : answer;
    },
    async prefetch() {
      await refresh();
    },
  };
}

async function discoverKeySet(issuer: string, deadline: AbortSignal): Promise<KeySet> {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out; here it is for loopback alone.
  const execute = isLoopbackHttp(issuer) ? [allowInsecureRequests] : [];
  // The client id plays no part in discovery.
  const configuration = await discovery(new URL(issuer), 'singlestate', undefined, undefined, {
    execute,
    [customFetch]: (url, init) => boundedFetch(url, init, deadline),
  });
  const metadata = configuration.serverMetadata();
  // The client makes exceptions for some vendors; identity makes none (OpenID Connect Discovery section 4.3).
  if (metadata.issuer !== issuer) {
    throw new Error(
      `discovery names ${metadata.issuer} as the issuer; the configured one must be the same, to the letter`,
    );
  }
  if (metadata.jwks_uri === undefined) throw new Error('discovery names no jwks_uri');
  return fetchKeySet(
    metadata.jwks_uri,
    signingAlgs(metadata.id_token_signing_alg_values_supported),
    deadline,
  );
}

/** RS256 where the issuer does not say (OpenID Connect Core section 3.1.3.7, step 7). */
function signingAlgs(advertised: unknown): readonly string[] {
  return Array.isArray(advertised) ? advertised.filter((alg) => typeof alg === 'string') : ['RS256'];
}

async function fetchKeySet(
  url: string,
  algorithms: readonly string[],
  deadline: AbortSignal,
): Promise<KeySet> {
  const problem = urlProblem(url);
  if (problem !== undefined) throw new Error(`the address of the keys, ${url}, ${problem}`);
  const headers = { accept: 'application/jwk-set+json, application/json' };
  const response = await boundedFetch(url, { headers }, deadline);
  return createKeySet((await response.json()) as JSONWebKeySet, algorithms);
}

/** `fetch` says no more than "fetch failed": what happened is in the causes. */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.cause instanceof Error) return rootMessage(error.cause);
  // A refused connection to a name with several addresses has a code and no message.
  return error.message === '' && 'code' in error ? String(error.code) : error.message;
}
