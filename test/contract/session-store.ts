/** What every session store must do, as tests: run on each implementation (redis-store.test.ts, memory-store.test.ts). */
import { afterEach, beforeEach, describe } from 'vitest';
import type { Sealer } from '../../src/sealing/sealer.ts';
import type { RecordFields } from '../../src/session/record.ts';
import type { SessionRef } from '../../src/session/ref.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { auditTrailTests } from './audit-trail.ts';
import { corruptRecordTests } from './corrupt-records.ts';
import { isolationTests } from './isolation.ts';
import { lifeTests } from './life.ts';
import { listingTests } from './listing.ts';
import { massRevocationTests } from './mass-revocation.ts';
import { raceTests } from './races.ts';
import { rateLimitTests } from './rate-limits.ts';
import { refreshTests } from './refresh.ts';
import { sealedRecordTests } from './sealed-records.ts';
import { spentProofTests } from './spent-proofs.ts';
import { subjectLimitTests } from './subject-limit.ts';
import { successionTests } from './succession.ts';

/** A store, and a way into it that its users do not have. */
export interface StoreUnderTest {
  readonly store: SessionStore;
  /** Another client of the same store, as another replica has. */
  readonly replica: SessionStore;
  /** The clock by which the store forgets. */
  readonly nowMs: () => number;
  /** Returns once this much time is certain to pass without the test's doing: a fake clock moves, a real one runs. */
  readonly passTime: (ms: number) => void;
  /** Puts raw fields in place, over those that are there, and keeps the record for an hour; a Buffer is for bytes that are not UTF-8. */
  readonly inject: (ref: SessionRef, fields: RawFields) => Promise<void> | void;
  readonly fields: (ref: SessionRef) => Promise<RecordFields | undefined> | RecordFields | undefined;
  /** When the record of this session is forgotten, in Unix milliseconds. */
  readonly forgottenAtMs: (ref: SessionRef) => Promise<number | undefined> | number | undefined;
  /** How many records there are of any kind but the audit trail's, expired ones included while they take space. */
  readonly countRecords: () => Promise<number> | number;
  /** From now on documents are sealed with it, by both clients. Before, they are stored as they are. */
  readonly sealWith: (sealer: Sealer) => void;
  /** From now on the trail keeps no more than this. */
  readonly boundAudit: (bounds: { readonly maxEntries: number; readonly maxAgeMs: number }) => void;
  /** Ends what `open` began. */
  readonly dispose: () => Promise<void>;
}

export type RawFields = Readonly<Partial<Record<keyof RecordFields, string | Buffer>>>;

/** Gives each test the store that was opened for it. */
export type CurrentStore = () => StoreUnderTest;

export function sessionStoreContract(
  name: string,
  open: () => Promise<StoreUnderTest> | StoreUnderTest,
): void {
  describe(`the session store contract on ${name}`, () => {
    let current: StoreUnderTest | undefined;

    beforeEach(async () => {
      current = await open();
    });

    afterEach(async () => {
      await current?.dispose();
      current = undefined;
    });

    const store: CurrentStore = () => {
      if (current === undefined) throw new Error('no store is open');
      return current;
    };
    lifeTests(store);
    subjectLimitTests(store);
    successionTests(store);
    massRevocationTests(store);
    refreshTests(store);
    listingTests(store);
    auditTrailTests(store);
    rateLimitTests(store);
    spentProofTests(store);
    raceTests(store);
    corruptRecordTests(store);
    sealedRecordTests(store);
    isolationTests(store);
  });
}
