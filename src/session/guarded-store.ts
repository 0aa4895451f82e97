/** A session store that is left alone while it does not answer (D8): a circuit breaker before each operation. */
import {
  createCircuitBreaker,
  type BreakerOptions,
  type CallRole,
  type CircuitBreaker,
} from '../breaker/circuit-breaker.ts';
import { StoreError, type SessionStore, type StoreOperation } from './store.ts';

/** Opens on operations that the store did not answer. One that it refuses, for want of memory say, was answered. */
export function createStoreBreaker(options: Omit<BreakerOptions, 'isOutage'>): CircuitBreaker {
  return createCircuitBreaker({
    ...options,
    isOutage: (error) => error instanceof StoreError && !error.answered,
  });
}

/**
 * While the breaker is open an operation rejects at once with `ERR_STORE_NOT_ASKED`, and nothing of it was sent. A `read`
 * is what tries the store again, since it changes nothing; `ping` is always sent, and closes the breaker where it is
 * answered: whoever waits for the store to come back learns it, and so does everybody else.
 */
export function guardStore(store: SessionStore, breaker: CircuitBreaker): SessionStore {
  function guarded<T>(operation: StoreOperation, role: CallRole, call: () => Promise<T>): Promise<T> {
    return breaker.admits(role) ? breaker.run(role, call) : Promise.reject(notAsked(operation, breaker));
  }

  return {
    read: (ref) => guarded('read', 'trial', () => store.read(ref)),
    create: (session) => guarded('create', 'call', () => store.create(session)),
    write: (write) => guarded('write', 'call', () => store.write(write)),
    revoke: (revocation) => guarded('revoke', 'call', () => store.revoke(revocation)),
    revokeMany: (revocation) => guarded('revokeMany', 'call', () => store.revokeMany(revocation)),
    touch: (touch) => guarded('touch', 'call', () => store.touch(touch)),
    refresh: (refresh) => guarded('refresh', 'call', () => store.refresh(refresh)),
    list: (query) => guarded('list', 'call', () => store.list(query)),
    isSpent: (hash) => guarded('isSpent', 'call', () => store.isSpent(hash)),
    spend: (proof) => guarded('spend', 'call', () => store.spend(proof)),
    record: (note, about) => guarded('record', 'call', () => store.record(note, about)),
    audit: (query) => guarded('audit', 'call', () => store.audit(query)),
    take: (takes) => guarded('take', 'call', () => store.take(takes)),
    ping: () => guarded('ping', 'probe', () => store.ping()),
    close: () => store.close(),
  };
}

function notAsked(operation: StoreOperation, { lastOutage }: CircuitBreaker): StoreError {
  const last = lastOutage instanceof StoreError ? `; last: ${lastOutage.message}` : '';
  const message = `the store is not asked for ${operation}: its circuit breaker is open${last}`;
  return new StoreError('ERR_STORE_NOT_ASKED', message);
}
