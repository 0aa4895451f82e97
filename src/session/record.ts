/**
 * How a session is laid out in the store: the fields of its record, what they mean, what is sealed, and when the record
 * is forgotten. `scripts/record.lua` judges records by the same rules.
 */
import { createHash } from 'node:crypto';
import type { Sealer } from '../sealing/sealer.ts';
import type { DocumentMemo } from './document-memo.ts';
import { encodeDocument, type SessionDocument, documentContext } from './document.ts';
import {
  RETENTION_MS,
  REVOCATION_CAUSES,
  type NewSession,
  type RevocationCause,
  type SessionLookup,
} from './store.ts';
import { partitionOf, partitionOfRef, type SessionRef, type Subject } from './ref.ts';

/** All values are text; numbers are decimal digits. */
export interface RecordFields {
  /** Whose record it is, so that an answer which got mixed up on its way is told from the right one (E2). */
  ref?: string;
  version?: string;
  /** Sealed for `documentContext`. */
  document?: string;
  lastSeen?: string;
  /** The absolute timeout, as in the document; set once. */
  expires?: string;
  /** `createdAtMs`, as in the document of the creation; the session is listed by it. */
  created?: string;
  /** `subjectHash`: the index that the session is in. */
  subject?: string;
  /** The `Subject` as JSON, sealed for `ownerContext`: the audit trail names it also once the document is gone. */
  owner?: string;
  /** `identityHash`: a write must not change it. */
  identity?: string;
  /** `providerHash`, where the session came from one at the provider: the index that it is in. */
  provider?: string;
  /** SHA-256 of the refresh token that is good now. */
  refresh?: string;
  /** SHA-256 of the one before it, when that was used first, and the successor that was given for it. */
  refreshed?: string;
  refreshedAt?: string;
  successor?: string;
  /** `NewSession.logoutHint`, sealed for `hintContext`. */
  hint?: string;
  /** The cause; its presence makes the record a tombstone. */
  revoked?: string;
  revokedAt?: string;
}

/** What a tombstone keeps of a live record; of a corrupt one the last two. */
export const KEPT_FIELDS = ['version', 'expires', 'subject', 'owner'] as const;

/** A value that is not there is null, as Redis says it. */
type FieldValue = string | null | undefined;

/** What a read needs, in the order that `lookupOf` takes it. */
export const READ_FIELDS = ['version', 'document', 'lastSeen', 'revoked', 'revokedAt'] as const;

const CAUSES: readonly string[] = REVOCATION_CAUSES;

/** Whole numbers of up to 15 digits: exact in JavaScript and in Lua. */
const WHOLE_NUMBER = /^[1-9][0-9]{0,14}$/;

/** Undefined for anything but a whole number from 1, written in its only form. */
export function wholeNumber(text: FieldValue): number | undefined {
  return text != null && WHOLE_NUMBER.test(text) ? Number(text) : undefined;
}

/**
 * A time or a version as it is stored.
 * @throws RangeError for what could not be read back.
 */
export function encodeWholeNumber(value: number): string {
  const text = String(value);
  if (!WHOLE_NUMBER.test(text))
    throw new RangeError('a stored time or version must be a whole number from 1');
  return text;
}

/**
 * The record of a session that is created now.
 * @throws TypeError, RangeError for what could not be read back.
 */
export function recordOf(session: NewSession, sealer: Sealer) {
  const { ref, document, nowMs, refreshHash, logoutHint } = session;
  return {
    ref,
    version: '1',
    document: sealDocument(document, ref, 1, sealer),
    lastSeen: encodeWholeNumber(nowMs),
    expires: encodeWholeNumber(document.expiresAtMs),
    ...indexFieldsOf(ref, document, sealer),
    ...(refreshHash !== undefined && { refresh: refreshHash }),
    ...(logoutHint !== undefined && { hint: sealer.seal(logoutHint, hintContext(ref)) }),
  } satisfies RecordFields;
}

/** By what a session is found without its ref, and whose it is: what records of the first layout do not have. */
export function indexFieldsOf(ref: SessionRef, document: SessionDocument, sealer: Sealer) {
  const { identity, createdAtMs } = document;
  return {
    created: encodeWholeNumber(createdAtMs),
    subject: subjectHash(identity),
    owner: sealOwner(identity, ref, sealer),
    identity: identityHash(identity),
    ...(identity.providerSession !== undefined && {
      provider: providerHash(identity.issuer, identity.providerSession),
    }),
  } satisfies RecordFields;
}

/** @throws TypeError for what is no session document. */
export function sealDocument(
  document: SessionDocument,
  ref: SessionRef,
  version: number,
  sealer: Sealer,
): string {
  return sealer.seal(encodeDocument(document), documentContext(ref, version));
}

export function sealOwner({ issuer, subject }: Subject, ref: SessionRef | undefined, sealer: Sealer): string {
  return sealer.seal(JSON.stringify({ issuer, subject }), ownerContext(ref));
}

/** Undefined where there is none, or it can't be unsealed (any more). */
export function unsealOwner(
  owner: FieldValue,
  ref: SessionRef | undefined,
  sealer: Sealer,
): Subject | undefined {
  const text = unsealText(owner, ownerContext(ref), sealer);
  return text === undefined ? undefined : subjectIn(text);
}

/** Undefined where there is none, or it can't be unsealed (any more). */
export function unsealHint(hint: FieldValue, ref: SessionRef, sealer: Sealer): string | undefined {
  return unsealText(hint, hintContext(ref), sealer);
}

function unsealText(sealed: FieldValue, context: string, sealer: Sealer): string | undefined {
  if (sealed == null) return undefined;
  const unsealed = sealer.unseal(sealed, context);
  return unsealed.ok ? unsealed.text : undefined;
}

function ownerContext(ref: SessionRef | undefined): string {
  return `owner ${ref ?? 'none'}`;
}

function hintContext(ref: SessionRef): string {
  return `hint ${ref}`;
}

function subjectIn(text: string): Subject | undefined {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof Subject, unknown>> | null;
    const { issuer, subject } = value ?? {};
    return typeof issuer === 'string' && typeof subject === 'string' ? { issuer, subject } : undefined;
  } catch {
    return undefined;
  }
}

/** Names a subject in keys and indexes. */
export function subjectHash({ issuer, subject }: Subject): string {
  return shortHash(JSON.stringify([issuer, subject]));
}

/** Names a session at an identity provider (OIDC `sid`) in keys and indexes. */
export function providerHash(issuer: string, providerSession: string): string {
  return shortHash(JSON.stringify([issuer, providerSession]));
}

/** Differs where anything about the identity does. */
export function identityHash(identity: SessionDocument['identity']): string {
  const { provider, issuer, subject, providerSession = null } = identity;
  return shortHash(JSON.stringify([provider, issuer, subject, providerSession]));
}

/** The first 128 bits of SHA-256 in base64url, 22 characters: for whatever must not be in a key as it is. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
}

/** Judges what a read found. Never throws: whatever is stored gets a state (D4), and a tombstone wins over all (E6). */
export function lookupOf(
  ref: SessionRef,
  version: FieldValue,
  document: FieldValue,
  lastSeen: FieldValue,
  revoked: FieldValue,
  revokedAt: FieldValue,
  decode: DocumentMemo,
): SessionLookup {
  if (revoked != null) {
    const cause = CAUSES.includes(revoked) ? (revoked as RevocationCause) : 'unknown';
    return { state: 'revoked', cause, revokedAtMs: wholeNumber(revokedAt) ?? 0 };
  }
  if (version == null && document == null && lastSeen == null) return { state: 'absent' };
  return liveLookup(ref, wholeNumber(version), document, wholeNumber(lastSeen), decode);
}

function liveLookup(
  ref: SessionRef,
  version: number | undefined,
  text: FieldValue,
  lastSeenAtMs: number | undefined,
  decode: DocumentMemo,
): SessionLookup {
  if (version === undefined) return corrupt('version: not a whole number');
  if (lastSeenAtMs === undefined) return corrupt('lastSeen: not a whole number');
  if (text == null) return corrupt('document: missing');
  const decoded = decode(ref, version, text);
  if (!decoded.ok) return { state: 'corrupt', problem: decoded.problem, removable: decoded.removable };
  return { state: 'live', session: { ref, version, lastSeenAtMs, document: decoded.document } };
}

/** A record that is beyond any code's reading, whatever its age. */
export function corrupt(problem: string): SessionLookup {
  return { state: 'corrupt', problem, removable: true };
}

/** When a live record is forgotten: `RETENTION_MS` after the earlier of its two timeouts (A5). */
export function forgetAtMs(expiresAtMs: number, lastSeenAtMs: number, idleTimeoutMs: number): number {
  return Math.min(expiresAtMs, lastSeenAtMs + idleTimeoutMs) + RETENTION_MS;
}

/** For a write that would move a session's absolute timeout. */
export function otherExpires(): RangeError {
  return new RangeError('a write must keep expiresAtMs: the absolute timeout of a session is set once');
}

/** For a write that would make the session somebody else's. */
export function otherIdentity(): RangeError {
  return new RangeError('a write must keep the identity: a session is whose it was created for');
}

/**
 * The subject's index is where its sessions are; elsewhere, one would not be found there.
 * @throws RangeError for what can't be created in one step.
 */
export function requireOnePartition({ ref, document, replaces }: NewSession): void {
  const { issuer, subject } = document.identity;
  const refs: SessionRef[] = replaces ? [ref, replaces.ref] : [ref];
  if (refs.some((each) => partitionOfRef(each) !== partitionOf(issuer, subject))) {
    throw new RangeError("a session and the one that it replaces must lie in their subject's partition");
  }
}
