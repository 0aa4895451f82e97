/** Reads scopes and attributes out of a provider's claims, wherever the configuration says they are. */

/** RFC 6749 section 3.3 `scope-token`. */
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

type Claims = Readonly<Record<string, unknown>>;

/**
 * A claim by its name, else by a path of names joined by dots. The exact name goes first, because names that are URLs
 * have dots.
 */
export function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split('.')
    .reduce<unknown>((value, part) => (hasOwn(value, part) ? value[part] : undefined), claims);
}

function hasOwn(value: unknown, name: string): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, name);
}

/** A list, or a string with spaces, each scope once; what is no scope token is left out. */
export function readScopes(claims: Claims, name: string): readonly string[] {
  const value = claimAt(claims, name);
  const items: readonly unknown[] =
    typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  return [
    ...new Set(items.filter((item) => typeof item === 'string').filter((item) => SCOPE_TOKEN.test(item))),
  ];
}

/** Session attribute -> claim, for the claims that are there and are strings, numbers or booleans. */
export function readAttributes(
  claims: Claims,
  names: Readonly<Record<string, string>>,
): Record<string, string> {
  const read = Object.entries(names).map(
    ([attribute, name]) => [attribute, asText(claimAt(claims, name))] as const,
  );
  return Object.fromEntries(read.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' || Number.isFinite(value) ? String(value) : undefined;
}
