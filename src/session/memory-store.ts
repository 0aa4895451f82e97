/**
 * The session store inside this process, for one replica and for tests: nothing outlives the process. Holds records
 * laid out and encoded as in Redis, so that no object is shared with a caller.
 */
import { createDocumentMemo } from './document-memo.ts';
import { encodeDocument } from './document.ts';
import {
  encodeWholeNumber,
  forgetAtMs,
  lookupOf,
  otherExpires,
  wholeNumber,
  type RecordFields,
} from './record.ts';
import { partitionOfRef, type SessionRef } from './ref.ts';
import {
  CORRUPT_TOMBSTONE_MS,
  RETENTION_MS,
  StoreError,
  type CreateOutcome,
  type NewSession,
  type Revocation,
  type RevokeOutcome,
  type SessionLookup,
  type SessionStore,
  type SessionWrite,
  type StoreOperation,
  type Touch,
  type WriteOutcome,
} from './store.ts';

export interface MemoryRecord {
  fields: RecordFields;
  /** Unix milliseconds: from then on the record is not there. */
  forgetAtMs: number;
}

export interface MemoryStoreOptions {
  /** Unix milliseconds, the clock by which records are forgotten. Default `Date.now`. */
  readonly now?: () => number;
  /** Where the records are kept; by default nobody else sees them. */
  readonly records?: Map<string, MemoryRecord>;
}

/** Each operation looks at so many records for ones to forget: there is no timer, and no long pause. */
const SWEEP_STEP = 8;

/** Each operation is atomic because it runs in one turn of the event loop. It keeps no process alive. */
export function createMemoryStore(options: MemoryStoreOptions = {}): SessionStore {
  const { now = Date.now, records = new Map<string, MemoryRecord>() } = options;
  const sweep = sweeper(records, now);
  const decode = createDocumentMemo();
  let isClosed = false;

  /** What every operation begins with. */
  function enter(operation: StoreOperation): void {
    if (isClosed) {
      throw new StoreError('ERR_STORE_UNAVAILABLE', `the store can't answer ${operation}: it is closed`);
    }
    sweep();
  }

  function find(key: string): MemoryRecord | undefined {
    const record = records.get(key);
    if (record === undefined || now() < record.forgetAtMs) return record;
    records.delete(key);
    return undefined;
  }

  function read(ref: SessionRef): SessionLookup {
    enter('read');
    const { version, document, lastSeen, revoked, revokedAt } = find(sessionKey(ref))?.fields ?? {};
    return lookupOf(ref, version, document, lastSeen, revoked, revokedAt, decode);
  }

  function create(session: NewSession): CreateOutcome {
    enter('create');
    const { ref, document, nowMs, idleTimeoutMs, proof } = session;
    const proofKey = `${partitionOfRef(ref)}:proof:${proof.hash}`;
    if (find(sessionKey(ref)) || find(proofKey)) return { outcome: 'replayed' };
    const fields = {
      version: '1',
      document: encodeDocument(document),
      lastSeen: encodeWholeNumber(nowMs),
      expires: encodeWholeNumber(document.expiresAtMs),
    };
    records.set(proofKey, { fields: {}, forgetAtMs: proof.validUntilMs });
    records.set(sessionKey(ref), {
      fields,
      forgetAtMs: forgetAtMs(document.expiresAtMs, nowMs, idleTimeoutMs),
    });
    return { outcome: 'created', session: { ref, version: 1, lastSeenAtMs: nowMs, document } };
  }

  function write({ ref, expectedVersion, document }: SessionWrite): WriteOutcome {
    enter('write');
    const text = encodeDocument(document);
    const record = find(sessionKey(ref));
    if (record?.fields.revoked !== undefined) return { outcome: 'revoked' };
    const live = record && liveNumbers(record.fields);
    if (!live) return { outcome: 'absent' };
    if (live.version !== expectedVersion) return { outcome: 'conflict', currentVersion: live.version };
    if (live.expires !== document.expiresAtMs) throw otherExpires();
    const version = live.version + 1;
    Object.assign(record.fields, { document: text, version: encodeWholeNumber(version) });
    return { outcome: 'written', version };
  }

  function revoke({ ref, cause, nowMs }: Revocation): RevokeOutcome {
    enter('revoke');
    const record = find(sessionKey(ref));
    if (!record) return { outcome: 'absent' };
    if (record.fields.revoked !== undefined) return { outcome: 'already_revoked' };
    const tombstone = { revoked: cause, revokedAt: encodeWholeNumber(nowMs) };
    const live = liveNumbers(record.fields);
    if (live) {
      const { version, expires } = live;
      record.fields = { ...tombstone, version: String(version), expires: String(expires) };
      record.forgetAtMs = expires + RETENTION_MS;
    } else {
      record.fields = tombstone;
      record.forgetAtMs = nowMs + CORRUPT_TOMBSTONE_MS;
    }
    return { outcome: 'revoked' };
  }

  function touch({ ref, seenAtMs, idleTimeoutMs }: Touch): void {
    enter('touch');
    const record = find(sessionKey(ref));
    const live = record && liveNumbers(record.fields);
    if (!live) return;
    const { lastSeen, expires } = live;
    if (seenAtMs <= lastSeen || seenAtMs >= lastSeen + idleTimeoutMs || seenAtMs >= expires) return;
    record.fields.lastSeen = encodeWholeNumber(seenAtMs);
    record.forgetAtMs = forgetAtMs(expires, seenAtMs, idleTimeoutMs);
  }

  return {
    read: (ref) => soon(() => read(ref)),
    create: (session) => soon(() => create(session)),
    write: (change) => soon(() => write(change)),
    revoke: (revocation) => soon(() => revoke(revocation)),
    touch: (seen) => soon(() => touch(seen)),
    ping: () => soon(() => enter('ping')),
    close: () =>
      soon(() => {
        isClosed = true;
        records.clear();
      }),
  };
}

/** Runs at once; what is thrown becomes a rejection. */
function soon<T>(operation: () => T): Promise<T> {
  return new Promise((resolve) => resolve(operation()));
}

function sessionKey(ref: SessionRef): string {
  return `${partitionOfRef(ref)}:session:${ref.slice(3)}`;
}

/** The numbers of a record that may be changed; undefined for a tombstone, and where a field is missing or damaged. */
function liveNumbers(fields: RecordFields) {
  if (fields.revoked !== undefined || fields.document === undefined) return undefined;
  const version = wholeNumber(fields.version);
  const lastSeen = wholeNumber(fields.lastSeen);
  const expires = wholeNumber(fields.expires);
  if (version === undefined || lastSeen === undefined || expires === undefined) return undefined;
  return { version, lastSeen, expires };
}

/** Goes round the records for ever, a few in each call, and forgets those whose time has come (A5). */
function sweeper(records: Map<string, MemoryRecord>, now: () => number): () => void {
  let round = records.entries();
  return () => {
    const nowMs = now();
    for (let looked = 0; looked < SWEEP_STEP; looked += 1) {
      const next = round.next();
      if (next.done) {
        round = records.entries();
        return;
      }
      const [key, record] = next.value;
      if (nowMs >= record.forgetAtMs) records.delete(key);
    }
  };
}
