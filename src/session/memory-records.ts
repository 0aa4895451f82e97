/** The records of the memory store, laid out and encoded as in Redis, with the index of the sessions among them. */
import type { Sealer } from '../sealing/sealer.ts';
import { createDocumentMemo } from './document-memo.ts';
import type { SessionDocument } from './document.ts';
import type { AuditOwner } from './memory-audit.ts';
import { createForgettingMap, type Forgettable } from './memory-map.ts';
import { createMemoryIndex, type MemoryIndex } from './memory-index.ts';
import {
  encodeWholeNumber,
  forgetAtMs,
  KEPT_FIELDS,
  lookupOf,
  recordOf,
  sealDocument,
  unsealHint,
  wholeNumber,
  type RecordFields,
} from './record.ts';
import { partitionOfRef, type SessionRef } from './ref.ts';
import {
  CORRUPT_TOMBSTONE_MS,
  RETENTION_MS,
  type NewSession,
  type RevocationCause,
  type SessionLookup,
} from './store.ts';

export interface MemoryRecord extends Forgettable {
  fields: RecordFields;
}

/** A record that may be changed, and its numbers. */
export interface LiveRecord {
  readonly record: MemoryRecord;
  readonly version: number;
  readonly lastSeenAtMs: number;
  readonly expiresAtMs: number;
}

export interface MemoryRecords {
  readonly index: MemoryIndex;
  find(ref: SessionRef): MemoryRecord | undefined;
  /** Undefined for a tombstone, and where a field is missing or damaged. */
  findLive(ref: SessionRef): LiveRecord | undefined;
  lookup(ref: SessionRef): SessionLookup;
  /** Whose it is or was, as the audit trail tells it; empty where the record does not say. */
  ownerOf(ref: SessionRef): AuditOwner;
  /** @throws TypeError, RangeError for what could not be read back. */
  add(session: NewSession): void;
  /** Makes the version greater by one. @throws TypeError for what is no session document. */
  rewrite(ref: SessionRef, live: LiveRecord, document: SessionDocument): void;
  slide(live: LiveRecord, seenAtMs: number, idleTimeoutMs: number): void;
  /** Leaves a tombstone, whatever the record was. Returns its logout hint. */
  end(ref: SessionRef, record: MemoryRecord, cause: RevocationCause, nowMs: number): string | undefined;
  isUsed(proof: ProofName): boolean;
  use(proof: ProofName, validUntilMs: number): void;
  sweep(): void;
  clear(): void;
}

/** `ref`: it opened a session in that one's partition. Without: it is what `SessionStore.spend` was told. */
export interface ProofName {
  readonly hash: string;
  readonly ref?: SessionRef;
}

export interface MemoryRecordsOptions {
  readonly entries: Map<string, MemoryRecord>;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly sealer: () => Sealer;
}

export function createMemoryRecords({ entries, now, sealer }: MemoryRecordsOptions): MemoryRecords {
  const index = createMemoryIndex();
  const records = createForgettingMap({ entries, now, onForgotten: (key) => index.remove(refOfKey(key)) });
  const decode = createDocumentMemo(sealer);

  function find(ref: SessionRef): MemoryRecord | undefined {
    return records.get(sessionKey(ref));
  }

  function findLive(ref: SessionRef): LiveRecord | undefined {
    const record = find(ref);
    if (record?.fields.revoked !== undefined || record?.fields.document === undefined) return undefined;
    const version = wholeNumber(record.fields.version);
    const lastSeenAtMs = wholeNumber(record.fields.lastSeen);
    const expiresAtMs = wholeNumber(record.fields.expires);
    if (version === undefined || lastSeenAtMs === undefined || expiresAtMs === undefined) return undefined;
    return { record, version, lastSeenAtMs, expiresAtMs };
  }

  function lookup(ref: SessionRef): SessionLookup {
    const { version, document, lastSeen, revoked, revokedAt } = find(ref)?.fields ?? {};
    return lookupOf(ref, version, document, lastSeen, revoked, revokedAt, decode);
  }

  function ownerOf(ref: SessionRef): AuditOwner {
    const { subject, owner } = find(ref)?.fields ?? {};
    return subject !== undefined && owner !== undefined ? { subject, owner } : {};
  }

  function add(session: NewSession): void {
    const { ref, document, nowMs, idleTimeoutMs } = session;
    const fields = recordOf(session, sealer());
    records.set(sessionKey(ref), {
      fields,
      forgetAtMs: forgetAtMs(document.expiresAtMs, nowMs, idleTimeoutMs),
    });
    const { createdAtMs, identity } = document;
    index.add({ ref, createdAtMs, identity: { ...identity } });
  }

  function end(ref: SessionRef, { fields }: MemoryRecord, cause: RevocationCause, nowMs: number) {
    const live = findLive(ref);
    const tombstone: RecordFields = { revoked: cause, revokedAt: encodeWholeNumber(nowMs) };
    for (const name of live ? KEPT_FIELDS : KEPT_OF_CORRUPT) {
      if (fields[name] !== undefined) tombstone[name] = fields[name];
    }
    records.set(sessionKey(ref), {
      fields: tombstone,
      forgetAtMs: live ? live.expiresAtMs + RETENTION_MS : nowMs + CORRUPT_TOMBSTONE_MS,
    });
    index.remove(ref);
    return unsealHint(fields.hint, ref, sealer());
  }

  return {
    index,
    find,
    findLive,
    lookup,
    ownerOf,
    add,
    end,
    rewrite(ref, { record: { fields }, version }, document) {
      fields.document = sealDocument(document, ref, version + 1, sealer());
      fields.version = encodeWholeNumber(version + 1);
    },
    slide({ record, expiresAtMs }, seenAtMs, idleTimeoutMs) {
      record.fields.lastSeen = encodeWholeNumber(seenAtMs);
      record.forgetAtMs = forgetAtMs(expiresAtMs, seenAtMs, idleTimeoutMs);
    },
    isUsed: (proof) => records.get(proofKey(proof)) !== undefined,
    use: (proof, validUntilMs) => records.set(proofKey(proof), { fields: {}, forgetAtMs: validUntilMs }),
    sweep: () => records.sweep(),
    clear() {
      entries.clear();
      index.clear();
    },
  };
}

const KEPT_OF_CORRUPT = ['subject', 'owner'] as const;

function sessionKey(ref: SessionRef): string {
  return `${partitionOfRef(ref)}:session:${ref.slice(3)}`;
}

/** Of a key that is no session's it is no session's ref. */
function refOfKey(key: string): SessionRef {
  return key.replace(':session:', '.') as SessionRef;
}

function proofKey({ hash, ref }: ProofName): string {
  return ref === undefined ? `spent:${hash}` : `${partitionOfRef(ref)}:proof:${hash}`;
}
