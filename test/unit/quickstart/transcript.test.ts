import { describe, expect, test } from 'vitest';
import { demoSteps } from '../../../quickstart/steps.ts';
import type { Scene } from '../../../quickstart/steps.ts';
import { describePlaces, describeSteps } from '../../../quickstart/transcript.ts';

const scene: Scene = {
  url: 'http://127.0.0.1:8080',
  api: 'http://127.0.0.1:9003',
  credentialFile: "/home/o'neil/my clone/.run/stack-1/operator.jwt",
  valkeyPid: 4711,
  alice: { ref: '1.alice', token: 'TOKEN-OF-ALICE' },
  bob: { ref: '2.bob', token: 'TOKEN-OF-BOB' },
};

describe('the printed steps', () => {
  const printed = describeSteps(demoSteps(scene));

  test("name alice's token first", () => {
    expect(/TOKEN-OF-\w+/.exec(printed)?.[0]).toBe('TOKEN-OF-ALICE');
  });

  test('say for each request what to see', () => {
    expect(printed).toContain('2. An invoice needs a session\n   See: 401 no_credential\ncurl -i');
    expect(printed).toContain('   See: 200, x-session-subject: alice, no x_session_subject\n');
  });

  test('begin every line to paste at the first column', () => {
    const lines = printed.split('\n').filter((line) => /curl |kill |bin\/singlestate/.test(line));
    expect(lines).toHaveLength(14 + 4);
    expect(lines.every((line) => /^(curl|kill|bin\/singlestate) /.test(line))).toBe(true);
  });

  test('quote a folder that a shell would take apart', () => {
    expect(printed).toContain(
      String.raw`--credential-file '/home/o'\''neil/my clone/.run/stack-1/operator.jwt'`,
    );
  });

  test('let bob be revoked after his last request that passes, and alice never', () => {
    const steps = demoSteps(scene);
    const revoked = steps.findIndex(({ before }) => before?.some((line) => line.includes('revoke 2.bob')));
    const passes = steps.findLastIndex(
      ({ request, expect: { status } }) => request.includes('TOKEN-OF-BOB') && status === 200,
    );
    expect(revoked).toBeGreaterThan(passes);
    expect(printed).not.toContain('revoke 1.alice');
  });
});

test('the places are one line each, the folder relative to the repository', () => {
  const printed = describePlaces({
    url: 'http://127.0.0.1:8080',
    admin: 'http://127.0.0.1:9901',
    api: 'http://127.0.0.1:9003',
    ops: 'http://127.0.0.1:9090',
    billing: 'http://127.0.0.1:8081',
    reports: 'http://127.0.0.1:8082',
    issuer: 'http://127.0.0.1:8082',
    folder: `${process.cwd()}/.run/stack-1`,
    valkey: { url: 'redis://127.0.0.1:6379', pid: 4711 },
  });
  expect(printed.split('\n')).toHaveLength(9);
  expect(printed).toMatch(/^ {2}Envoy +http:\/\/127\.0\.0\.1:8080 +requests go here$/m);
  expect(printed).toMatch(/^ {2}Valkey .*process 4711$/m);
  expect(printed).toMatch(/^ {2}Logs +\.run\/stack-1$/m);
});
