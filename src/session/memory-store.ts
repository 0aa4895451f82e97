/**
 * The session store inside this process, for one replica and for tests: nothing outlives the process. Hides how records,
 * index, audit trail and rate limits are kept.
 */
import { unsealedText, type Sealer } from '../sealing/sealer.ts';
import { createMemoryAudit, type AuditBounds } from './memory-audit.ts';
import { createMemoryRates } from './memory-rates.ts';
import { createMemoryRecords, type MemoryRecord } from './memory-records.ts';
import { createMemorySessions } from './memory-sessions.ts';
import { StoreError, type SessionStore, type StoreOperation } from './store.ts';

export type { MemoryRecord };

export interface MemoryStoreOptions {
  /** Unix milliseconds: the store's clock, by which records are forgotten, audited and counted. Default `Date.now`. */
  readonly now?: () => number;
  /** Where the records are kept; by default nobody else sees them. */
  readonly records?: Map<string, MemoryRecord>;
  /** Asked for anew each time. Default: documents are kept as they are. */
  readonly sealer?: () => Sealer;
  /** How much of the audit trail is kept; asked for anew each time. Default: 100,000 records, of any age. */
  readonly audit?: () => AuditBounds;
}

const AUDIT_BOUNDS: AuditBounds = { maxEntries: 100_000, maxAgeMs: Infinity };

/** Each operation is atomic because it runs in one turn of the event loop. It keeps no process alive. */
export function createMemoryStore(options: MemoryStoreOptions = {}): SessionStore {
  const { now = Date.now, records: entries = new Map<string, MemoryRecord>() } = options;
  const { sealer = () => unsealedText, audit: bounds = () => AUDIT_BOUNDS } = options;
  const records = createMemoryRecords({ entries, now, sealer });
  const trail = createMemoryAudit({ now, bounds, sealer, ownerOf: (ref) => records.ownerOf(ref) });
  const rates = createMemoryRates(now);
  const sessions = createMemorySessions(records, trail, now);
  let isClosed = false;

  /** What every operation begins with. */
  function enter(operation: StoreOperation): void {
    if (isClosed) {
      throw new StoreError('ERR_STORE_UNAVAILABLE', `the store can't answer ${operation}: it is closed`);
    }
    records.sweep();
    rates.sweep();
  }

  /** Runs at once; what is thrown becomes a rejection. */
  function soon<T>(operation: StoreOperation, answer: () => T): Promise<T> {
    return new Promise((resolve) => {
      enter(operation);
      resolve(answer());
    });
  }

  return {
    read: (ref) => soon('read', () => records.lookup(ref)),
    create: (session) => soon('create', () => sessions.create(session)),
    write: (change) => soon('write', () => sessions.write(change)),
    revoke: (revocation) => soon('revoke', () => sessions.revoke(revocation)),
    revokeMany: (revocation) => soon('revokeMany', () => sessions.revokeMany(revocation)),
    touch: (seen) => soon('touch', () => sessions.touch(seen)),
    refresh: (asked) => soon('refresh', () => sessions.refresh(asked)),
    list: (query) => soon('list', () => sessions.list(query)),
    isSpent: (hash) => soon('isSpent', () => records.isUsed({ hash })),
    spend: ({ hash, validUntilMs }) => soon('spend', () => records.use({ hash }, validUntilMs)),
    record: (note, about) => soon('record', () => trail.record(note, about)),
    audit: (query) => soon('audit', () => trail.query(query)),
    take: (takes) => soon('take', () => rates.take(takes)),
    ping: () => soon('ping', () => undefined),
    async close() {
      isClosed = true;
      for (const part of [records, trail, rates]) part.clear();
      return Promise.resolve();
    },
  };
}
