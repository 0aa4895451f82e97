/** The kinds of text that configuration is made of: names, addresses, URLs, scopes, paths. Each says what would be right. */
import { isIP } from 'node:net';
import { z } from 'zod';

/** A kind of text. `title` is what the reference calls its type. */
function text(title: string, pattern: RegExp, wanted: string) {
  return z.string().regex(pattern, { error: wanted, abort: true }).meta({ title });
}

/** RFC 1123 section 2.1: a label, as Kubernetes names things. */
export const name = text(
  'name',
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  'must be at most 63 lower-case letters, digits and "-", and begin and end with a letter or digit',
);

/** Where a listener listens. Port 0 takes any free port. */
export const address = text(
  'listen address',
  /^(unix:[^:]+|(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]*):\d{1,5})$/,
  'must be "HOST:PORT", ":PORT" (all addresses), "[IPV6]:PORT" or "unix:PATH"',
).refine(
  (value) => value.startsWith('unix:') || Number(value.slice(value.lastIndexOf(':') + 1)) <= 65_535,
  'must have a port of at most 65535',
);

export const url = text(
  'URL',
  /^https?:\/\/[^\s/?#@]+([/?][^\s#]*)?$/,
  'must be an http: or https: URL, without a user, password or fragment',
).refine((value) => URL.canParse(value), 'must be a URL with a valid host and port');

const urlWithoutQuery = text(
  'URL',
  /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/,
  'must be an http: or https: URL, without a user, password, query or fragment',
).refine((value) => URL.canParse(value), 'must be a URL with a valid host and port');

/** OpenID Connect Core section 2, `iss`: a URL without query and fragment. It is compared byte by byte. */
export const issuer = urlWithoutQuery;

/** The base URL of OTLP over HTTP, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it. */
export const collectorUrl = urlWithoutQuery.refine(
  (value) => !/\/v1\/traces\/?$/.test(value),
  'must be the base URL: "/v1/traces" is added to it',
);

export const storeUrl = text(
  'store URL',
  /^(memory:|rediss?:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(\/\d{1,4})?)$/,
  'must be "memory:" or "redis[s]://HOST[:PORT][/DATABASE]"; the user goes to username, the password to passwordFile',
).refine(
  (value) => value === 'memory:' || URL.canParse(value),
  'must have a valid host and a port of at most 65535',
);

/** RFC 6749 section 3.3 `scope-token`. */
export const scope = text(
  'scope',
  /^[\x21\x23-\x5B\x5D-\x7E]+$/,
  'must be a scope: printable ASCII without spaces, quotes and backslashes (RFC 6749 section 3.3)',
);

/** A name that can end a header name, such as `x-session-attr-NAME`. */
export const headerPart = text(
  'header word',
  /^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/,
  'must be lower-case letters, digits, "-" and "_", and begin and end with a letter or digit',
);

/** RFC 9110 section 5.1, in lower case. */
export const headerName = text(
  'header name',
  /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
  'must be a header name in lower case: letters, digits and "-"',
);

/** RFC 6454 section 6.2, as browsers write it: scheme, host, and a port that is not the scheme's own. */
export const origin = text(
  'origin',
  /^https?:\/\/[^\s/?#@]+$/,
  'must be an origin: "https://HOST" or "https://HOST:PORT", without a path',
).refine(
  (value) => URL.canParse(value) && new URL(value).origin === value,
  'must be written as browsers write it: in lower case, and without the port where it is the default one',
);

/** RFC 6265 section 4.1.1 `cookie-name`. */
export const cookieName = text(
  'cookie name',
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/,
  "must be a cookie name: letters, digits and !#$%&'*+-.^_`|~ (RFC 6265 section 4.1.1)",
);

export const method = text('method', /^[A-Z]+$/, 'must be a method in capitals, such as GET');

export const host = text(
  'host',
  /^(\*|(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*)$/,
  'must be a host name in lower case without port, "*.SUFFIX" or "*"',
);

/** A host that can be granted: any of them but all of them. */
export const hostPattern = text(
  'host',
  /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/,
  'must be a host name in lower case without port, or "*.SUFFIX"',
);

/** RFC 1123 section 2.1: labels with dots, as Kubernetes names service accounts. */
export const serviceAccountName = text(
  'service account',
  /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
  'must be the name of a service account: lower-case letters, digits, "-" and "."',
);

export const pathTemplate = text('path template', /^\//, 'must begin with "/"');

export const keyPrefix = text(
  'text',
  /^[a-z0-9:_-]*$/,
  'must be lower-case letters, digits, ":", "_" and "-"',
);

/** Headers below these belong to HTTP, to proxies or to browsers; all that a client sends below our own prefix is removed. */
const TAKEN_PREFIXES = [
  'accept-',
  'content-',
  'grpc-',
  'if-',
  'sec-',
  'x-',
  'x-b3-',
  'x-envoy-',
  'x-forwarded-',
];

export const headerPrefix = text(
  'header prefix',
  /^[a-z][a-z0-9]*(-[a-z0-9]+)*-$/,
  'must be lower-case words that each end in "-", such as "x-session-"',
).refine(
  (value) => !TAKEN_PREFIXES.includes(value),
  'must be a prefix of your own, such as "x-session-": every header of a client that begins with it is removed',
);

/** RFC 4632 section 3.1 and RFC 4291 section 2.3; an address alone is a network of one. */
export const peer = text(
  'network',
  /^(unix|[0-9A-Fa-f.:]+(\/\d{1,3})?)$/,
  'must be an IP address, a network such as "10.0.0.0/8", or "unix"',
).refine(isPeer, 'must be an IP address, a network such as "10.0.0.0/8", or "unix"');

function isPeer(value: string): boolean {
  if (value === 'unix') return true;
  const [address = '', bits = '0'] = value.split('/');
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
}

/** Any text but the empty one. */
export const someText = z.string().min(1).meta({ title: 'text' });

/** Relative ones are below the folder of the configuration file. */
export const filePath = z.string().min(1).meta({ title: 'file' });
export const folderPath = z.string().min(1).meta({ title: 'folder' });
