/**
 * The kinds of gateways: which headers each is sure to overwrite with the original request, and how it is told what the
 * app must not get. Nothing else of a subrequest says where the client wanted to go.
 */
import { isIP } from 'node:net';

export type GatewayKind = 'envoy' | 'nginx' | 'traefik' | 'caddy';

/** The request to this server: its own method and target, and all of its headers. */
export interface Subrequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What the client asked of the gateway; empty where the gateway did not tell. */
export interface OriginalRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
}

export interface Gateway {
  /** The headers that hold the original request: without one of them, or with one twice, nothing can be believed. */
  readonly required: readonly string[];
  original(subrequest: Subrequest): OriginalRequest;
  /** The header that ends in the address of whoever connected to the gateway. */
  readonly addressHeader: string;
  /**
   * How a header under the prefix that is not set is kept from the app. `listed`: the gateway takes out what an answer
   * names. `named`: its configuration overwrites every header that can be set, by name, and can't tell of others.
   * `matched`: its configuration takes out whatever looks like one.
   */
  readonly removal: 'listed' | 'named' | 'matched';
  /** It takes every status but 2xx, 401 and 403 for a fault, and an answer's repeated header for one. */
  readonly limited: boolean;
}

/** Traefik and Caddy ask with a GET, and tell of the original in headers of these names. */
const X_FORWARDED = {
  required: ['x-forwarded-method', 'x-forwarded-host', 'x-forwarded-uri'],
  original: ({ headers }) => ({
    method: headers.get('x-forwarded-method') ?? '',
    host: headers.get('x-forwarded-host') ?? '',
    path: headers.get('x-forwarded-uri') ?? '',
  }),
  addressHeader: 'x-forwarded-for',
  limited: false,
} as const satisfies Partial<Gateway>;

export const GATEWAYS: Readonly<Record<GatewayKind, Gateway>> = {
  // The check is the original request, without its body.
  envoy: {
    required: ['host'],
    original: ({ method, target, headers }) => ({ method, path: target, host: headers.get('host') ?? '' }),
    addressHeader: 'x-singlestate-address',
    removal: 'listed',
    limited: false,
  },
  // The names that ingress-nginx sets by itself.
  nginx: {
    required: ['x-original-method', 'x-original-url'],
    original: ({ headers }) => ({
      method: headers.get('x-original-method') ?? '',
      ...splitUrl(headers.get('x-original-url') ?? ''),
    }),
    addressHeader: 'x-real-ip',
    removal: 'named',
    limited: true,
  },
  traefik: { ...X_FORWARDED, removal: 'matched' },
  caddy: { ...X_FORWARDED, removal: 'named' },
};

const ORIGINAL_URL = /^https?:\/\/([^/]*)(\/.*)$/s;

/** Nothing but the first slash ends the host, as no gateway takes one in it: `?`, `#` and `@` there fit no route. */
function splitUrl(url: string): Pick<OriginalRequest, 'host' | 'path'> {
  const [, host = '', path = ''] = ORIGINAL_URL.exec(url) ?? [];
  return { host, path };
}

/** The last address of a list is the one that the gateway saw itself; undefined where that is none. */
export function lastAddress(list: string | undefined): string | undefined {
  const address = list?.slice(list.lastIndexOf(',') + 1).trim();
  return address !== undefined && isIP(address) !== 0 ? address : undefined;
}
