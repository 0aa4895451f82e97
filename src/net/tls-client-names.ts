/**
 * Who a client certificate names: its SPIFFE id and its DNS names. Hides how Node writes subject alternative names, and
 * every way in which one kind of name could pass for another.
 */
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';

export type CertificateNames =
  /** The SPIFFE id first, where there is one; DNS names are in lower case. */
  | { readonly ok: true; readonly names: readonly string[] }
  /** `problem` goes on from "the certificate". */
  | { readonly ok: false; readonly problem: string };

/** SPIFFE-ID section 2: a trust domain, and a path without empty and dot segments. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)*$/;
const MAX_SPIFFE_ID_BYTES = 2_048;

/** RFC 1123 section 2.1, with the `_` that DNS itself allows. No wildcard, and nothing that could be a URI. */
const DNS_NAME = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const MAX_DNS_NAME_BYTES = 253;

export function isSpiffeId(text: string): boolean {
  return text.length <= MAX_SPIFFE_ID_BYTES && SPIFFE_ID.test(text);
}

/** In lower case alone, as `certificateNames` has them. */
export function isDnsName(text: string): boolean {
  return text.length <= MAX_DNS_NAME_BYTES && DNS_NAME.test(text);
}

/**
 * The names by which a client may be known, once its chain has been verified. The common name is none of them, nor are
 * wildcards and other kinds of names. Refused: a CA's own certificate, and more than one URI (X.509-SVID sections 2 and
 * 4.1); and any name that Node had to quote, because a quoted name may hold what looks like another one (CVE-2021-44532).
 */
export function certificateNames({ ca, subjectAltName }: X509Certificate): CertificateNames {
  if (ca) return { ok: false, problem: 'is that of a CA: a client must have one of its own' };
  const text = subjectAltName ?? '';
  if (text.includes('"')) return { ok: false, problem: 'has a name with characters that names do not have' };
  const entries = text.split(', ');
  const uris = valuesOf(entries, 'URI:');
  if (uris.length > 1) return { ok: false, problem: 'has more than one URI name: a SPIFFE id stands alone' };
  const dnsNames = valuesOf(entries, 'DNS:').map((name) => name.toLowerCase());
  return { ok: true, names: [...uris.filter(isSpiffeId), ...dnsNames.filter(isDnsName)] };
}

function valuesOf(entries: readonly string[], kind: 'URI:' | 'DNS:'): readonly string[] {
  return entries.filter((entry) => entry.startsWith(kind)).map((entry) => entry.slice(kind.length));
}

/** A property of the socket and no map of sockets: node:http2 hands out proxies of them. */
const NAMES = Symbol('verified names of the client');

type NamedSocket = Socket & { [NAMES]?: readonly string[] };

/** For whoever has verified the certificate. */
export function rememberClientNames(socket: Socket, names: readonly string[]): void {
  (socket as NamedSocket)[NAMES] = names;
}

/**
 * The SPIFFE id and DNS names of the client behind a connection, verified in its handshake; empty without TLS, and for a
 * client that showed no certificate. `socket` is that of a node:http request, or of a node:http2 request or session.
 */
export function clientCertificateNames(socket: Socket): readonly string[] {
  return (socket as NamedSocket)[NAMES] ?? [];
}
