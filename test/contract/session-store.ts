/** What every session store must do, as tests: run on each implementation (redis-store.test.ts, memory-store.test.ts). */
import { afterEach, beforeEach, describe } from 'vitest';
import type { RecordFields } from '../../src/session/record.ts';
import type { SessionRef } from '../../src/session/ref.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { corruptRecordTests } from './corrupt-records.ts';
import { isolationTests } from './isolation.ts';
import { lifeTests } from './life.ts';
import { raceTests } from './races.ts';

/** A store, and a way into it that its users do not have. */
export interface StoreUnderTest {
  readonly store: SessionStore;
  /** Another client of the same store, as another replica has. */
  readonly replica: SessionStore;
  /** The clock by which the store forgets. */
  readonly nowMs: () => number;
  /** Returns once this much time is certain to pass without the test's doing: a fake clock moves, a real one runs. */
  readonly passTime: (ms: number) => void;
  /** Puts a raw record in place, for an hour; a Buffer is for bytes that are not UTF-8. */
  readonly inject: (ref: SessionRef, fields: RawFields) => Promise<void> | void;
  readonly fields: (ref: SessionRef) => Promise<RecordFields | undefined> | RecordFields | undefined;
  /** When the record of this session is forgotten, in Unix milliseconds. */
  readonly forgottenAtMs: (ref: SessionRef) => Promise<number | undefined> | number | undefined;
  /** How many records there are of any kind, expired ones included while they take space. */
  readonly countRecords: () => Promise<number> | number;
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
    raceTests(store);
    corruptRecordTests(store);
    isolationTests(store);
  });
}
