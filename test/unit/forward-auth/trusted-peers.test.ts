import { describe, expect, it } from 'vitest';
import { compileTrustedPeers } from '../../../src/forward-auth/trusted-peers.ts';

const trusts = (entries: readonly string[], remoteAddress?: string, overUnix = false) =>
  compileTrustedPeers(entries).trusts({ remoteAddress }, overUnix);

describe('trusted peers', () => {
  it.each([
    ['10.1.2.3', ['10.0.0.0/8']],
    ['10.1.2.3', ['192.0.2.1', '10.1.2.3']],
    ['::ffff:10.1.2.3', ['10.0.0.0/8']],
    ['::FFFF:10.1.2.3', ['10.1.2.3']],
    ['2001:db8::7', ['2001:db8::/32']],
    ['2001:db8::7', ['2001:DB8:0::7']],
    ['fe80::1%eth0', ['fe80::/10']],
    ['127.0.0.1', ['0.0.0.0/0']],
    ['2001:db8::7', ['::/0']],
  ])('%s is one of %j', (address, entries) => {
    expect(trusts(entries, address)).toBe(true);
  });

  it.each([
    ['11.0.0.1', ['10.0.0.0/8', 'unix']],
    ['10.1.2.4', ['10.1.2.3']],
    ['::1', ['127.0.0.0/8', '0.0.0.0/0']],
    ['10.0.0.1', ['::/0']],
    ['', ['0.0.0.0/0', '::/0']],
    ['here', ['0.0.0.0/0', '::/0']],
    [undefined, ['0.0.0.0/0', '::/0', 'unix']],
  ])('%s is none of %j', (address, entries) => {
    expect(trusts(entries, address)).toBe(false);
  });

  it('are those who can open the socket where that is said', () => {
    expect(trusts(['unix'], undefined, true)).toBe(true);
    expect(trusts(['0.0.0.0/0', '::/0'], undefined, true)).toBe(false);
  });

  it('are the same ones at each look, however many others there were', () => {
    const peers = compileTrustedPeers(['10.0.0.0/8']);
    for (let host = 0; host < 2_500; host += 1) {
      const rest = `${host >> 8}.${host & 255}`;
      expect(peers.trusts({ remoteAddress: `192.168.${rest}` }, false)).toBe(false);
      expect(peers.trusts({ remoteAddress: `10.0.${rest}` }, false)).toBe(true);
    }
  });
});
