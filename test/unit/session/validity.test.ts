import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Session, SessionLookup } from '../../../src/session/store.ts';
import { validate } from '../../../src/session/validity.ts';
import { newDocument, newRef } from '../../contract/sessions.ts';

const NOW = 1_700_000_000_000;
const IDLE_MS = 60_000;

function liveLookup(lastSeenAtMs: number, expiresAtMs: number): SessionLookup & { session: Session } {
  const document = newDocument(NOW, { expiresAtMs });
  return { state: 'live', session: { ref: newRef(), version: 1, lastSeenAtMs, document } };
}

test('A5 a live session within both timeouts is valid', () => {
  const lookup = liveLookup(NOW, NOW + 1_000_000);
  expect(validate(lookup, NOW, IDLE_MS)).toEqual({ valid: true, session: lookup.session });
});

test.each([
  { what: 'just before its idle timeout', atMs: NOW + IDLE_MS - 1, reason: undefined },
  { what: 'at its idle timeout', atMs: NOW + IDLE_MS, reason: 'idle_timeout' },
  { what: 'long after its idle timeout', atMs: NOW + 10 * IDLE_MS, reason: 'idle_timeout' },
])('A5 a session is judged $what', ({ atMs, reason }) => {
  const validity = validate(liveLookup(NOW, NOW + 1_000_000), atMs, IDLE_MS);
  expect(validity.valid ? undefined : validity.reason).toBe(reason);
});

test.each([
  { what: 'just before its absolute timeout', atMs: NOW + 999, reason: undefined },
  { what: 'at its absolute timeout', atMs: NOW + 1_000, reason: 'absolute_timeout' },
  { what: 'after both timeouts', atMs: NOW + IDLE_MS, reason: 'absolute_timeout' },
])('A5 a session is judged $what', ({ atMs, reason }) => {
  const validity = validate(liveLookup(NOW, NOW + 1_000), atMs, IDLE_MS);
  expect(validity.valid ? undefined : validity.reason).toBe(reason);
});

test.each<{ lookup: SessionLookup; reason: string }>([
  { lookup: { state: 'absent' }, reason: 'unknown_session' },
  { lookup: { state: 'revoked', cause: 'operator', revokedAtMs: NOW }, reason: 'revoked' },
  { lookup: { state: 'revoked', cause: 'unknown', revokedAtMs: 0 }, reason: 'revoked' },
  { lookup: { state: 'corrupt', problem: 'not JSON', removable: true }, reason: 'corrupt_session' },
  { lookup: { state: 'corrupt', problem: 'newer', removable: false }, reason: 'corrupt_session' },
])('E3 $lookup.state is never valid: $reason', ({ lookup, reason }) => {
  expect(validate(lookup, NOW, IDLE_MS)).toEqual({ valid: false, reason });
});

test.each([
  { what: 'now', lookup: liveLookup(NOW, NOW + 1_000), nowMs: NaN, idleMs: IDLE_MS },
  { what: 'the idle timeout', lookup: liveLookup(NOW, NOW + 1_000), nowMs: NOW, idleMs: NaN },
  { what: 'the last use', lookup: liveLookup(NaN, NOW + 1_000), nowMs: NOW, idleMs: IDLE_MS },
  { what: 'the absolute timeout', lookup: liveLookup(NOW, NaN), nowMs: NOW, idleMs: IDLE_MS },
])('E3 a session is over where $what is no number', ({ lookup, nowMs, idleMs }) => {
  expect(validate(lookup, nowMs, idleMs)).toMatchObject({ valid: false });
});

test('E3 no times make a session valid at or past one of its timeouts', () => {
  const ms = fc.integer({ min: 0, max: 4_000_000_000_000 });
  fc.assert(
    fc.property(ms, ms, ms, fc.integer({ min: 1, max: 31_536_000_000 }), (seen, expires, now, idle) => {
      const isOver = now >= expires || now >= seen + idle;
      return validate(liveLookup(seen, expires), now, idle).valid === !isOver;
    }),
  );
});
