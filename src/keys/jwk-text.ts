/** The members that every JWK in a key file has, and the reading of its text, without ever repeating what it holds. */

export type JwkMembers = Readonly<Record<string, unknown>>;

export type ParsedText =
  | { readonly ok: true; readonly members: JwkMembers }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The last second that a `Date` can hold. */
const LATEST_SECONDS = 8_640_000_000_000;

/** Never throws. */
export function parseJwkText(text: string): ParsedText {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be a secret key.
    return refused('is not JSON; it must be one JWK');
  }
  if (!isRecord(value)) return refused('is not a JSON object; it must be one JWK');
  if (value['keys'] !== undefined) return refused('is a JWK Set; put each JWK into a file of its own');
  return { ok: true, members: value };
}

function refused(problem: string): ParsedText {
  return { ok: false, problems: [problem] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `nbf`: a NumericDate in whole seconds (RFC 7519 section 2), or nothing. */
export function nbfProblems({ nbf }: JwkMembers): readonly string[] {
  return nbf === undefined || isUnixSeconds(nbf)
    ? []
    : ['has an "nbf" that is not a time in whole Unix seconds'];
}

function isUnixSeconds(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LATEST_SECONDS;
}

/** `nbf` as Unix milliseconds; 0, for always, where there is none. */
export function activeFromMs(nbf: number | undefined): number {
  return (nbf ?? 0) * 1000;
}
