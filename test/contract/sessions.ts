/** Sessions for tests: each one new, in a partition of the caller's choice. */
import { createHash, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { AuditAction, AuditNote, AuditQuery, AuditRecord } from '../../src/session/audit.ts';
import { SCHEMA_VERSION, type SessionDocument } from '../../src/session/document.ts';
import {
  createSessionId,
  partitionOf,
  sessionRef,
  type SessionRef,
  type Subject,
} from '../../src/session/ref.ts';
import type {
  ListedSession,
  NewSession,
  Refresh,
  Revocation,
  RevocationCause,
  SessionQuery,
  SessionStore,
  SessionWrite,
} from '../../src/session/store.ts';

export const IDLE_TIMEOUT_MS = 1_800_000;
export const ABSOLUTE_TIMEOUT_MS = 43_200_000;

export const ALICE = { issuer: 'https://idp.example.com/realms/main', subject: 'alice' } as const;
export const BOB = { issuer: 'https://idp.example.com/realms/main', subject: 'bob' } as const;

export type User = Subject;

/** Another subject whose sessions lie in the same partition as Alice's. */
export const ALICES_NEIGHBOUR: User = neighbourOf(ALICE);

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
    note: newNote('session_created'),
    ...changes,
  };
}

/** A session of this user, with a ref in the user's partition and the user's identity. */
export function sessionOf(user: User, nowMs: number, changes: Partial<NewSession> = {}): NewSession {
  const document = newDocument(nowMs, { identity: { provider: 'main', ...user } });
  return newSession(nowMs, { ref: newRef(user), document, ...changes });
}

export function newNote(action: AuditAction, changes: Partial<AuditNote> = {}): AuditNote {
  return { action, actor: { kind: 'singlestate', name: '' }, ...changes };
}

export function writeOf(
  { ref, document }: Pick<NewSession, 'ref' | 'document'>,
  expectedVersion = 1,
  changes: Partial<SessionWrite> = {},
): SessionWrite {
  return { ref, expectedVersion, document, note: newNote('session_written'), ...changes };
}

export function revocationOf(
  ref: SessionRef,
  nowMs: number,
  cause: RevocationCause = 'operator',
): Revocation {
  return { ref, cause, nowMs, note: newNote('session_revoked') };
}

/** The use of the refresh token `presented`, which is to be followed by `successor`; both are any text. */
export function refreshOf(
  ref: SessionRef,
  presented: string,
  successor: string,
  nowMs: number,
  changes: Partial<Refresh> = {},
): Refresh {
  return {
    ref,
    presentedHash: refreshHash(presented),
    successorHash: refreshHash(successor),
    successor: `sealed:${successor}`,
    graceMs: 10_000,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    nowMs,
    note: newNote('session_refreshed'),
    reuseNote: newNote('refresh_reused'),
    ...changes,
  };
}

/** As stores know a refresh token. */
export function refreshHash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
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

function neighbourOf({ issuer, subject }: User): User {
  for (let number = 1; ; number += 1) {
    const other = `${subject}-${number}`;
    if (partitionOf(issuer, other) === partitionOf(issuer, subject)) return { issuer, subject: other };
  }
}

/** More sessions than any test has. */
const MOST_LISTED = 10_000;

/** All that a query lists, page by page. */
export async function listAll(
  store: SessionStore,
  query: Omit<SessionQuery, 'limit' | 'after'> = {},
  limit = 100,
): Promise<ListedSession[]> {
  const listed: ListedSession[] = [];
  for (;;) {
    const after = listed.at(-1);
    const page = await store.list({ ...query, limit, ...(after && { after }) });
    listed.push(...page);
    if (listed.length > MOST_LISTED) throw new Error('the listing does not come to an end');
    if (page.length < limit) return listed;
  }
}

/** All that a query finds in the audit trail, page by page. */
export async function auditAll(
  store: SessionStore,
  query: Omit<AuditQuery, 'limit' | 'after'> = {},
  limit = 100,
): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await store.audit({ ...query, limit, ...(after !== undefined && { after }) });
    records.push(...page.records);
    after = page.position;
    if (!page.more) return records;
  }
}

/** The element at that place, which must be there. */
export function nth<T>(list: readonly T[], place: number): T {
  if (place < 0 || place >= list.length) throw new Error(`there is no element ${place} of ${list.length}`);
  return list[place] as T;
}

export function statesOf(store: SessionStore, refs: readonly SessionRef[]): Promise<string[]> {
  return Promise.all(refs.map(async (ref) => (await store.read(ref)).state));
}
