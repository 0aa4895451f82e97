import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryIndex, type IndexedSession } from '../../../src/session/memory-index.ts';
import type { SessionRef } from '../../../src/session/ref.ts';

const SUBJECTS = ['alice', 'bob'] as const;

function session(number: number, createdAtMs: number): IndexedSession {
  const subject = number % 2 ? 'alice' : 'bob';
  const identity = { provider: 'main', issuer: 'issuer', subject, providerSession: `sid-${number % 3}` };
  return { ref: `00.${number}` as SessionRef, createdAtMs, identity };
}

test('what is added and removed in any order is listed as a sorted list would be', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(12), fc.nat(4)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.nat(12), fc.nat(4), (script, fromNumber, fromMs) => {
      const index = createMemoryIndex();
      const expected = new Map<SessionRef, IndexedSession>();
      for (const [isAdded, number, createdAtMs] of script) {
        const next = session(number, createdAtMs);
        if (isAdded) index.add(next);
        else index.remove(next.ref);
        if (isAdded) expected.set(next.ref, next);
        else expected.delete(next.ref);
      }
      const sorted = [...expected.values()].sort(
        (a, b) => a.createdAtMs - b.createdAtMs || (a.ref < b.ref ? -1 : 1),
      );
      expect(index.all()).toEqual(sorted);
      for (const subject of SUBJECTS) {
        const own = sorted.filter(({ identity }) => identity.subject === subject);
        expect(index.ofSubject({ issuer: 'issuer', subject })).toEqual(own);
      }
      const ofSid = sorted.filter(({ identity }) => identity.providerSession === 'sid-1');
      expect(index.ofProviderSession('issuer', 'sid-1')).toEqual(ofSid);
      const from = session(fromNumber, fromMs);
      const rest = sorted.filter(
        ({ createdAtMs, ref }) => createdAtMs > fromMs || (createdAtMs === fromMs && ref >= from.ref),
      );
      expect([...index.from(from)]).toEqual(rest);
    }),
  );
});
