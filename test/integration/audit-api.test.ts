import { Code, ConnectError, createClient, type CallOptions, type Client } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { AuditService, type TailAuditResponse } from '../../src/gen/singlestate/audit/v1/audit_pb.ts';
import type { AuditNote } from '../../src/session/audit.ts';
import type { SessionRef } from '../../src/session/ref.ts';
import { StoreError, type SessionStore } from '../../src/session/store.ts';
import { overJson } from '../parts/session-api-callers.ts';
import { startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';

const onCall = { kind: 'operator', name: 'on-call' } as const;
const billing = { kind: 'app', name: 'billing' } as const;
const alice = { issuer: 'https://idp.test', subject: 'alice' };
const ref = '3f.AAAAAAAAAAAAAAAAAAAAAA' as SessionRef;
const times = { pollMs: 10, heartbeatMs: 60_000, lifeMs: 60_000 };

let issuers: Issuers;
let api: SessionApi;
let stopping: AbortController;
let store: SessionStore;
let client: Client<typeof AuditService>;
let headers: Record<string, string>;

beforeAll(async () => {
  issuers = await startIssuers();
});
afterAll(() => issuers[Symbol.asyncDispose]());
beforeEach(async () => {
  stopping = new AbortController();
  api = await startSessionApi(issuers, { audit: { times, stopping: stopping.signal }, callDeadlineMs: 500 });
  store = api.deps.store;
  client = createClient(AuditService, createConnectTransport({ baseUrl: api.url, httpVersion: '1.1' }));
  headers = { authorization: `Bearer ${await api.operatorJwt()}` };
});
afterEach(() => api[Symbol.asyncDispose]());

const record = (note: Partial<AuditNote>, about?: Parameters<SessionStore['record']>[1]) =>
  store.record({ action: 'config_reloaded', actor: { kind: 'singlestate', name: '' }, ...note }, about);

async function failure(call: Promise<unknown>): Promise<string> {
  const error = ConnectError.from(
    await call.then(
      () => expect.unreachable('it was answered'),
      (thrown: unknown) => thrown,
    ),
  );
  return `${Code[error.code]}: ${error.rawMessage}`;
}

describe('QueryAudit', () => {
  test('E7 shows all that a record says, oldest first', async () => {
    await record(
      { action: 'session_read', actor: onCall, reason: 'SEC-17', detail: 'why' },
      { subject: alice, ref },
    );
    await record({});
    const { records, nextPageToken } = await client.queryAudit({}, { headers });
    expect(records).toMatchObject([
      { action: 'session_read', actor: onCall, reason: 'SEC-17', detail: 'why', ref, ...alice },
      {
        action: 'config_reloaded',
        actor: { kind: 'singlestate', name: '' },
        reason: '',
        ref: '',
        subject: '',
      },
      { action: 'audit_read' },
    ]);
    expect(new Set(records.map(({ id }) => id)).size).toBe(3);
    for (const { at, versionBefore } of records) {
      expect(Math.abs(timestampMs(at ?? expect.unreachable('it has a time')) - Date.now())).toBeLessThan(
        60_000,
      );
      expect(versionBefore).toBeUndefined();
    }
    expect(nextPageToken).toBe('');
  });

  test.each<[string, object, number[]]>([
    ['subject', { filter: alice }, [0, 1]],
    ['session', { filter: { ref } }, [1, 2]],
    ['kind of actor', { filter: { actorKind: 'app' } }, [2]],
    ['name of the actor', { filter: { actorName: 'on-call' } }, [0, 1]],
    ['action', { filter: { action: 'session_read' } }, [1]],
    ['several at once', { filter: { ...alice, action: 'config_refused' } }, [0]],
    ['a time that was', { filter: {}, before: timestampFromMs(1) }, []],
    ['a time to come', { filter: {}, from: timestampFromMs(Date.now() + 3_600_000) }, []],
  ])('E7 finds records by %s', async (_what, question, found) => {
    await record({ action: 'config_refused', actor: onCall }, { subject: alice });
    await record({ action: 'session_read', actor: onCall }, { subject: alice, ref });
    await record({ action: 'login_failed', actor: billing }, { ref });
    const actions = ['config_refused', 'session_read', 'login_failed'];
    const { records } = await client.queryAudit(question, { headers });
    const shown = records.filter(({ action }) => action !== 'audit_read').map(({ action }) => action);
    expect(shown).toEqual(found.map((at) => actions[at]));
  });

  test('E7 goes on from page to page, and has each record once', async () => {
    for (let at = 0; at < 25; at++) await record({ detail: String(at) });
    const question = { filter: { action: 'config_reloaded' }, pageSize: 10 };
    const pages: string[][] = [];
    let pageToken = '';
    do {
      const page = await client.queryAudit({ ...question, pageToken }, { headers });
      pages.push(page.records.map(({ detail }) => detail));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(pages.flat()).toEqual(Array.from({ length: 25 }, (_, at) => String(at)));
    expect(pages[0]).toHaveLength(10);
  });

  test('E7 is in the trail itself: who asked, about whom, and what for', async () => {
    await client.queryAudit(
      { filter: { ...alice, action: 'session_revoked', actorKind: 'app' }, from: timestampFromMs(0) },
      { headers },
    );
    const { records } = await store.audit({ subject: alice, limit: 10 });
    expect(records).toMatchObject([
      {
        action: 'audit_read',
        actor: onCall,
        subject: alice,
        detail: 'action=session_revoked actor=app: from=1970-01-01T00:00:00.000Z',
      },
    ]);
  });

  test.each<[string, object, RegExp]>([
    [
      'an unknown action',
      { filter: { action: 'deleted' } },
      /filter\.action: it must be one of session_created, /,
    ],
    [
      'an unknown kind of actor',
      { filter: { actorKind: 'root' } },
      /filter\.actor_kind: .*operator, app, user, /,
    ],
    ['a subject without issuer', { filter: { subject: 'alice' } }, /filter\.issuer: .*issuer and subject/],
    ['an issuer without subject', { filter: { issuer: 'https://idp.test' } }, /filter\.subject: /],
    ['a ref that is none', { filter: { ref: 'x' } }, /filter\.ref: must be a session reference/],
    ['a page that is none', { pageToken: 'x' }, /page_token: it is none that an earlier answer gave/],
    ['too large a page', { pageSize: 1001 }, /page_size/],
  ])('refuses %s, and says what would be right', async (_what, question, message) => {
    const said = await failure(client.queryAudit(question, { headers }));
    expect(said).toMatch(/^InvalidArgument: /);
    expect(said).toMatch(message);
  });

  test('takes any time that a message can say', async () => {
    const question = { from: { seconds: -1n, nanos: 0 }, before: { seconds: 2n ** 60n, nanos: 0 } };
    expect(await client.queryAudit(question, { headers })).toMatchObject({
      records: [{ action: 'audit_read' }],
    });
  });

  test('D2 a store that does not answer is UNAVAILABLE', async () => {
    await store.close();
    expect(await failure(client.queryAudit({}, { headers }))).toMatch(/^Unavailable: /);
  });

  test.each<[string, () => Promise<string | undefined>, string]>([
    ['nobody', () => Promise.resolve(undefined), 'Unauthenticated'],
    ['an app', () => api.appJwt(), 'PermissionDenied'],
  ])('E7 is not shown to %s, nor is a tail', async (_who, jwt, code) => {
    const credential = await jwt();
    const shown = credential === undefined ? {} : { headers: { authorization: `Bearer ${credential}` } };
    expect(await failure(client.queryAudit({}, shown))).toMatch(code);
    expect(await listen({}, client, shown).ended).toMatch(code);
    expect((await store.audit({ limit: 10 })).records).toEqual([]);
  });
});

/** What a tail has said so far, and the way to end it. */
interface Listening {
  readonly answers: TailAuditResponse[];
  readonly details: () => string[];
  readonly end: () => void;
  /** Resolves once the tail has ended, to how. */
  readonly ended: Promise<string>;
}

function listen(question: object = {}, through = client, how: CallOptions = { headers }): Listening {
  const answers: TailAuditResponse[] = [];
  const leaving = new AbortController();
  const follow = async () => {
    for await (const answer of through.tailAudit(question, { ...how, signal: leaving.signal }))
      answers.push(answer);
    return 'ok';
  };
  const ended = follow().catch((thrown: unknown) => {
    const { code, rawMessage } = ConnectError.from(thrown);
    return `${Code[code]}: ${rawMessage}`;
  });
  return {
    answers,
    details: () => answers.flatMap(({ records }) => records.map(({ detail }) => detail)),
    end: () => leaving.abort(),
    ended,
  };
}

const reloads = { filter: { action: 'config_reloaded' } };
const begun = (tail: Listening) => vi.waitFor(() => expect(tail.answers.length).toBeGreaterThan(0));

describe('TailAudit', () => {
  test.each(['Connect', 'gRPC'])(
    'E7 over %s tells what is added, once it is added, each once',
    async (protocol) => {
      const grpc = createClient(AuditService, createGrpcTransport({ baseUrl: api.url }));
      const tail = listen(reloads, protocol === 'gRPC' ? grpc : client);
      await begun(tail);
      expect(tail.details()).toEqual([]);
      for (const detail of ['a', 'b', 'c']) {
        await record({ detail });
        await vi.waitFor(() => expect(tail.details()).toContain(detail));
      }
      await record({ action: 'config_refused', detail: 'another action' });
      await record({ detail: 'd' });
      await vi.waitFor(() => expect(tail.details()).toEqual(['a', 'b', 'c', 'd']));
      tail.end();
      expect(await tail.ended).toMatch(/^Canceled/);
    },
  );

  test('E7 begins at a time that was, where it is asked to', async () => {
    await record({ detail: 'before' });
    const tail = listen({ ...reloads, from: timestampFromMs(0) });
    await vi.waitFor(() => expect(tail.details()).toEqual(['before']));
    tail.end();
  });

  test('E7 goes on from a position without a gap and without a repetition', async () => {
    const all = Array.from({ length: 30 }, (_, at) => String(at));
    const heard: string[] = [];
    let position = '';
    for (const detail of all) {
      await record({ detail });
      if (Number(detail) % 10 !== 9) continue;
      const tail = listen({ ...reloads, from: timestampFromMs(0), position });
      await vi.waitFor(() => expect([...heard, ...tail.details()]).toContain(detail));
      tail.end();
      await tail.ended;
      heard.push(...tail.details());
      position = tail.answers.at(-1)?.position ?? '';
    }
    expect(heard).toEqual(all);
  });

  test('E7 a position that was given before any record leads on from there', async () => {
    const tail = listen(reloads);
    await begun(tail);
    tail.end();
    const position = tail.answers[0]?.position ?? '';
    await record({ detail: 'between' });
    const next = listen({ ...reloads, position });
    await vi.waitFor(() => expect(next.details()).toEqual(['between']));
    next.end();
  });

  test('E7 has one record of its own in the trail, however long it lasts', async () => {
    const tail = listen(reloads);
    await begun(tail);
    await record({ detail: 'a' });
    await vi.waitFor(() => expect(tail.details()).toEqual(['a']));
    const { records } = await store.audit({ action: 'audit_read', limit: 10 });
    expect(records).toMatchObject([
      { actor: onCall, detail: expect.stringMatching(/^action=config_reloaded from=/) as string },
    ]);
    tail.end();
  });

  test('D5 outlives the deadline of other calls', async () => {
    const tail = listen(reloads);
    await begun(tail);
    vi.spyOn(store, 'read').mockReturnValue(new Promise(() => undefined));
    const another = await overJson(api.url, 'getSession', { ref }, await api.operatorJwt());
    expect(another.code).toBe('deadline_exceeded');
    await record({ detail: 'late' });
    await vi.waitFor(() => expect(tail.details()).toEqual(['late']));
    tail.end();
  });

  test('E7 outlives a store that does not answer for a while, and misses nothing', async () => {
    const tail = listen(reloads);
    await begun(tail);
    const asked = vi
      .spyOn(store, 'audit')
      .mockRejectedValue(new StoreError('ERR_STORE_TIMEOUT', 'no answer'));
    await record({ detail: 'during the outage' });
    await vi.waitFor(() => expect(asked.mock.calls.length).toBeGreaterThan(1));
    expect(tail.details()).toEqual([]);
    asked.mockRestore();
    await vi.waitFor(() => expect(tail.details()).toEqual(['during the outage']), { timeout: 10_000 });
    tail.end();
  });

  test('an unexpected error ends it with INTERNAL, and the log tells where', async () => {
    const tail = listen(reloads);
    await begun(tail);
    vi.spyOn(store, 'audit').mockRejectedValue(new TypeError('a secret in a message'));
    expect(await tail.ended).toBe('Internal: internal error');
    expect(api.log.calls().at(-1)).toMatchObject({
      level: 'error',
      procedure: 'TailAudit',
      code: 'internal',
    });
    expect(api.log.text).not.toContain('a secret');
  });

  test.each(['nonsense', '1:nonsense', ':'])(
    'refuses the position %s, which nobody gave',
    async (position) => {
      expect(await listen({ position }).ended).toBe(
        'InvalidArgument: position: it is none that an earlier answer gave',
      );
      expect(api.log.calls().at(-1)).toMatchObject({ procedure: 'TailAudit', code: 'invalid_argument' });
    },
  );

  test('refuses a wrong filter as a query does', async () => {
    expect(await listen({ filter: { action: 'x' } }).ended).toMatch(/^InvalidArgument: filter\.action: /);
  });

  test('D2 that can not be recorded does not begin', async () => {
    await store.close();
    expect(await listen().ended).toMatch(/^Unavailable: /);
  });

  test('D9 there are 8 at a time; one that ends makes room for another', async () => {
    const tails = Array.from({ length: 8 }, () => listen(reloads));
    await Promise.all(tails.map(begun));
    expect(await listen(reloads).ended).toBe('ResourceExhausted: there are 8 tails already');
    tails[0]?.end();
    const next = await vi.waitFor(async () => {
      const tail = listen(reloads);
      await begun(tail);
      return tail;
    });
    for (const tail of [...tails, next]) tail.end();
    await Promise.all(tails.map(({ ended }) => ended));
  });

  test('all end in good order when the server stops', async () => {
    const tail = listen(reloads);
    await begun(tail);
    stopping.abort();
    expect(await tail.ended).toBe('ok');
  });
});

describe('with other times', () => {
  test('a tail speaks also where there is nothing to say, and ends by itself', async () => {
    const short = { pollMs: 5, heartbeatMs: 20, lifeMs: 300 };
    await using quick = await startSessionApi(issuers, { audit: { times: short } });
    const through = createClient(
      AuditService,
      createConnectTransport({ baseUrl: quick.url, httpVersion: '1.1' }),
    );
    headers = { authorization: `Bearer ${await quick.operatorJwt()}` };
    const tail = listen(reloads, through);
    expect(await tail.ended).toBe('ok');
    expect(tail.answers.length).toBeGreaterThan(3);
    expect(tail.details()).toEqual([]);
  });
});
