/**
 * How a session is laid out in the store: the fields of its record, what they mean, and when the record is forgotten.
 * `scripts/record.lua` judges records by the same rules.
 */
import type { DocumentMemo } from './document-memo.ts';
import { RETENTION_MS, type RevocationCause, type SessionLookup } from './store.ts';
import type { SessionRef } from './ref.ts';

/** All values are text; numbers are decimal digits. A tombstone has no document and no lastSeen. */
export interface RecordFields {
  /** Whose record it is, so that an answer which got mixed up on its way is told from the right one (E2). */
  ref?: string;
  version?: string;
  document?: string;
  lastSeen?: string;
  /** The absolute timeout, as in the document; set once. */
  expires?: string;
  /** The cause; its presence makes the record a tombstone. */
  revoked?: string;
  revokedAt?: string;
}

/** A value that is not there is null, as Redis says it. */
type FieldValue = string | null | undefined;

/** What a read needs, in the order that `lookupOf` takes it. */
export const READ_FIELDS = ['version', 'document', 'lastSeen', 'revoked', 'revokedAt'] as const;

const CAUSES: readonly string[] = ['operator', 'corrupt'] satisfies RevocationCause[];

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
  const decoded = decode(ref, text);
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
