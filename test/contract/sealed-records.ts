/** Documents that are sealed where they are stored: bound to their session and version, and never guessed at (D4, E5). */
import { describe, expect, test } from 'vitest';
import type { RecordFields } from '../../src/session/record.ts';
import { createTestSealer } from '../fakes/test-sealer.ts';
import type { CurrentStore, RawFields } from './session-store.ts';
import { BOB, newDocument, newSession, revocationOf, sessionOf, withCart, writeOf } from './sessions.ts';

const DAMAGED = { state: 'corrupt', removable: true };

export function sealedRecordTests(current: CurrentStore): void {
  describe('sealed records', () => {
    test('E5 what is stored shows nothing of the document, and every client reads it', async () => {
      const { store, replica, nowMs, sealWith, fields } = current();
      sealWith(createTestSealer());
      const document = newDocument(nowMs(), { slices: { cart: 'c0nf1dent1al' } });
      const session = newSession(nowMs(), { document, logoutHint: 'c0nf1dent1al-hint' });
      const { ref } = session;
      await store.create(session);
      await store.write(writeOf({ ref, document: withCart(document, 'c0nf1dent1al too') }));
      expect(await replica.read(ref)).toMatchObject({
        session: { document: { slices: { cart: 'c0nf1dent1al too' } } },
      });
      const stored = JSON.stringify(await fields(ref));
      expect(stored).not.toMatch(/c0nf1|alice|invoices|email_domain|idp\.example/);
      await store.revoke(revocationOf(ref, nowMs()));
      expect(JSON.stringify(await fields(ref))).not.toMatch(/c0nf1|alice|idp\.example/);
    });

    test('E5 D4 the document of another version, or of another session, is corrupt', async () => {
      const { store, nowMs, sealWith, fields, inject } = current();
      sealWith(createTestSealer());
      const [mine, other] = [newSession(nowMs()), sessionOf(BOB, nowMs())];
      await store.create(mine);
      await store.create(other);
      const first = await fields(mine.ref);
      await store.write(writeOf(mine));
      await inject(mine.ref, { document: textOf(first) });
      expect(await store.read(mine.ref)).toMatchObject(DAMAGED);
      await inject(mine.ref, { version: '1' });
      expect(await store.read(mine.ref)).toMatchObject({ state: 'live', session: { version: 1 } });
      await inject(mine.ref, { document: textOf(await fields(other.ref)) });
      expect(await store.read(mine.ref)).toMatchObject(DAMAGED);
      expect(await store.read(other.ref)).toMatchObject({ state: 'live' });
    });

    test('E5 D4 what was cut, changed or never sealed is corrupt', async () => {
      const { store, nowMs, sealWith, fields, inject } = current();
      const plain = newSession(nowMs());
      await store.create(plain);
      sealWith(createTestSealer());
      expect(await store.read(plain.ref)).toMatchObject(DAMAGED);
      const session = newSession(nowMs());
      await store.create(session);
      const sealed = textOf(await fields(session.ref));
      for (const document of [
        sealed.slice(0, -1),
        sealed.slice(0, 20),
        sealed.replace(/.$/, (last) => (last === 'A' ? 'g' : 'A')),
        textOf(await fields(plain.ref)),
      ]) {
        await inject(session.ref, { document });
        expect(await store.read(session.ref)).toMatchObject(DAMAGED);
      }
      await inject(session.ref, { document: sealed });
      expect(await store.read(session.ref)).toMatchObject({ state: 'live' });
    });

    test('E5 D4 what is sealed with a key that is not here is corrupt for now, and not removable', async () => {
      const { store, nowMs, sealWith } = current();
      const sealer = createTestSealer();
      sealWith(sealer);
      const session = newSession(nowMs(), { logoutHint: 'hint' });
      await store.create(session);
      sealWith(createTestSealer());
      expect(await store.read(session.ref)).toMatchObject({ state: 'corrupt', removable: false });
      sealWith(sealer);
      expect(await store.read(session.ref)).toMatchObject({ state: 'live' });
      sealWith(createTestSealer());
      expect(await store.revoke(revocationOf(session.ref, nowMs()))).toEqual({
        outcome: 'revoked',
        logoutHint: undefined,
      });
    });
  });
}

function textOf(fields: RecordFields | RawFields | undefined): string {
  return fields?.document?.toString() ?? '';
}
