/** Who may ask: the connections whose word about somebody else's request is believed. */
import { BlockList, isIP } from 'node:net';

/** What of a connection is looked at. */
export interface Peer {
  readonly remoteAddress?: string | undefined;
}

export interface TrustedPeers {
  /** `overUnixSocket`: the listener is a unix socket, where the file's permissions say who connects. */
  trusts(peer: Peer, overUnixSocket: boolean): boolean;
}

/** Remembered verdicts; gateways are few. */
const MAX_REMEMBERED = 1_000;

/** `entries` are addresses, networks in CIDR notation (RFC 4632 section 3.1), and `unix`. */
export function compileTrustedPeers(entries: readonly string[]): TrustedPeers {
  const networks = compileNetworks(entries.filter((entry) => entry !== 'unix'));
  const overUnix = entries.includes('unix');
  const verdicts = new Map<string, boolean>();

  function trustsAddress(address: string): boolean {
    const known = verdicts.get(address);
    if (known !== undefined) return known;
    const verdict = isWithin(networks, address);
    if (verdicts.size >= MAX_REMEMBERED) verdicts.clear();
    verdicts.set(address, verdict);
    return verdict;
  }

  return {
    trusts({ remoteAddress }, overUnixSocket) {
      if (overUnixSocket) return overUnix;
      return remoteAddress !== undefined && trustsAddress(remoteAddress);
    },
  };
}

/** One for each family: a BlockList takes every IPv4 address for one of `::/0` as well. */
interface Networks {
  readonly ipv4: BlockList;
  readonly ipv6: BlockList;
}

function compileNetworks(entries: readonly string[]): Networks {
  const networks = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/');
    const family = familyOf(address) ?? 'ipv4';
    const allBits = family === 'ipv4' ? 32 : 128;
    networks[family].addSubnet(address, bits === undefined ? allBits : Number(bits), family);
  }
  return networks;
}

function familyOf(address: string): keyof Networks | undefined {
  return ({ 4: 'ipv4', 6: 'ipv6' } as const)[isIP(address)];
}

/** On a socket for both families, an IPv4 peer has an IPv6 address that holds its own (RFC 4291 section 2.5.5.2). */
function isWithin(networks: Networks, remoteAddress: string): boolean {
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  const family = familyOf(address);
  return family !== undefined && networks[family].check(address, family);
}
