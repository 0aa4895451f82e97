import { beforeEach, describe, expect, test } from 'vitest';
import type { VerifiedIdentity } from '../../../src/identity/identity.ts';
import { openSession, type Opening, type OpenOutcome } from '../../../src/lifecycle/open-session.ts';
import type { AuditRecord } from '../../../src/session/audit.ts';
import { documentSize, type SessionDocument } from '../../../src/session/document.ts';
import { createMemoryStore, type MemoryRecord } from '../../../src/session/memory-store.ts';
import { partitionOf, sessionRef } from '../../../src/session/ref.ts';
import { StoreError, type NewSession, type Session, type SessionStore } from '../../../src/session/store.ts';
import { createScene, MINUTE_MS, type Scene } from '../../parts/lifecycle.ts';

const T0 = Date.UTC(2026, 0, 1, 12);
const operator = { kind: 'operator', name: 'on-call' } as const;
const user = { kind: 'user', name: '' } as const;

let nowMs: number;
let records: Map<string, MemoryRecord>;
let store: SessionStore;
let scene: Scene;

beforeEach(async () => {
  nowMs = T0;
  records = new Map();
  store = createMemoryStore({ records, now: () => nowMs });
  scene = await createScene(store, () => nowMs);
});

const open = (opening: Partial<Opening> = {}): Promise<OpenOutcome> =>
  openSession({ identity: scene.identity(), actor: operator, ...opening }, scene.deps);

async function trail(): Promise<readonly AuditRecord[]> {
  return (await store.audit({ limit: 100 })).records;
}

/** Writes to a session as an app would. */
async function write({ ref, version, document }: Session, changes: Partial<SessionDocument>): Promise<void> {
  const note = { action: 'session_written', actor: { kind: 'app', name: 'billing' } } as const;
  const change = { ref, expectedVersion: version, document: { ...document, ...changes }, note };
  expect(await store.write(change)).toMatchObject({ outcome: 'written' });
}

describe('a session', () => {
  test('B2 says who a verified identity is, and holds no token of its provider', async () => {
    const { session } = await scene.open();
    expect(session).toMatchObject({ version: 1, lastSeenAtMs: T0 });
    expect(session.document).toEqual({
      schema: 2,
      identity: {
        provider: 'main',
        issuer: 'https://idp.test',
        subject: 'alice',
        providerSession: 'idp-session-1',
      },
      authentication: { atMs: T0 - MINUTE_MS, acr: 'gold', amr: ['pwd', 'otp'] },
      scopes: ['invoices:read'],
      attributes: { email_domain: 'example.com' },
      slices: {},
      createdAtMs: T0,
      expiresAtMs: T0 + 60 * MINUTE_MS,
    });
    await expect(store.read(session.ref)).resolves.toEqual({ state: 'live', session });
  });

  test('B2 has a token that leads to it, in the partition of its subject, and is counted', async () => {
    const { session, token, tokenExpiresAtMs } = await scene.open();
    const verdict = await scene.tokens.verify(token, T0);
    if (!verdict.valid) return expect.unreachable(verdict.reason);
    expect(verdict.claims.ref).toBe(session.ref);
    expect(sessionRef(verdict.claims.sessionId)).toBe(session.ref);
    expect(session.ref.slice(0, 2)).toBe(partitionOf('https://idp.test', 'alice'));
    expect(tokenExpiresAtMs).toBe(T0 + 5 * MINUTE_MS);
    expect(scene.counted).toEqual(['created main', 'token created']);
  });

  test('lives at least as long as its token', async () => {
    scene.deps.limits = { ...scene.deps.limits, absoluteTimeoutMs: MINUTE_MS };
    expect((await scene.open()).tokenExpiresAtMs).toBe(T0 + MINUTE_MS);
  });

  test('has nothing that the provider did not say', async () => {
    const { provider, issuer, subject, authenticatedAtMs, scopes, attributes, proof } = scene.identity();
    const identity: VerifiedIdentity = {
      provider,
      issuer,
      subject,
      authenticatedAtMs,
      scopes,
      attributes,
      proof,
    };
    const { session } = await scene.open({ identity });
    expect(session.document.identity).toEqual({ provider, issuer, subject });
    expect(session.document.authentication).toEqual({ atMs: authenticatedAtMs });
  });

  test('E13 has a CSRF token of 256 random bits for a browser, and none for others', async () => {
    const [browser, another, api] = await Promise.all([
      scene.open({ forBrowser: true }),
      scene.open({ forBrowser: true }),
      scene.open(),
    ]);
    const tokens = [browser, another].map(({ session }) => session.document.csrfToken ?? '');
    expect(tokens.map((token) => Buffer.from(token, 'base64url').length)).toEqual([32, 32]);
    expect(new Set(tokens).size).toBe(2);
    expect(api.session.document).not.toHaveProperty('csrfToken');
  });

  test('E10 has a refresh token where it is asked for', async () => {
    const { session, refreshToken = '' } = await scene.open({ refreshable: true });
    expect(sessionRef(refreshToken.slice(0, refreshToken.lastIndexOf('.')) as never)).toBe(session.ref);
    expect(await scene.open()).not.toHaveProperty('refreshToken');
  });

  test('keeps the logout hint for whoever ends it', async () => {
    const { session } = await scene.open({ logoutHint: 'the ID token' });
    const note = { action: 'session_revoked', actor: operator } as const;
    const revoked = await store.revoke({ ref: session.ref, cause: 'logout', nowMs, note });
    expect(revoked).toEqual({ outcome: 'revoked', logoutHint: 'the ID token' });
  });

  test('B6 leaves a record of who opened it and with which provider', async () => {
    const { session } = await scene.open();
    const another = await scene.open({ actor: user });
    expect(await trail()).toMatchObject([
      {
        action: 'session_created',
        actor: operator,
        ref: session.ref,
        subject: { issuer: 'https://idp.test', subject: 'alice' },
        detail: 'provider=main',
        before: 0,
        after: 1,
      },
      { actor: { kind: 'user', name: another.session.ref }, ref: another.session.ref },
    ]);
  });
});

describe('what opens no session', () => {
  test('E1 of concurrent openings with one proof exactly one succeeds', async () => {
    const identity = scene.identity();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => open({ identity })));
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual([
      'opened',
      ...Array<string>(7).fill('replayed'),
    ]);
    expect(scene.counted).toEqual(['created main', 'token created']);
  });

  test('A5 a session as large as maxBytes is opened, one byte more is not, and leaves the proof unused', async () => {
    const { session } = await scene.open();
    const bytes = documentSize(session.document);
    const identity = scene.identity();
    const { limits } = scene.deps;
    scene.deps.limits = { ...limits, maxBytes: bytes - 1 };
    const tooLarge = { outcome: 'too_large', bytes, maxBytes: bytes - 1 };
    await expect(open({ identity })).resolves.toEqual(tooLarge);
    scene.deps.limits = { ...limits, maxBytes: bytes };
    await expect(open({ identity })).resolves.toMatchObject({ outcome: 'opened' });
  });

  test('A3 when no token can be signed, no session is left behind and the proof stays good', async () => {
    const identity = scene.identity();
    const { mint } = scene.deps;
    scene.deps.mint = () => Promise.reject(new Error('no key'));
    await expect(open({ identity })).rejects.toThrow('no key');
    expect(records.size).toBe(0);
    scene.deps.mint = mint;
    await expect(open({ identity })).resolves.toMatchObject({ outcome: 'opened' });
  });

  test('D2 a store that does not answer is a StoreError, and nothing is counted', async () => {
    await store.close();
    await expect(open()).rejects.toBeInstanceOf(StoreError);
    expect(scene.counted).toEqual([]);
  });
});

describe('the limit of sessions per subject', () => {
  const limited = (onExceed: 'end-oldest' | 'refuse') => {
    scene.deps.limits = { ...scene.deps.limits, maxPerSubject: { limit: 2, onExceed } };
  };

  test('E12 a login beyond it is refused where so configured, and its proof stays good', async () => {
    limited('refuse');
    const first = await scene.open();
    await scene.open();
    const identity = scene.identity();
    await expect(open({ identity })).resolves.toEqual({ outcome: 'limited', limit: 2 });
    const note = { action: 'session_revoked', actor: operator } as const;
    await store.revoke({ ref: first.session.ref, cause: 'operator', nowMs, note });
    await expect(open({ identity })).resolves.toMatchObject({ outcome: 'opened' });
  });

  test('E12 a login beyond it ends the oldest session where so configured, which is counted', async () => {
    limited('end-oldest');
    const opened = [];
    for (nowMs = T0; nowMs < T0 + 3; nowMs++) opened.push(await scene.open());
    const states = await Promise.all(opened.map(({ session }) => store.read(session.ref)));
    expect(states).toMatchObject([
      { state: 'revoked', cause: 'limit' },
      { state: 'live' },
      { state: 'live' },
    ]);
    expect(scene.counted.filter((line) => line.startsWith('ended'))).toEqual(['ended 1 limit']);
  });

  test('E12 the session that is replaced does not count', async () => {
    limited('refuse');
    const { session } = await scene.open();
    await scene.open();
    await expect(open({ previous: session.ref })).resolves.toMatchObject({ outcome: 'opened' });
    await expect(open()).resolves.toMatchObject({ outcome: 'limited' });
  });
});

describe('the session before', () => {
  const carrying = (slices: readonly string[], attributes: readonly string[] = []) => {
    scene.deps.limits = { ...scene.deps.limits, carryOver: { slices, attributes } };
  };

  test('A7 gives its configured parts to the new one, whose id is new, and ends in the same step', async () => {
    carrying(['cart', 'absent'], ['theme', 'email_domain']);
    const before = await scene.open();
    await write(before.session, {
      slices: { cart: { items: 2 }, wizard: 'step 3' },
      attributes: { theme: 'dark', email_domain: 'old.example', role: 'admin' },
      csrfToken: 'the CSRF token of the old one',
    });
    scene.counted.length = 0;
    const after = await scene.open({ previous: before.session.ref });
    expect(after.session.document).toMatchObject({ slices: { cart: { items: 2 } }, createdAtMs: T0 });
    expect(after.session.document.slices).not.toHaveProperty('wizard');
    expect(after.session.document.attributes).toEqual({ theme: 'dark', email_domain: 'example.com' });
    expect(after.session.document).not.toHaveProperty('csrfToken');
    expect(after.session.ref).not.toBe(before.session.ref);
    expect(after.token).not.toBe(before.token);
    expect(await store.read(before.session.ref)).toMatchObject({ state: 'revoked', cause: 'superseded' });
    expect(scene.counted).toEqual(['created main', 'token created', 'ended 1 superseded']);
    expect((await trail()).slice(-2)).toMatchObject([
      {
        action: 'session_created',
        ref: after.session.ref,
        detail: `provider=main replaces=${before.session.ref} slices=cart attributes=theme`,
      },
      { action: 'session_revoked', ref: before.session.ref, reason: 'superseded' },
    ]);
  });

  test('A7 gives nothing that is not configured', async () => {
    const before = await scene.open();
    await write(before.session, { slices: { cart: 1 }, attributes: { theme: 'dark' } });
    const { session } = await scene.open({ previous: before.session.ref });
    expect(session.document).toMatchObject({ slices: {}, attributes: { email_domain: 'example.com' } });
  });

  test('A7 of another subject ends before the new one begins, and gives nothing', async () => {
    carrying(['cart']);
    const before = await scene.open({ identity: scene.identity({ subject: 'mallory' }) });
    await write(before.session, { slices: { cart: 1 } });
    scene.counted.length = 0;
    const seen: string[] = [];
    scene.deps.store = {
      ...store,
      create: async (session: NewSession) => {
        seen.push((await store.read(before.session.ref)).state);
        return store.create(session);
      },
    };
    const after = await scene.open({ previous: before.session.ref, actor: user });
    expect(after.session.document.slices).toEqual({});
    expect(seen).toEqual(['revoked']);
    expect(scene.counted).toEqual(['ended 1 superseded', 'created main', 'token created']);
    expect((await trail()).at(-2)).toMatchObject({
      action: 'session_revoked',
      reason: 'superseded',
      ref: before.session.ref,
      actor: { kind: 'user', name: after.session.ref },
    });
  });

  test('A7 of the same subject at another issuer is another subject', async () => {
    carrying(['cart']);
    const before = await scene.open({ identity: scene.identity({ issuer: 'https://other.test' }) });
    await write(before.session, { slices: { cart: 1 } });
    const after = await scene.open({ previous: before.session.ref });
    expect(after.session.document.slices).toEqual({});
    expect(await store.read(before.session.ref)).toMatchObject({ state: 'revoked' });
  });

  test('A7 that is over gives nothing', async () => {
    carrying(['cart']);
    const before = await scene.open();
    await write(before.session, { slices: { cart: 1 } });
    nowMs += 30 * MINUTE_MS;
    expect((await scene.open({ previous: before.session.ref })).session.document.slices).toEqual({});
  });

  test('A7 that was revoked or never was is as if there were none', async () => {
    const before = await scene.open();
    const note = { action: 'session_revoked', actor: operator } as const;
    await store.revoke({ ref: before.session.ref, cause: 'operator', nowMs, note });
    scene.counted.length = 0;
    await scene.open({ previous: before.session.ref });
    await scene.open({ previous: '3f.AAAAAAAAAAAAAAAAAAAAAA' as never });
    expect(scene.counted.filter((line) => line.startsWith('ended'))).toEqual([]);
    expect(await store.read(before.session.ref)).toMatchObject({ cause: 'operator' });
  });

  test('A7 that this replica can not read ends, for another might', async () => {
    const before = await scene.open();
    const [record] = records.values();
    if (record) record.fields.document = JSON.stringify({ ...before.session.document, schema: 99 });
    expect(await store.read(before.session.ref)).toMatchObject({ state: 'corrupt', removable: false });
    await scene.open({ previous: before.session.ref });
    expect(await store.read(before.session.ref)).toMatchObject({ state: 'revoked', cause: 'superseded' });
  });

  test('A5 counts with what it gives towards the limit of the size, and stays where that is too much', async () => {
    carrying(['cart']);
    const before = await scene.open();
    await write(before.session, { slices: { cart: 'x'.repeat(500) } });
    const bytes = documentSize(before.session.document);
    scene.deps.limits = { ...scene.deps.limits, maxBytes: bytes + 100 };
    await expect(open({ previous: before.session.ref })).resolves.toMatchObject({ outcome: 'too_large' });
    expect(await store.read(before.session.ref)).toMatchObject({ state: 'live' });
  });

  test('A4 gives also what was written to it while it was being replaced', async () => {
    carrying(['cart']);
    const before = await scene.open();
    let writes = 0;
    scene.deps.store = {
      ...store,
      create: async (session: NewSession) => {
        const lookup = await store.read(before.session.ref);
        if (writes++ === 0 && lookup.state === 'live')
          await write(lookup.session, { slices: { cart: 'late' } });
        return store.create(session);
      },
    };
    const { session } = await scene.open({ previous: before.session.ref });
    expect(session.document.slices).toEqual({ cart: 'late' });
    expect(writes).toBe(2);
  });

  test('E6 is not revived by being replaced while it is revoked', async () => {
    carrying(['cart']);
    const before = await scene.open();
    await write(before.session, { slices: { cart: 1 } });
    scene.deps.store = {
      ...store,
      create: async (session: NewSession) => {
        const note = { action: 'session_revoked', actor: operator } as const;
        await store.revoke({ ref: before.session.ref, cause: 'operator', nowMs, note });
        return store.create(session);
      },
    };
    const { session } = await scene.open({ previous: before.session.ref });
    expect(session.document.slices).toEqual({});
    expect(await store.read(before.session.ref)).toMatchObject({ state: 'revoked', cause: 'operator' });
  });

  test('D5 that is written to without a pause makes an opening fail, not hang', async () => {
    const before = await scene.open();
    let attempts = 0;
    scene.deps.store = {
      ...store,
      create: () => {
        attempts++;
        return Promise.resolve({ outcome: 'stale' });
      },
    };
    await expect(open({ previous: before.session.ref })).rejects.toBeInstanceOf(StoreError);
    expect(attempts).toBe(8);
    expect(await store.read(before.session.ref)).toMatchObject({ state: 'live' });
  });
});
