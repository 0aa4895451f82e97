import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { VerifiedIdentity } from '../../src/identity/identity.ts';
import { openSession } from '../../src/lifecycle/open-session.ts';
import { sessionCommand } from '../../src/cli/session.ts';
import { runCommand, type CommandEnd } from '../parts/command-line.ts';
import { NONCE, startIssuers, startSessionApi, type Issuers, type SessionApi } from '../parts/session-api.ts';

const ABSENT_REF = '3f.AAAAAAAAAAAAAAAAAAAAAA';

let issuers: Issuers;
let api: SessionApi;
let dir: string;
let operatorFile: string;
let env: Record<string, string | undefined>;

beforeAll(async () => {
  issuers = await startIssuers();
});
afterAll(() => issuers[Symbol.asyncDispose]());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'session-cli-'));
  api = await startSessionApi(issuers);
  operatorFile = await file('operator.jwt', `${await api.operatorJwt()}\n`);
  env = { SINGLESTATE_API: api.url, SINGLESTATE_CREDENTIAL_FILE: operatorFile };
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

interface Run extends CommandEnd {
  readonly output: string;
  /** The output of a command that ended well, read as JSON. */
  readonly shown: Record<string, unknown>;
}

async function run(args: readonly string[], stdin = ''): Promise<Run> {
  const { output, ...end } = await runForLines(args, stdin);
  const shown = end.exitCode === 0 ? (JSON.parse(output) as Record<string, unknown>) : {};
  return { ...end, output, shown };
}

/** For commands whose output is lines of JSON. */
async function runForLines(args: readonly string[], stdin = '') {
  let output = '';
  const read = async function* () {
    yield await Promise.resolve(Buffer.from(stdin));
  };
  const command = sessionCommand({ env, stdin: read(), write: (text) => (output += text) });
  const end = await runCommand(command, args);
  const lines = output.split('\n').filter((line) => line !== '');
  return { ...end, output, lines };
}

/** Opens sessions, oldest first, each with these claims in its ID token. */
async function opened(...claims: Record<string, unknown>[]): Promise<string[]> {
  const refs: string[] = [];
  for (const each of claims) {
    const { shown } = await create('-', await api.idToken(each));
    refs.push(String(shown['ref']));
  }
  return refs;
}

const refsIn = (lines: readonly string[]) => lines.map((line) => (JSON.parse(line) as { ref: string }).ref);
const stateOf = async (ref: string) => (await run(['get', ref])).shown['state'];

async function file(name: string, content: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

const create = (idTokenFile: string, stdin?: string) =>
  run(['create', '--provider', 'main', '--id-token-file', idTokenFile, '--nonce', NONCE], stdin);

describe('singlestate session', () => {
  test('opens a session, shows it and revokes it, in JSON with the names of the schema', async () => {
    const created = await create(await file('id.jwt', `${await api.idToken()}\n`));
    expect(created).toMatchObject({ exitCode: 0, message: '' });
    expect(created.shown).toMatchObject({
      ref: expect.stringMatching(/^[0-9a-f]{2}\.[\w-]{22}$/) as string,
      state: 'SESSION_STATE_ACTIVE',
      identity: { provider: 'main', subject: 'alice' },
      expires_at: expect.stringMatching(/Z$/) as string,
      token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as string,
      token_expires_at: expect.stringMatching(/Z$/) as string,
    });
    const { token, token_expires_at, ...session } = created.shown;
    expect([typeof token, typeof token_expires_at]).toEqual(['string', 'string']);
    const ref = session['ref'] as string;
    expect((await run(['get', ref])).shown).toEqual(session);

    const revoke = ['revoke', ref, '--reason', 'laptop stolen'];
    expect((await run(revoke)).shown).toEqual({ ref, already_revoked: false });
    expect((await run(revoke)).shown).toEqual({ ref, already_revoked: true });
    expect((await run(['get', ref])).shown).toMatchObject({ ref, state: 'SESSION_STATE_REVOKED' });
    expect(api.log.calls().map(({ operator }) => operator)).toEqual(Array(5).fill('on-call'));
  });

  test('E10 opens a session with a refresh token where it is asked for', async () => {
    const idTokenFile = await file('id.jwt', await api.idToken());
    const args = ['create', '--provider', 'main', '--id-token-file', idTokenFile, '--nonce', NONCE];
    const { shown } = await run([...args, '--refreshable']);
    expect(shown['refresh_token']).toMatch(/^[0-9a-f]{2}\.[\w-]{43}\.[\w-]{43}$/);
  });

  test('lists live sessions, oldest first, each as a line of JSON', async () => {
    const [first = '', second = '', bobs = ''] = await opened({}, {}, { sub: 'bob' });
    const listed = await runForLines(['list']);
    expect(listed).toMatchObject({ exitCode: 0, message: '' });
    expect(refsIn(listed.lines)).toEqual([first, second, bobs]);
    expect(JSON.parse(listed.lines[0] ?? '')).toEqual((await run(['get', first])).shown);

    const ofAlice = ['list', '--subject', 'alice', '--issuer', issuers.idp.issuer];
    expect(refsIn((await runForLines(ofAlice)).lines)).toEqual([first, second]);
    expect(refsIn((await runForLines([...ofAlice, '--limit', '1'])).lines)).toEqual([first]);
    expect((await runForLines(['list', '--created-until', '1h'])).lines).toEqual([]);
    expect(refsIn((await runForLines(['list', '--created-since', '1h'])).lines)).toHaveLength(3);
    await run(['revoke', second, '--reason', 'test']);
    expect(refsIn((await runForLines(['list'])).lines)).toEqual([first, bobs]);
  });

  test('lists more sessions than one answer of the API holds, each once', async () => {
    const refs = new Set<string>();
    while (refs.size < 501) {
      const identity = testIdentity(`proof ${refs.size}`);
      const outcome = await openSession({ identity, actor: { kind: 'operator', name: 'test' } }, api.deps);
      if (outcome.outcome === 'opened') refs.add(outcome.session.ref);
    }
    const listed = refsIn((await runForLines(['list'])).lines);
    expect(listed).toHaveLength(501);
    expect(new Set(listed)).toEqual(refs);
    expect((await runForLines(['list', '--limit', '500'])).lines).toHaveLength(500);
  });

  test.each<[string, (issuer: string) => string[], number[]]>([
    ['a subject', (issuer) => ['--subject', 'alice', '--issuer', issuer], [0, 1]],
    [
      'a session at the identity provider',
      (issuer) => ['--provider-session', 'idp-2', '--issuer', issuer],
      [1, 2],
    ],
    ['everybody', () => ['--all'], [0, 1, 2]],
  ])('E6 revokes all sessions of %s, and no other', async (_whose, target, ended) => {
    const refs = await opened({ sid: 'idp-1' }, { sid: 'idp-2' }, { sub: 'bob', sid: 'idp-2' });
    const { exitCode, shown } = await run(['revoke', ...target(issuers.idp.issuer), '--reason', 'SEC-17']);
    expect([exitCode, shown]).toEqual([0, { revoked: ended.length }]);
    const states = await Promise.all(refs.map(stateOf));
    expect(states).toEqual(
      refs.map((_ref, at) => (ended.includes(at) ? 'SESSION_STATE_REVOKED' : 'SESSION_STATE_ACTIVE')),
    );
  });

  test('reads the ID token from standard input', async () => {
    expect(await create('-', `${await api.idToken()}\n`)).toMatchObject({ exitCode: 0 });
  });

  test('prefers its options to the environment', async () => {
    env = { SINGLESTATE_API: 'http://127.0.0.1:1', SINGLESTATE_CREDENTIAL_FILE: join(dir, 'absent') };
    const options = ['--api', `${api.url}/`, '--credential-file', operatorFile];
    expect(await run(['get', ABSENT_REF, ...options])).toMatchObject({ exitCode: 1 });
  });

  test('exits with 1 and says why when the API refuses', async () => {
    expect(await run(['get', ABSENT_REF])).toMatchObject({
      exitCode: 1,
      output: '',
      message: expect.stringMatching(/^The Session API refused\. NotFound: .*forgotten$/) as string,
    });
    expect(await run(['revoke', ABSENT_REF, '--reason', 'two\nlines'])).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/InvalidArgument: reason: must be one line/) as string,
    });
    const expired = await file('expired.jwt', await api.operatorJwt({ exp: 1 }));
    expect(await run(['get', ABSENT_REF, '--credential-file', expired])).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/Unauthenticated: /) as string,
    });
    const spent = await file('id.jwt', await api.idToken());
    await create(spent);
    expect(await create(spent)).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/AlreadyExists: id_token: /) as string,
    });
  });

  test('exits with 69 when the store does not answer', async () => {
    await api.deps.store.close();
    expect(await run(['get', ABSENT_REF])).toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(/Unavailable: the session store does not answer/) as string,
    });
  });

  test('exits with 69 when nobody listens', async () => {
    expect(await run(['get', ABSENT_REF, '--api', 'http://127.0.0.1:1'])).toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(
        /^The Session API at http:\/\/127\.0\.0\.1:1 does not answer.*ECONNREFUSED/,
      ) as string,
    });
  });

  test.each([
    ['is something else', 200, '<html>'],
    ['is something else that says no', 404, 'no'],
  ])('exits with 69 when what listens %s', async (_what, status, body) => {
    const other = await listening(createServer((_request, response) => response.writeHead(status).end(body)));
    try {
      expect(await run(['get', ABSENT_REF, '--api', urlOf(other)])).toMatchObject({ exitCode: 69 });
    } finally {
      other.close();
    }
  });

  test('exits with 69 when the answer takes longer than --timeout', async () => {
    const silent = await listening(createServer(() => undefined));
    try {
      const args = ['get', ABSENT_REF, '--api', urlOf(silent), '--timeout', '50ms'];
      const startedAt = performance.now();
      expect(await run(args)).toMatchObject({
        exitCode: 69,
        message: expect.stringMatching(/DeadlineExceeded/) as string,
      });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });

  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['no reason', ['revoke', ABSENT_REF], {}, /--reason/],
    [
      'nothing to revoke',
      ['revoke', '--reason', 'x'],
      {},
      /one of: a ref, --subject, --provider-session, --all/,
    ],
    ['two things to revoke', ['revoke', ABSENT_REF, '--all', '--reason', 'x'], {}, /one of: a ref/],
    ['a subject without issuer', ['revoke', '--subject', 'a', '--reason', 'x'], {}, /--subject and --issuer/],
    ['an issuer without subject', ['list', '--issuer', 'a'], {}, /--subject and --issuer/],
    [
      'a ref with an issuer',
      ['revoke', ABSENT_REF, '--issuer', 'a', '--reason', 'x'],
      {},
      /--subject and --issuer/,
    ],
    ['all of an issuer', ['revoke', '--all', '--issuer', 'a', '--reason', 'x'], {}, /--subject and --issuer/],
    [
      'a provider session without issuer',
      ['revoke', '--provider-session', 'a', '--reason', 'x'],
      {},
      /needs --issuer/,
    ],
    ['a time that is none', ['list', '--created-since', 'yesterday'], {}, /It must be a time, such as/],
    ['a limit of nothing', ['list', '--limit', '0'], {}, /a whole number from 1/],
    ['no ref', ['get'], {}, /'ref'/],
    ['a timeout without a unit', ['get', ABSENT_REF, '--timeout', '10'], {}, /a whole number with a unit/],
    ['an unknown option', ['get', ABSENT_REF, '--force'], {}, /--force/],
    ['an API that is no URL', ['get', ABSENT_REF], { SINGLESTATE_API: 'localhost' }, /--api must be/],
    ['an API of another protocol', ['get', ABSENT_REF], { SINGLESTATE_API: 'ftp://a' }, /--api must be/],
    ['an API with a user', ['get', ABSENT_REF], { SINGLESTATE_API: 'http://a@c' }, /--api must be/],
    ['an API with a password', ['get', ABSENT_REF], { SINGLESTATE_API: 'http://:b@c' }, /--api must be/],
    [
      'no credential',
      ['get', ABSENT_REF],
      { SINGLESTATE_CREDENTIAL_FILE: '' },
      /--credential-file is missing/,
    ],
    ['a file that is not there', ['get', ABSENT_REF], { SINGLESTATE_CREDENTIAL_FILE: '/absent' }, /ENOENT/],
  ])('exits with 2 and says what would be right at %s', async (_what, args, change, message) => {
    env = { ...env, ...change };
    expect(await run(args)).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) as string });
    expect(api.log.calls()).toEqual([]);
  });

  test('a credential file that holds more than one word is not sent, and not shown', async () => {
    const credential = await file('two.jwt', 'secret-one\nsecret-two\n');
    const { exitCode, message } = await run(['get', ABSENT_REF, '--credential-file', credential]);
    expect([exitCode, message]).toEqual([2, `${credential} must hold an operator's JWT and nothing else`]);
  });

  test('no error shows the credential or the ID token', async () => {
    const idToken = await api.idToken({ nonce: 'other' });
    const { message } = await create('-', idToken);
    for (const part of idToken.split('.')) expect(message).not.toContain(part);
  });
});

function testIdentity(proof: string): VerifiedIdentity {
  return {
    ...{ provider: 'main', issuer: 'https://idp.test', subject: 'alice', authenticatedAtMs: Date.now() },
    ...{ scopes: [], attributes: {}, proof: { hash: proof, validUntilMs: Date.now() + 60_000 } },
  };
}

function listening(server: Server): Promise<Server> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
