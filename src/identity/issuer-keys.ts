/**
 * The keys of an issuer, wherever they are: given, at a URL, or behind OIDC discovery. Hides fetching, caching and key
 * rotation. Nothing is fetched for a request check; only logins and callers of the Session API wait here.
 */
import type { JSONWebKeySet } from 'jose';
import type { CircuitBreaker } from '../breaker/circuit-breaker.ts';
import { fetchMetadata, signingAlgs, type ServerMetadata } from './discovery.ts';
import { createDocumentFetch, type DocumentFetch, type KeyAccess } from './document-fetch.ts';
import { createFetchCache, type FetchCache, type Fetched } from './fetch-cache.ts';
import { createFetchBreaker } from './issuer-breakers.ts';
import { ASYMMETRIC_ALGS, createKeySet, type KeyAnswer, type KeyHint, type KeySet } from './key-set.ts';
import { rootMessage } from './root-message.ts';
import { urlProblem } from './secure-url.ts';

export type KeySource =
  | { readonly kind: 'given'; readonly jwks: JSONWebKeySet }
  | { readonly kind: 'url'; readonly url: string; readonly access?: KeyAccess }
  /** `ISSUER/.well-known/openid-configuration` (OpenID Connect Discovery section 4) names the URL and the algorithms. */
  | { readonly kind: 'discovery'; readonly issuer: string; readonly access?: KeyAccess };

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

/** An issuer that tells by itself where everything is. Its metadata and its keys are fetched together. */
export interface DiscoveredIssuer extends IssuerKeys {
  /** Undefined while the issuer is down, at once where that is known. Never rejects. */
  metadataWhileUp(): Promise<ServerMetadata | undefined>;
}

function givenKeys(jwks: JSONWebKeySet): IssuerKeys {
  return { ...createKeySet(jwks, ASYMMETRIC_ALGS), prefetch: () => Promise.resolve() };
}

/** The keys of the source, the same for all who ask. */
export type KeysOf = (source: KeySource) => IssuerKeys;

/** The keys of one configuration. */
export interface SharedKeys {
  readonly of: KeysOf;
  /**
   * For the configuration that follows. Everything is fetched anew there, before it is used; only where that fails, what was
   * fetched from the same place, by way of the same CA, goes on being used for as long as it would have been here.
   */
  successor(): SharedKeys;
}

type KeyCache = FetchCache<{ readonly keys: KeySet }>;

export function createSharedKeys(
  options: IssuerKeysOptions,
  before: ReadonlyMap<string, KeyCache> = new Map(),
): SharedKeys {
  const caches = new Map<string, KeyCache>();
  const create = (source: Exclude<KeySource, { readonly kind: 'given' }>, place: string): KeyCache => {
    const parts = { access: source.access, inherited: before.get(place)?.content() };
    return source.kind === 'url'
      ? createKeyCache(keysAt, source.url, options, parts)
      : createKeyCache<{ readonly keys: KeySet }>(discover, source.issuer, options, parts);
  };
  return {
    of(source) {
      if (source.kind === 'given') return givenKeys(source.jwks);
      const place = JSON.stringify(source);
      const cache = caches.get(place) ?? create(source, place);
      caches.set(place, cache);
      return cachedKeys(cache);
    },
    successor: () => createSharedKeys(options, caches),
  };
}

/** Makes no request by itself. `breaker` opens with the first failure (`createFetchBreaker`). */
export function createDiscoveredIssuer(
  issuer: string,
  options: IssuerKeysOptions,
  breaker?: CircuitBreaker,
): DiscoveredIssuer {
  const cache = createKeyCache(discover, issuer, options, { breaker });
  return { ...cachedKeys(cache), metadataWhileUp: async () => (await cache.getWhileUp())?.metadata };
}

interface KeyCacheParts<T> {
  readonly access?: KeyAccess | undefined;
  /** Default: one of its own. */
  readonly breaker?: CircuitBreaker | undefined;
  readonly inherited?: Fetched<T> | undefined;
}

function createKeyCache<T>(
  load: (from: string, fetchDocument: DocumentFetch, options: IssuerKeysOptions) => Promise<T>,
  from: string,
  options: IssuerKeysOptions,
  { access = {}, breaker, inherited }: KeyCacheParts<T>,
): FetchCache<T> {
  const { nowMs, onFetchFailure } = options;
  const fetchDocument = createDocumentFetch(access);
  return createFetchCache(() => load(from, fetchDocument, options), {
    nowMs,
    breaker: breaker ?? createFetchBreaker({ nowMs }),
    onFailure: (cause) =>
      onFetchFailure(`The keys of ${from} can't be fetched: ${rootMessage(cause)}`, cause),
    inherited,
  });
}

/** An unknown key is looked for again: it may be new. */
function cachedKeys(cache: KeyCache): IssuerKeys {
  const lookUp = async (hint: KeyHint): Promise<KeyAnswer> =>
    (await cache.get())?.keys.find(hint) ?? { found: false, cause: 'unavailable' };
  return {
    async find(hint) {
      const answer = await lookUp(hint);
      if (answer.found || answer.cause !== 'key') return answer;
      const refreshed = await cache.refresh();
      if (refreshed === 'failed') return { found: false, cause: 'unavailable' };
      return refreshed === 'fetched' ? lookUp(hint) : answer;
    },
    async prefetch() {
      await cache.refresh();
    },
  };
}

async function keysAt(url: string, fetchDocument: DocumentFetch, { fetchTimeoutMs }: IssuerKeysOptions) {
  const deadline = AbortSignal.timeout(fetchTimeoutMs);
  return { keys: await fetchKeySet(url, ASYMMETRIC_ALGS, fetchDocument, deadline) };
}

async function discover(issuer: string, fetchDocument: DocumentFetch, { fetchTimeoutMs }: IssuerKeysOptions) {
  const deadline = AbortSignal.timeout(fetchTimeoutMs);
  const metadata = await fetchMetadata(issuer, deadline, fetchDocument);
  const keys = await fetchKeySet(metadata.jwks_uri, signingAlgs(metadata), fetchDocument, deadline);
  return { metadata, keys };
}

async function fetchKeySet(
  url: string,
  algorithms: readonly string[],
  fetchDocument: DocumentFetch,
  deadline: AbortSignal,
): Promise<KeySet> {
  const problem = urlProblem(url);
  if (problem !== undefined) throw new Error(`the address of the keys, ${url}, ${problem}`);
  const headers = { accept: 'application/jwk-set+json, application/json' };
  const response = await fetchDocument(url, { headers }, deadline);
  return createKeySet((await response.json()) as JSONWebKeySet, algorithms);
}
