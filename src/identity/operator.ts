/** Tells who an operator is by the JWT that they bring. Hides that operators share issuers, and issuers keys. */
import { readFile } from 'node:fs/promises';
import { decodeJwt, type JSONWebKeySet } from 'jose';
import type { OperatorConfig } from '../config/schema.ts';
import { IdentityConfigError } from './identity-config-error.ts';
import type { OperatorAuthenticator, OperatorVerdict } from './identity.ts';
import { createIssuerKeys, type IssuerKeys, type IssuerKeysOptions, type KeySource } from './issuer-keys.ts';
import { urlProblem } from './secure-url.ts';
import { verifySignedJwt, type JwtRules } from './signed-jwt.ts';

/** Operators whose tokens are signed with the same keys of the same issuer. */
interface Signatory {
  readonly keys: IssuerKeys;
  readonly rules: JwtRules;
  readonly operators: readonly OperatorConfig[];
}

/** ID tokens, access tokens (RFC 9068) and tokens without `typ`; never one of our own or a logout token. */
const TYPES = ['jwt', 'at+jwt'];

const REFUSED: OperatorVerdict = {
  authenticated: false,
  cause: 'unauthenticated',
  problem:
    'The bearer token is not a valid token of an operator: issuer, subject, audience, end and signature count.',
};

/**
 * Reads the files that the configuration names, and no more of the outside. Rejects with `IdentityConfigError`, all
 * problems in one. Without operators it refuses everybody.
 */
export async function createOperatorAuthenticator(
  operators: readonly OperatorConfig[],
  options: IssuerKeysOptions,
): Promise<OperatorAuthenticator> {
  const signatories = await signatoriesOf(operators, options);
  return {
    async authenticate(bearer) {
      if (bearer === undefined || bearer === '') {
        return {
          authenticated: false,
          cause: 'unauthenticated',
          problem: 'A bearer token of an operator is required.',
        };
      }
      const issuer = claimedIssuer(bearer);
      const candidates = signatories.filter(({ rules }) => rules.issuer === issuer);
      const verdicts = await Promise.all(
        candidates.map((one) => authenticateWith(one, bearer, options.nowMs())),
      );
      return (
        verdicts.find((verdict) => verdict.authenticated) ??
        verdicts.find((verdict) => !verdict.authenticated && verdict.cause === 'keys_unavailable') ??
        REFUSED
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

async function authenticateWith(
  { keys, rules, operators }: Signatory,
  jwt: string,
  nowMs: number,
): Promise<OperatorVerdict> {
  const verdict = await verifySignedJwt(jwt, keys, rules, nowMs);
  if (!verdict.verified) {
    if (verdict.cause === 'invalid') return REFUSED;
    const problem = "The keys of the bearer token's issuer can't be fetched; try again shortly.";
    return { authenticated: false, cause: 'keys_unavailable', problem };
  }
  const { sub, aud } = verdict.claims;
  const audiences = new Set(typeof aud === 'string' ? [aud] : aud);
  const operator = operators.find(({ subject, audience }) => sub === subject && audiences.has(audience));
  return operator === undefined ? REFUSED : { authenticated: true, operator: { name: operator.name } };
}

async function signatoriesOf(
  operators: readonly OperatorConfig[],
  options: IssuerKeysOptions,
): Promise<readonly Signatory[]> {
  const groups = Map.groupBy(operators, ({ issuer, jwksFile, jwksUrl }) =>
    JSON.stringify([issuer, jwksFile, jwksUrl]),
  );
  const made = await Promise.all(
    [...groups.values()].flatMap((group) =>
      group.slice(0, 1).map((first) => signatoryOf(first, group, options)),
    ),
  );
  const problems = made.filter((one) => typeof one === 'string');
  if (problems.length > 0) throw new IdentityConfigError(problems);
  return made.filter((one) => typeof one !== 'string');
}

/** A problem, as text, where there is one. `first` stands for the group, whose issuer and keys are the same. */
async function signatoryOf(
  first: OperatorConfig,
  operators: readonly OperatorConfig[],
  options: IssuerKeysOptions,
): Promise<Signatory | string> {
  const source = await keySourceOf(first);
  if (typeof source === 'string') return `The operator "${first.name}": ${source}`;
  const audience = [...new Set(operators.map((operator) => operator.audience))];
  const rules = { issuer: first.issuer, audience, types: TYPES, requiredClaims: ['sub'] };
  return { keys: createIssuerKeys(source, options), rules, operators };
}

async function keySourceOf({ issuer, jwksFile, jwksUrl }: OperatorConfig): Promise<KeySource | string> {
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
  return jwksUrl === undefined ? { kind: 'discovery', issuer } : { kind: 'url', url };
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
