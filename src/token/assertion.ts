/**
 * Signs `x-session-assertion`: what an app is told about a session, as a JWT with the app as its audience, for apps that
 * verify. Hides the memory of assertions that were signed before.
 */
import { SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { SessionRef } from '../session/ref.ts';
import type { KeyRing } from './signing-keys.ts';

/** The `typ` header of an assertion: no session token, and never accepted as one. */
export const ASSERTION_TYP = 'singlestate-assertion+jwt';

/** What the assertion says; nothing that the app may not see (C1), and never the session id. */
export interface AssertionFacts {
  /** `ref` */
  readonly ref: SessionRef;
  /** `version` */
  readonly version: number;
  /** `sub` */
  readonly subject: string;
  /** `idp`: the issuer identifier of the identity provider. */
  readonly identityIssuer: string;
  /** `scope`, separated by spaces (RFC 8693 section 4.2). */
  readonly scopes: readonly string[];
  /** `attributes` */
  readonly attributes: Readonly<Record<string, string>>;
  /** `slices` */
  readonly slices: Readonly<Record<string, unknown>>;
}

export interface AssertionRequest {
  /** `aud`: the app's configured name. */
  readonly app: string;
  readonly facts: AssertionFacts;
  /** The session's absolute end, Unix milliseconds: no assertion outlives its session. */
  readonly notAfterMs: number;
  /** Changes whenever the configuration that projects the facts does, so that no app gets facts picked by an older one. */
  readonly generation: number;
  readonly nowMs: number;
}

export interface AssertionSigner {
  /** Answers at once with an assertion that has half its life before it, else with a promise of a new one. */
  sign(request: AssertionRequest): string | Promise<string>;
}

export interface AssertionSignerOptions {
  /** Asked at each assertion: another ring than last time empties the memory of signed ones. */
  readonly keyRing: () => KeyRing;
  readonly issuer: string;
  readonly ttlMs: number;
  /** How many characters of assertions are remembered. Default 16 Mi. */
  readonly cacheCharacters?: number;
}

interface Signed {
  readonly assertion: string;
  readonly renewAtMs: number;
}

/** Remembers by app, session, version and generation: the facts are the same for as long as these are. */
export function createAssertionSigner(options: AssertionSignerOptions): AssertionSigner {
  const { cacheCharacters = 16 * 1024 * 1024 } = options;
  const signed = new LRUCache<string, Signed>({
    maxSize: cacheCharacters,
    sizeCalculation: ({ assertion }, key) => assertion.length + key.length,
  });
  let ringOfSigned: KeyRing | undefined;

  async function signNew(request: AssertionRequest, key: string, ring: KeyRing): Promise<string> {
    const made = await signAssertion(request, ring, options);
    if (ring === ringOfSigned) signed.set(key, made);
    return made.assertion;
  }

  return {
    sign(request) {
      const ring = options.keyRing();
      if (ring !== ringOfSigned) signed.clear();
      ringOfSigned = ring;
      const { app, facts, generation } = request;
      const key = JSON.stringify([generation, app, facts.ref, facts.version]);
      const known = signed.get(key);
      return known !== undefined && request.nowMs < known.renewAtMs
        ? known.assertion
        : signNew(request, key, ring);
    },
  };
}

async function signAssertion(
  { app, facts, notAfterMs, nowMs }: AssertionRequest,
  ring: KeyRing,
  { issuer, ttlMs }: AssertionSignerOptions,
): Promise<Signed> {
  const { kid, alg, privateKey } = ring.signingKey(nowMs);
  const endMs = Math.min(nowMs + ttlMs, notAfterMs);
  const { ref, version, subject, identityIssuer, scopes, attributes, slices } = facts;
  const assertion = await new SignJWT({
    iss: issuer,
    sub: subject,
    aud: app,
    iat: Math.floor(nowMs / 1000),
    exp: Math.floor(endMs / 1000),
    ref,
    idp: identityIssuer,
    scope: scopes.join(' '),
    version,
    attributes,
    slices,
  })
    .setProtectedHeader({ alg, kid, typ: ASSERTION_TYP })
    .sign(privateKey);
  return { assertion, renewAtMs: nowMs + (endMs - nowMs) / 2 };
}
