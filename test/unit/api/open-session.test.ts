import { beforeEach, expect, test } from 'vitest';
import type { SessionDependencies } from '../../../src/api/dependencies.ts';
import { openSession } from '../../../src/api/open-session.ts';
import type { VerifiedIdentity } from '../../../src/identity/identity.ts';
import { documentSize } from '../../../src/session/document.ts';
import { createMemoryStore, type MemoryRecord } from '../../../src/session/memory-store.ts';
import { partitionOf, sessionRef } from '../../../src/session/ref.ts';
import { StoreError } from '../../../src/session/store.ts';
import { createSessionTokenMinter } from '../../../src/token/mint.ts';
import { createSessionTokenVerifier } from '../../../src/token/verify.ts';
import { createTestRing } from '../../parts/key-rings.ts';

const MINUTE_MS = 60_000;
const T0 = Date.UTC(2026, 0, 1, 12);
const ISSUER = 'https://sessions.test';

const identity: VerifiedIdentity = {
  provider: 'main',
  issuer: 'https://idp.test',
  subject: 'alice',
  providerSession: 'idp-session-1',
  authenticatedAtMs: T0 - MINUTE_MS,
  acr: 'gold',
  amr: ['pwd', 'otp'],
  scopes: ['invoices:read'],
  attributes: { email_domain: 'example.com' },
  proof: { hash: 'hash-of-the-id-token', validUntilMs: T0 + 5 * MINUTE_MS },
};

const { ring } = await createTestRing();
const issued = { keyRing: () => ring, issuer: ISSUER, audience: ISSUER };
const minter = createSessionTokenMinter(issued);

let records: Map<string, MemoryRecord>;
let counted: string[];
let deps: SessionDependencies;

beforeEach(() => {
  records = new Map();
  counted = [];
  deps = {
    store: createMemoryStore({ records, now: () => T0 }),
    limits: { idleTimeoutMs: 30 * MINUTE_MS, absoluteTimeoutMs: 60 * MINUTE_MS, maxBytes: 16_384 },
    mint: (request) => minter.mintSessionToken({ ...request, ttlMs: 5 * MINUTE_MS }),
    nowMs: () => T0,
    onCreated: (provider) => counted.push(`created ${provider}`),
    onEnded: (cause) => counted.push(`ended ${cause}`),
    onTokenIssued: (cause) => counted.push(`token ${cause}`),
  };
});

async function opened(who: VerifiedIdentity) {
  const outcome = await openSession(who, deps);
  if (outcome.outcome !== 'opened') return expect.unreachable(`it was ${outcome.outcome}`);
  return outcome;
}

test('B2 a verified identity gets a session that says who it is, and no token of its provider', async () => {
  const { session } = await opened(identity);
  expect(session).toMatchObject({ version: 1, lastSeenAtMs: T0 });
  expect(session.document).toEqual({
    schema: 1,
    identity: {
      provider: 'main',
      issuer: 'https://idp.test',
      subject: 'alice',
      providerSession: 'idp-session-1',
    },
    authentication: { atMs: T0 - MINUTE_MS, acr: 'gold', amr: ['pwd', 'otp'] },
    scopes: ['invoices:read'],
    attributes: { email_domain: 'example.com' },
    slices: {},
    createdAtMs: T0,
    expiresAtMs: T0 + 60 * MINUTE_MS,
  });
  await expect(deps.store.read(session.ref)).resolves.toEqual({ state: 'live', session });
});

test('B2 its token leads to the session, in the partition of the subject, and is counted', async () => {
  const { session, token, tokenExpiresAtMs } = await opened(identity);
  const verifier = createSessionTokenVerifier({ ...issued, cacheSize: 0 });
  const verdict = await verifier.verify(token, T0);
  if (!verdict.valid) return expect.unreachable(verdict.reason);
  expect(verdict.claims.ref).toBe(session.ref);
  expect(sessionRef(verdict.claims.sessionId)).toBe(session.ref);
  expect(session.ref.slice(0, 2)).toBe(partitionOf('https://idp.test', 'alice'));
  expect(tokenExpiresAtMs).toBe(T0 + 5 * MINUTE_MS);
  expect(counted).toEqual(['created main', 'token created']);
});

test('a token never outlives its session', async () => {
  deps = { ...deps, limits: { ...deps.limits, absoluteTimeoutMs: MINUTE_MS } };
  expect((await opened(identity)).tokenExpiresAtMs).toBe(T0 + MINUTE_MS);
});

test('what the provider did not say is absent', async () => {
  const { provider, issuer, subject, authenticatedAtMs, scopes, attributes, proof } = identity;
  const { session } = await opened({
    provider,
    issuer,
    subject,
    authenticatedAtMs,
    scopes,
    attributes,
    proof,
  });
  expect(session.document.identity).toEqual({ provider, issuer, subject });
  expect(session.document.authentication).toEqual({ atMs: authenticatedAtMs });
});

test('E1 of concurrent openings with one proof exactly one succeeds', async () => {
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => openSession(identity, deps)));
  expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual([
    'opened',
    ...Array<string>(7).fill('replayed'),
  ]);
  expect(counted).toEqual(['created main', 'token created']);
});

test('A5 a session as large as maxBytes is opened, one byte more is not, and leaves the proof unused', async () => {
  const { session } = await opened({ ...identity, proof: { ...identity.proof, hash: 'another' } });
  const bytes = documentSize(session.document);
  deps = { ...deps, limits: { ...deps.limits, maxBytes: bytes - 1 } };
  await expect(openSession(identity, deps)).resolves.toEqual({
    outcome: 'too_large',
    bytes,
    maxBytes: bytes - 1,
  });
  deps = { ...deps, limits: { ...deps.limits, maxBytes: bytes } };
  await expect(openSession(identity, deps)).resolves.toMatchObject({ outcome: 'opened' });
});

test('A3 when no token can be signed, no session is left behind and the proof stays good', async () => {
  const failing = { ...deps, mint: () => Promise.reject(new Error('no key')) };
  await expect(openSession(identity, failing)).rejects.toThrow('no key');
  expect(records.size).toBe(0);
  await expect(openSession(identity, deps)).resolves.toMatchObject({ outcome: 'opened' });
});

test('D2 a store that does not answer is a StoreError, and nothing is counted', async () => {
  await deps.store.close();
  await expect(openSession(identity, deps)).rejects.toBeInstanceOf(StoreError);
  expect(counted).toEqual([]);
});
