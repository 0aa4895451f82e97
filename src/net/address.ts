/** Where a listener listens, as configuration writes it: `HOST:PORT`, `:PORT` or `unix:PATH`. Hides the syntax. */

export type Address =
  /** An empty `host` means every address of the machine, IPv4 and IPv6. Port 0 lets the system choose. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Text that is no address. The message holds the text, and says what would be right. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
  readonly code = 'ERR_ADDRESS';
}

/** `sun_path` of unix(7) has 108 bytes, and one ends it. */
const MAX_UNIX_PATH_BYTES = 107;
const MAX_PORT = 65_535;

const TCP = /^(?:\[(?<ipv6>[0-9A-Fa-f:.]+)\]|(?<name>[A-Za-z0-9._-]*)):(?<port>\d{1,5})$/;

/** `unix:` may be followed by a path or, as gRPC target names write it, by `//` and an absolute path. */
export function parseAddress(text: string): Address {
  return text.startsWith('unix:') ? parseUnix(text) : parseTcp(text);
}

/** What `parseAddress` reads back as the same address. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

function parseUnix(text: string): Address {
  const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '') throw new AddressError(`"${text}" has no path: write "unix:/run/singlestate/check.sock"`);
  if (path.includes('\0')) throw new AddressError('A unix socket path must not hold a NUL character');
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) {
    throw new AddressError(
      `"${text}" is too long: a unix socket path has at most ${MAX_UNIX_PATH_BYTES} bytes`,
    );
  }
  return { kind: 'unix', path };
}

function parseTcp(text: string): Address {
  const { ipv6, name, port } = TCP.exec(text)?.groups ?? {};
  if (port === undefined) {
    throw new AddressError(
      `"${text}" is no address: write "HOST:PORT", ":PORT", "[IPV6]:PORT" or "unix:PATH"`,
    );
  }
  if (Number(port) > MAX_PORT) {
    throw new AddressError(`"${text}" has a port above ${MAX_PORT}: write a port from 0 to ${MAX_PORT}`);
  }
  return { kind: 'tcp', host: ipv6 ?? name ?? '', port: Number(port) };
}
