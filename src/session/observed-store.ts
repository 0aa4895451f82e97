/** A session store whose every operation is counted and timed; it changes nothing else. */
import type { RateOutcome } from './rate-limit.ts';
import { StoreError, type SessionLookup, type SessionStore, type StoreOperation } from './store.ts';

/**
 * How an operation ended, as a metric's label. `ok`: it found or did what was asked. From `absent` to `refused` are
 * answers too. `timeout` and `unavailable`: the store failed to answer. `breaker_open`: it was not asked. `fault`: a
 * mistake of the caller's.
 */
export type StoreOutcome =
  | 'ok'
  | 'absent'
  | 'revoked'
  | 'corrupt'
  | 'conflict'
  | 'replayed'
  | 'limited'
  | 'stale'
  | 'repeated'
  | 'reused'
  | 'refused'
  | 'timeout'
  | 'unavailable'
  | 'breaker_open'
  | 'fault';

export type ObserveStore = (operation: StoreOperation, outcome: StoreOutcome, seconds: number) => void;

/** `observe` is called once for each operation, when it ends; it must not throw. */
export function observeStore(store: SessionStore, observe: ObserveStore): SessionStore {
  function observed<T>(
    operation: StoreOperation,
    pending: Promise<T>,
    outcomeOf: (value: T) => StoreOutcome,
  ): Promise<T> {
    const startedAt = performance.now();
    const ended = (outcome: StoreOutcome) =>
      observe(operation, outcome, (performance.now() - startedAt) / 1_000);
    return pending.then(
      (value) => {
        ended(outcomeOf(value));
        return value;
      },
      (error: unknown) => {
        ended(outcomeOfFailure(error));
        throw error;
      },
    );
  }

  return {
    read: (ref) => observed('read', store.read(ref), outcomeOfRead),
    create: (session) => observed('create', store.create(session), ({ outcome }) => CREATE[outcome]),
    write: (write) => observed('write', store.write(write), ({ outcome }) => WRITE[outcome]),
    revoke: (revocation) => observed('revoke', store.revoke(revocation), ({ outcome }) => REVOKE[outcome]),
    revokeMany: (revocation) => observed('revokeMany', store.revokeMany(revocation), ok),
    touch: (touch) => observed('touch', store.touch(touch), ok),
    refresh: (refresh) => observed('refresh', store.refresh(refresh), ({ outcome }) => REFRESH[outcome]),
    list: (query) => observed('list', store.list(query), ok),
    isSpent: (hash) => observed('isSpent', store.isSpent(hash), (isSpent) => (isSpent ? 'replayed' : 'ok')),
    spend: (proof) => observed('spend', store.spend(proof), ok),
    record: (note, about) => observed('record', store.record(note, about), ok),
    audit: (query) => observed('audit', store.audit(query), ok),
    take: (takes) => observed('take', store.take(takes), outcomeOfTake),
    ping: () => observed('ping', store.ping(), ok),
    close: () => store.close(),
  };
}

const READ = { live: 'ok', absent: 'absent', revoked: 'revoked', corrupt: 'corrupt' } as const;
const CREATE = { created: 'ok', replayed: 'replayed', limited: 'limited', stale: 'stale' } as const;
const WRITE = { written: 'ok', conflict: 'conflict', absent: 'absent', revoked: 'revoked' } as const;
const REVOKE = { revoked: 'ok', already_revoked: 'revoked', absent: 'absent' } as const;
const REFRESH = { rotated: 'ok', repeated: 'repeated', reused: 'reused', refused: 'refused' } as const;

const FAILURES = {
  ERR_STORE_TIMEOUT: 'timeout',
  ERR_STORE_UNAVAILABLE: 'unavailable',
  ERR_STORE_NOT_ASKED: 'breaker_open',
} as const;

function ok(): StoreOutcome {
  return 'ok';
}

export function outcomeOfRead({ state }: SessionLookup): StoreOutcome {
  return READ[state];
}

export function outcomeOfTake({ allowed }: RateOutcome): StoreOutcome {
  return allowed ? 'ok' : 'limited';
}

export function outcomeOfFailure(error: unknown): StoreOutcome {
  if (!(error instanceof StoreError)) return 'fault';
  return FAILURES[error.code];
}
