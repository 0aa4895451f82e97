/** One secret JWK as a key file holds it: which ones seal, and what is wrong with the others. */
import { nbfProblems, parseJwkText, type JwkMembers } from '../keys/jwk-text.ts';

/** AES-256 in Galois/Counter Mode (RFC 7518 section 5.3). */
export type SealingAlg = 'A256GCM';

/** A symmetric key with its algorithm pinned. A key file has these members and no other. */
export interface SealingJwk {
  readonly kty: 'oct';
  /** 256 bits, base64url. */
  readonly k: string;
  readonly kid: string;
  readonly alg: SealingAlg;
  readonly use: 'enc';
  /** Active from this time on, Unix seconds; without it, always. */
  readonly nbf?: number;
}

export type ParsedSealingJwk =
  | { readonly ok: true; readonly jwk: SealingJwk }
  /** Every fault, each a sentence that names the member and what would be right, and none of the key's values. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** The form of a `kid` that can stand in an envelope, between two dots. */
export const SEALING_KID = /^[A-Za-z0-9_-]{1,128}$/;

const KEY_BYTES = 32;
const MEMBERS = ['kty', 'k', 'kid', 'alg', 'use', 'nbf'];
const WANTED = 'sealing.keysDir wants sealing keys, made with "singlestate keys generate --use enc"';

/** Reads the text of a key file. Never throws. */
export function parseSealingJwk(text: string): ParsedSealingJwk {
  const parsed = parseJwkText(text);
  if (!parsed.ok) return parsed;
  const { members } = parsed;
  const problems = members['kty'] === 'oct' ? problemsOf(members, text) : [kindProblem(members)];
  return problems.length > 0 ? { ok: false, problems } : { ok: true, jwk: members as unknown as SealingJwk };
}

function kindProblem({ kty, d }: JwkMembers): string {
  if (kty !== 'OKP' && kty !== 'EC') return `has no "kty" that is supported; ${WANTED}`;
  return d === undefined ? `is a public key; ${WANTED}` : `is a signing key (--use sig); ${WANTED}`;
}

function problemsOf(jwk: JwkMembers, text: string): readonly string[] {
  const rules: readonly [isRight: boolean, problem: string][] = [
    [isSecret(jwk['k']), 'has no valid "k"; it must be 32 bytes in base64url'],
    [jwk['alg'] === 'A256GCM', 'has an "alg" other than "A256GCM", which it must have'],
    [jwk['use'] === 'enc', 'has a "use" other than "enc", which it must have'],
    [isKid(jwk['kid']), 'has no valid "kid"; it must be 1 to 128 letters, digits, "-" and "_"'],
  ];
  const broken = rules.flatMap(([isRight, problem]) => (isRight ? [] : [problem]));
  const problems = [...broken, ...nbfProblems(jwk), ...strangerProblems(jwk)];
  return problems.length === 0 && !isPlainlyWritten(jwk, text)
    ? ['has a member twice, or one that is written with escapes; write each once and plainly']
    : problems;
}

/** In its one spelling: the unused bits of the last character are zero (RFC 4648 section 3.5). */
function isSecret(k: unknown): boolean {
  if (typeof k !== 'string') return false;
  const bytes = Buffer.from(k, 'base64url');
  return bytes.length === KEY_BYTES && bytes.toString('base64url') === k;
}

function isKid(kid: unknown): boolean {
  return typeof kid === 'string' && SEALING_KID.test(kid);
}

/** A name out of the file is not repeated: it may be a slip of whoever pasted a secret. */
function strangerProblems(jwk: JwkMembers): readonly string[] {
  return Object.keys(jwk).every((name) => MEMBERS.includes(name))
    ? []
    : [`has a member that is none of ${MEMBERS.join(', ')}; remove it`];
}

/** Two parsers could read a file that has a name twice as two different keys. No value of a sound key holds white space. */
function isPlainlyWritten(jwk: JwkMembers, text: string): boolean {
  return text.replaceAll(/[ \t\r\n]/g, '') === JSON.stringify(jwk);
}
