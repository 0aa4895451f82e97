import { describe, expect, it } from 'vitest';
import { configOf, MINIMAL, problemsOf } from './minimal.ts';
import { restartOnlyChanges } from '../../../src/config/restart-only.ts';

const LISTENS = `${MINIMAL}listen: { http: ":9002" }\n`;

describe('the listener `http`', () => {
  it('is not there unless it is asked for, and believes this machine alone', () => {
    expect(configOf(MINIMAL).listen).not.toHaveProperty('http');
    const { listen, http } = configOf(LISTENS);
    expect(listen.http).toBe(':9002');
    expect(http).toEqual({ gateway: 'envoy', trustedPeers: ['127.0.0.0/8', '::1/128', 'unix'] });
  });

  it('has its socket below the folder of the file', () => {
    const { listen } = configOf(`${MINIMAL}listen: { http: "unix:run/http.sock" }`);
    expect(listen.http).toBe('unix:/etc/singlestate/run/http.sock');
  });

  it.each(['unix', '10.0.0.0/8', '192.0.2.7', '0.0.0.0/0', '2001:db8::/32', '::1', '::/0'])(
    'may trust %s',
    (peer) => {
      expect(problemsOf(`${LISTENS}http: { trustedPeers: ["${peer}"] }`)).toEqual([]);
    },
  );

  it.each([
    '',
    'nginx.edge.svc',
    '10.0.0.0/33',
    '10.0.0/8',
    '::/129',
    '10.0.0.0/',
    'unix:/run',
    '*',
    '1.2.3.4:80',
  ])('may not trust "%s"', (peer) => {
    expect(problemsOf(`${LISTENS}http: { trustedPeers: ["${peer}"] }`)).toEqual([
      expect.stringContaining(
        'http.trustedPeers[0]: must be an IP address, a network such as "10.0.0.0/8", or "unix"',
      ),
    ]);
  });

  it('must trust somebody, and know its gateway', () => {
    expect(problemsOf(`${LISTENS}http: { trustedPeers: [] }`)).toHaveLength(1);
    expect(problemsOf(`${LISTENS}http: { gateway: apache }`)).toHaveLength(1);
  });

  it('differs from the others, and takes a restart to move', () => {
    expect(problemsOf(`${MINIMAL}listen: { http: ":9001" }`)).toEqual([
      '7:17 listen.http: must differ from listen.check, which has the same address',
    ]);
    expect(restartOnlyChanges(configOf(MINIMAL), configOf(LISTENS))).toEqual(['listen.http']);
    const other = configOf(`${LISTENS}http: { gateway: nginx, trustedPeers: [unix] }`);
    expect(restartOnlyChanges(configOf(LISTENS), other)).toEqual([]);
  });
});
