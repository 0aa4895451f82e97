/** Opening, refreshing and ending sessions with real token keys, on a store of the test's choice; and all that was counted. */
import type { VerifiedIdentity } from '../../src/identity/identity.ts';
import type { LifecycleDependencies } from '../../src/lifecycle/dependencies.ts';
import { openSession, type Opening, type OpenOutcome } from '../../src/lifecycle/open-session.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { createSessionTokenMinter } from '../../src/token/mint.ts';
import type { SessionTokenVerifier } from '../../src/token/session-token.ts';
import { createSessionTokenVerifier } from '../../src/token/verify.ts';
import { createTestRing } from './key-rings.ts';

export const MINUTE_MS = 60_000;
const ISSUER = 'https://sessions.test';

export interface Scene {
  /** A test may swap a member for another, as a reload would. */
  readonly deps: { -readonly [Name in keyof LifecycleDependencies]: LifecycleDependencies[Name] };
  /** What was counted, oldest first. */
  readonly counted: string[];
  readonly tokens: SessionTokenVerifier;
  /** Alice, with an ID token that was never used. */
  identity(changes?: Partial<VerifiedIdentity>): VerifiedIdentity;
  /** Opens a session that must be opened. */
  open(opening?: Partial<Opening>): Promise<OpenOutcome & { readonly outcome: 'opened' }>;
}

export async function createScene(store: SessionStore, nowMs: () => number): Promise<Scene> {
  const { ring } = await createTestRing();
  const issued = { keyRing: () => ring, issuer: ISSUER, audience: ISSUER };
  const minter = createSessionTokenMinter(issued);
  const counted: string[] = [];
  const deps: Scene['deps'] = {
    store,
    limits: {
      idleTimeoutMs: 30 * MINUTE_MS,
      absoluteTimeoutMs: 60 * MINUTE_MS,
      maxBytes: 16_384,
      carryOver: { slices: [], attributes: [] },
      refreshGraceMs: 10_000,
    },
    mint: (request) => minter.mintSessionToken({ ...request, ttlMs: 5 * MINUTE_MS }),
    nowMs,
    onCreated: (provider) => counted.push(`created ${provider}`),
    onEnded: (cause, count) => counted.push(`ended ${count} ${cause}`),
    onTokenIssued: (cause) => counted.push(`token ${cause}`),
  };
  const identity: Scene['identity'] = (changes) => ({
    provider: 'main',
    issuer: 'https://idp.test',
    subject: 'alice',
    providerSession: 'idp-session-1',
    authenticatedAtMs: nowMs() - MINUTE_MS,
    acr: 'gold',
    amr: ['pwd', 'otp'],
    scopes: ['invoices:read'],
    attributes: { email_domain: 'example.com' },
    proof: { hash: crypto.randomUUID(), validUntilMs: nowMs() + 5 * MINUTE_MS },
    ...changes,
  });
  return {
    deps,
    counted,
    tokens: createSessionTokenVerifier({ ...issued, cacheSize: 0 }),
    identity,
    open: async (opening) => {
      const actor = { kind: 'operator', name: 'on-call' } as const;
      const opened = await openSession({ identity: identity(), actor, ...opening }, deps);
      if (opened.outcome !== 'opened') throw new Error(`The session was not opened: ${opened.outcome}`);
      return opened;
    },
  };
}
