/**
 * Recognizes callers by the JWTs that their platforms gave them, by issuer, subject and audience. Hides that callers share
 * issuers, and issuers keys.
 */
import { readFile } from 'node:fs/promises';
import { decodeJwt, type JSONWebKeySet } from 'jose';
import { IdentityConfigError } from './identity-config-error.ts';
import type { IssuerKeys, KeysOf, KeySource } from './issuer-keys.ts';
import { urlProblem } from './secure-url.ts';
import { verifySignedJwt, type JwtRules } from './signed-jwt.ts';

export interface JwtIdentity {
  /** Who it is of, by configured name. */
  readonly name: string;
  /** How a problem begins: `The operator "NAME"`. */
  readonly title: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  /** Where the issuer's keys are: one of the two, or neither for OIDC discovery at the issuer. */
  readonly jwksFile?: string | undefined;
  readonly jwksUrl?: string | undefined;
  /** CA certificates, PEM, for fetching the keys; and a bearer token to send along. */
  readonly caFile?: string | undefined;
  readonly tokenFile?: string | undefined;
}

export type JwtRecognition =
  | { readonly outcome: 'known'; readonly name: string }
  | { readonly outcome: 'unknown' }
  /** The keys of its issuer can't be had right now. */
  | { readonly outcome: 'keys_unavailable' };

export interface RecognizingOptions {
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  readonly keysOf: KeysOf;
}

export interface JwtIdentities {
  /** Never rejects. */
  recognize(jwt: string): Promise<JwtRecognition>;
}

/** Identities whose tokens are signed with the same keys of the same issuer. */
interface Signatory {
  readonly keys: IssuerKeys;
  readonly rules: JwtRules;
  readonly identities: readonly JwtIdentity[];
}

const UNKNOWN: JwtRecognition = { outcome: 'unknown' };

/**
 * `types` are the `typ` that are accepted. Reads the key files that the identities name, and no more of the outside.
 * Rejects with `IdentityConfigError`, all problems in one.
 */
export async function createJwtIdentities(
  identities: readonly JwtIdentity[],
  types: readonly string[],
  options: RecognizingOptions,
): Promise<JwtIdentities> {
  const signatories = await signatoriesOf(identities, types, options);
  return {
    async recognize(jwt) {
      const issuer = claimedIssuer(jwt);
      const candidates = signatories.filter(({ rules }) => rules.issuer === issuer);
      const answers = await Promise.all(candidates.map((one) => recognizeWith(one, jwt, options.nowMs())));
      return (
        answers.find(({ outcome }) => outcome === 'known') ??
        answers.find(({ outcome }) => outcome === 'keys_unavailable') ??
        UNKNOWN
      );
    },
  };
}

/** Picks whose keys to try, and is believed in nothing. */
function claimedIssuer(jwt: string): unknown {
  try {
    return decodeJwt(jwt).iss;
  } catch {
    return undefined;
  }
}

async function recognizeWith(
  { keys, rules, identities }: Signatory,
  jwt: string,
  nowMs: number,
): Promise<JwtRecognition> {
  const verdict = await verifySignedJwt(jwt, keys, rules, nowMs);
  if (!verdict.verified) {
    return verdict.cause === 'invalid' ? UNKNOWN : { outcome: 'keys_unavailable' };
  }
  const { sub, aud } = verdict.claims;
  const audiences = new Set(typeof aud === 'string' ? [aud] : aud);
  const known = identities.find(({ subject, audience }) => sub === subject && audiences.has(audience));
  return known === undefined ? UNKNOWN : { outcome: 'known', name: known.name };
}

async function signatoriesOf(
  identities: readonly JwtIdentity[],
  types: readonly string[],
  options: RecognizingOptions,
): Promise<readonly Signatory[]> {
  const groups = Map.groupBy(identities, ({ issuer, jwksFile, jwksUrl, caFile, tokenFile }) =>
    JSON.stringify([issuer, jwksFile, jwksUrl, caFile, tokenFile]),
  );
  const made = await Promise.all(
    [...groups.values()].flatMap((group) =>
      group.slice(0, 1).map((first) => signatoryOf(first, group, types, options)),
    ),
  );
  const problems = made.filter((one) => typeof one === 'string');
  if (problems.length > 0) throw new IdentityConfigError(problems);
  return made.filter((one) => typeof one !== 'string');
}

/** A problem, as text, where there is one. `first` stands for the group, whose issuer and keys are the same. */
async function signatoryOf(
  first: JwtIdentity,
  identities: readonly JwtIdentity[],
  types: readonly string[],
  options: RecognizingOptions,
): Promise<Signatory | string> {
  const source = await keySourceOf(first);
  if (typeof source === 'string') return `${first.title}: ${source}`;
  const audience = [...new Set(identities.map((identity) => identity.audience))];
  const rules = { issuer: first.issuer, audience, types, requiredClaims: ['sub'] };
  return { keys: options.keysOf(source), rules, identities };
}

/** Whose keys they are, and where: what `JwtIdentity` says of an issuer. */
export type IssuerPlace = Pick<JwtIdentity, 'issuer' | 'jwksFile' | 'jwksUrl' | 'caFile' | 'tokenFile'>;

/** Why the keys of an issuer can never be had as they are named; undefined where they can. Asks no network. */
export async function issuerProblem(place: IssuerPlace): Promise<string | undefined> {
  const source = await keySourceOf(place);
  return typeof source === 'string' ? source : undefined;
}

async function keySourceOf(identity: IssuerPlace): Promise<KeySource | string> {
  const { issuer, jwksFile, jwksUrl, caFile, tokenFile } = identity;
  if (jwksFile !== undefined && jwksUrl !== undefined)
    return 'it has jwksFile and jwksUrl; it must have one of them';
  if (jwksFile !== undefined) {
    const jwks = await readJwks(jwksFile);
    return typeof jwks === 'string' ? `${jwksFile} ${jwks}` : { kind: 'given', jwks };
  }
  const url = jwksUrl ?? issuer;
  const problem = urlProblem(url);
  if (problem !== undefined)
    return `${jwksUrl === undefined ? 'the issuer, where keys are discovered,' : 'jwksUrl'} ${problem}`;
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8').catch(() => '');
  // To a TLS client, an empty text would mean the CAs of the system.
  if (ca?.includes('-----BEGIN CERTIFICATE-----') === false)
    return `caFile ${caFile} must be a file with certificates, in PEM`;
  const access = { ca, tokenFile };
  return jwksUrl === undefined ? { kind: 'discovery', issuer, access } : { kind: 'url', url, access };
}

/** The parser's and the file system's own messages are left out: they may quote a key. */
async function readJwks(path: string): Promise<JSONWebKeySet | string> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return "can't be read as JSON; it must be a JWK Set of public keys";
  }
  const keys = (value as { readonly keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0) return 'is not a JWK Set with at least one key';
  return keys.every(isPublicKey) ? { keys } : 'holds a key that is not public; only public keys belong there';
}

function isPublicKey(jwk: unknown): jwk is JSONWebKeySet['keys'][number] {
  if (typeof jwk !== 'object' || jwk === null) return false;
  return ['d', 'k', 'priv'].every((name) => !Object.hasOwn(jwk, name));
}
