/** The request's authority in the one form that routes are matched on. */

const HOST = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?(:\d*)?$/i;
const IP_LITERAL = /^\[[0-9a-f:.]+\](:\d*)?$/i;

/** No name in DNS is longer (RFC 1035 section 2.3.4), and each dot of a host costs a look-up. */
const MAX_LENGTH = 253 + ':65535'.length + 1;

/** Lower case, without port and trailing dot (RFC 9110 section 4.2.3); undefined for what is no authority. */
export function canonicalHost(authority: string): string | undefined {
  if (authority.length > MAX_LENGTH || !(HOST.test(authority) || IP_LITERAL.test(authority)))
    return undefined;
  return authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}
