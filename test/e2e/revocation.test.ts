/** E6 on three replicas under load: after a revocation is acknowledged, no check on any of them allows. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startReplicas, SUBJECT_ISSUER, type Opened, type Replicas } from '../parts/replicas.ts';
import { overJson } from '../parts/session-api-callers.ts';

let running: Replicas;
beforeAll(async () => {
  running = await startReplicas(3);
});
afterAll(() => running[Symbol.asyncDispose]());

const open = (subject: string, providerSession?: string) => running.open(subject, providerSession);

interface Check {
  readonly beganAt: number;
  readonly endedAt: number;
  readonly allowed: boolean;
  readonly reason: string | undefined;
}

/** Checks random ones of the sessions on every replica, over several loops each, until it is stopped. */
function startLoad(sessions: readonly Opened[], loopsPerReplica = 4) {
  const checks: Check[] = [];
  let on = true;
  const loop = async (replica: Replicas['replicas'][number]) => {
    while (on) {
      const session = sessions[Math.floor(Math.random() * sessions.length)];
      if (session === undefined) return;
      const beganAt = performance.now();
      const { allowed, reason } = await replica.check(session.token);
      checks.push({ beganAt, endedAt: performance.now(), allowed, reason });
    }
  };
  const loops = running.replicas.flatMap((replica) =>
    Array.from({ length: loopsPerReplica }, () => loop(replica)),
  );
  return {
    checks,
    /** Resolves once so many more checks have begun and ended. */
    async more(count: number) {
      const now = performance.now();
      while (checks.filter(({ beganAt }) => beganAt > now).length < count) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async stop() {
      on = false;
      await Promise.all(loops);
    },
  };
}

type Target = Parameters<typeof overJson>[2];

/** Revokes through the API of the first replica while all three are under load, and says what was seen. */
async function revokeUnderLoad(
  sessions: readonly Opened[],
  call: 'revokeSession' | 'revokeSessions',
  target: Target,
) {
  const load = startLoad(sessions);
  await load.more(200);
  const askedAt = performance.now();
  const [first] = running.replicas;
  const answer = await overJson(
    first?.api ?? '',
    call,
    { ...target, reason: 'test' },
    await running.credential('on-call'),
  );
  const acknowledgedAt = performance.now();
  await load.more(600);
  await load.stop();
  return {
    answer,
    before: load.checks.filter(({ endedAt }) => endedAt < askedAt),
    after: load.checks.filter(({ beganAt }) => beganAt > acknowledgedAt),
    all: load.checks,
  };
}

const allowed = (checks: readonly Check[]) => checks.filter((check) => check.allowed).length;
const reasons = (checks: readonly Check[]) => [...new Set(checks.map(({ reason }) => reason))];

describe('E6 after its acknowledgement no check on three replicas under load allows', () => {
  // Again and again, since what is stale for a moment must be met within that moment.
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('one session, run %s', async () => {
    const session = await open('one');
    const { answer, before, after } = await revokeUnderLoad([session], 'revokeSession', { ref: session.ref });
    expect(answer.code).toBe('ok');
    expect(allowed(before)).toBe(before.length);
    expect(after.length).toBeGreaterThanOrEqual(600);
    expect(reasons(after)).toEqual(['revoked']);
  });

  test('A3 all 1,000 sessions of a subject in one step: none is allowed once another was seen revoked', async () => {
    const sessions = await Promise.all(Array.from({ length: 1_000 }, () => open('many')));
    const bystander = await open('bystander');
    const { answer, before, after, all } = await revokeUnderLoad(sessions, 'revokeSessions', {
      subject: { issuer: SUBJECT_ISSUER, subject: 'many' },
    });
    expect(answer).toMatchObject({ code: 'ok', body: { revoked: 1_000 } });
    expect(allowed(before)).toBe(before.length);
    expect(reasons(after)).toEqual(['revoked']);
    const firstSeen = Math.min(...all.filter((check) => !check.allowed).map(({ endedAt }) => endedAt));
    expect(all.filter((check) => check.allowed && check.beganAt > firstSeen)).toEqual([]);
    expect(await running.replicas[1]?.check(bystander.token)).toMatchObject({ allowed: true });
  });

  test('all sessions of one session at the identity provider, named by its sid alone', async () => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => open('sid', 'provider-session-1')));
    const other = await open('sid', 'provider-session-2');
    const { answer, after } = await revokeUnderLoad(sessions, 'revokeSessions', {
      provider_session: { issuer: SUBJECT_ISSUER, provider_session: 'provider-session-1' },
    });
    expect(answer).toMatchObject({ code: 'ok', body: { revoked: 20 } });
    expect(reasons(after)).toEqual(['revoked']);
    expect(await running.replicas[2]?.check(other.token)).toMatchObject({ allowed: true });
  });

  test("everybody's", async () => {
    const sessions = await Promise.all(Array.from({ length: 300 }, (_, index) => open(`everybody-${index}`)));
    const { answer, after } = await revokeUnderLoad(sessions, 'revokeSessions', { all: true });
    expect(answer.code).toBe('ok');
    expect(Number(answer.body['revoked'])).toBeGreaterThanOrEqual(300);
    expect(reasons(after)).toEqual(['revoked']);
  });
});
