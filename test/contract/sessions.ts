/** Sessions for tests: each one new, in a partition of the caller's choice. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { SCHEMA_VERSION, type SessionDocument } from '../../src/session/document.ts';
import { createSessionId, partitionOf, sessionRef, type SessionRef } from '../../src/session/ref.ts';
import type { NewSession } from '../../src/session/store.ts';

export const IDLE_TIMEOUT_MS = 1_800_000;
export const ABSOLUTE_TIMEOUT_MS = 43_200_000;

export const ALICE = { issuer: 'https://idp.example.com/realms/main', subject: 'alice' } as const;
export const BOB = { issuer: 'https://idp.example.com/realms/main', subject: 'bob' } as const;

export type User = typeof ALICE | typeof BOB;

export function newRef(user: User = ALICE): SessionRef {
  return sessionRef(createSessionId(partitionOf(user.issuer, user.subject)));
}

export function newDocument(nowMs: number, changes: Partial<SessionDocument> = {}): SessionDocument {
  return {
    schema: SCHEMA_VERSION,
    identity: { provider: 'main', ...ALICE },
    authentication: { atMs: nowMs },
    scopes: ['invoices:read'],
    attributes: { email_domain: 'example.com' },
    slices: {},
    createdAtMs: nowMs,
    expiresAtMs: nowMs + ABSOLUTE_TIMEOUT_MS,
    ...changes,
  };
}

export function newSession(nowMs: number, changes: Partial<NewSession> = {}): NewSession {
  return {
    ref: newRef(),
    document: newDocument(nowMs),
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    proof: newProof(nowMs),
    nowMs,
    ...changes,
  };
}

export function newProof(nowMs: number): NewSession['proof'] {
  return { hash: randomUUID().replaceAll('-', ''), validUntilMs: nowMs + 300_000 };
}

/** The document with another cart, which is what writers write in these tests. */
export function withCart(document: SessionDocument, cart: unknown): SessionDocument {
  return { ...document, slices: { ...document.slices, cart } };
}

/** Any text that UTF-8 can carry. Much quicker to set up than fast-check's own `binary` unit. */
export const anyText = fc.string({
  unit: fc
    .integer({ min: 0, max: 0x10ffff })
    .filter((point) => point < 0xd800 || point > 0xdfff)
    .map((point) => String.fromCodePoint(point)),
});
