/** The limits of how many checks a caller gets (E11): what is counted, and what the count means for the request. */
import type { Config } from '../config/schema.ts';
import type { RateCounter, RateTake } from '../session/rate-limit.ts';
import type { ValidSession } from '../session/validity.ts';

export type RateLimits = Config['rateLimits'];

/** Whom a request counts for that comes from an address which the proxy did not tell: all of them are one. */
const UNKNOWN_ADDRESS = 'unknown';

/** What to count before anything is known of the request but its address; undefined where nothing is. */
export function addressTakes(
  { perAddress }: RateLimits,
  address: string | undefined,
): RateTake[] | undefined {
  if (perAddress === undefined) return undefined;
  const { limit, window: windowMs } = perAddress;
  const of = address === undefined ? UNKNOWN_ADDRESS : countedAddress(address);
  return [{ kind: 'address', of, limit, windowMs }];
}

const IPV4_MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/**
 * Of IPv6 the network of 64 bits: whoever has one address of it has all of them (RFC 4291 section 2.5.4), and would be
 * somebody new with each.
 */
function countedAddress(address: string): string {
  const [, ipv4] = IPV4_MAPPED.exec(address) ?? [];
  if (ipv4 !== undefined) return ipv4;
  if (!address.includes(':')) return address;
  const [before = [], after = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}

/** What to count once the session is known to be valid; undefined where nothing is. */
export function sessionTakes(
  { perSession, perSubject }: RateLimits,
  { ref, document }: ValidSession,
): RateTake[] | undefined {
  if (perSession === undefined && perSubject === undefined) return undefined;
  const takes: RateTake[] = [];
  if (perSession !== undefined) {
    takes.push({ kind: 'session', of: ref, limit: perSession.limit, windowMs: perSession.window });
  }
  if (perSubject !== undefined) {
    const of = JSON.stringify([document.identity.issuer, document.identity.subject]);
    takes.push({ kind: 'subject', of, limit: perSubject.limit, windowMs: perSubject.window });
  }
  return takes;
}

export interface LimitReached {
  readonly detail: string;
  readonly retryAfterMs: number;
}

/** Undefined where none of the limits is reached. Rejects when the store fails, and for an answer that is none (E3). */
export async function limitReached(
  rates: RateCounter,
  takes: readonly RateTake[],
): Promise<LimitReached | undefined> {
  const taken = await rates.take(takes);
  switch (taken.allowed) {
    case true:
      return undefined;
    case false:
      return { detail: `the limit per ${taken.by} is reached`, retryAfterMs: taken.retryAfterMs };
    default:
      throw new TypeError('the rate counter answered neither yes nor no');
  }
}
