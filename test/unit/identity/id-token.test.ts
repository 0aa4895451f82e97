import { createHmac, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IdentityProviderConfig } from '../../../src/config/schema.ts';
import type { IdentityProvider, VerifiedIdentity } from '../../../src/identity/identity.ts';
import { createIdentityProvider } from '../../../src/identity/provider.ts';
import { createIssuerKey, startTestIssuer, type TestIssuer } from '../../parts/test-issuer.ts';

/** Many cases in one test, on a machine that may be busy. */
const PROPERTY = { timeout: 60_000 };

const NOW_MS = 1_900_000_000_500;
const NOW = 1_900_000_000;
const DAY = 86_400;
const nonce = 'n-0S6_WzA2Mj';

const [key, stranger] = await Promise.all([createIssuerKey('ES256', 'one'), createIssuerKey('ES256', 'one')]);
let idp: TestIssuer;
let config: IdentityProviderConfig;
let provider: IdentityProvider;
let claims: Record<string, unknown>;

beforeAll(async () => {
  idp = await startTestIssuer(key);
  idp.metadata = { id_token_signing_alg_values_supported: ['ES256'] };
  const claimNames = { scopes: 'realm_access.roles', attributes: { email_domain: 'hd', age: 'age' } };
  config = { name: 'main', issuer: idp.issuer, clientId: 'singlestate', scopes: [], claims: claimNames };
  provider = createProvider(config);
  claims = {
    iss: idp.issuer,
    aud: 'singlestate',
    sub: 'alice',
    nonce,
    iat: NOW - 10,
    exp: NOW + 600,
    auth_time: NOW - 100,
    sid: 'idp-session',
    acr: 'urn:mfa',
    amr: ['pwd', 'otp', 7],
    hd: 'example.com',
    age: 41,
    realm_access: { roles: ['invoices:read', 'not a scope'] },
  };
});
afterAll(async () => {
  await idp[Symbol.asyncDispose]();
});

function createProvider(providerConfig: IdentityProviderConfig): IdentityProvider {
  return createIdentityProvider(providerConfig, {
    nowMs: () => NOW_MS,
    fetchTimeoutMs: 5_000,
    onFetchFailure: () => undefined,
  });
}

async function identityOf(token: string): Promise<VerifiedIdentity> {
  const verdict = await provider.verifyIdToken(token, { nonce });
  if (!verdict.verified) throw new Error(verdict.problem);
  return verdict.identity;
}

describe('an ID token', () => {
  it('E1 B2 says who the user is, by the configured claims', async () => {
    expect(await identityOf(await key.sign(claims))).toEqual({
      provider: 'main',
      issuer: idp.issuer,
      subject: 'alice',
      providerSession: 'idp-session',
      authenticatedAtMs: (NOW - 100) * 1000,
      acr: 'urn:mfa',
      amr: ['pwd', 'otp'],
      scopes: ['invoices:read'],
      attributes: { email_domain: 'example.com', age: '41' },
      proof: {
        hash: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
        validUntilMs: (NOW + 620) * 1000,
      },
    });
  });

  it('needs no more than the claims that OpenID Connect requires', async () => {
    const { iss, aud, sub, iat, exp } = claims;
    const identity = await identityOf(await key.sign({ iss, aud, sub, nonce, iat, exp }));
    expect(identity).toMatchObject({ authenticatedAtMs: (NOW - 10) * 1000, scopes: [], attributes: {} });
    expect(Object.keys(identity)).not.toContain('acr');
  });

  it.each<[string, () => Promise<string>]>([
    ['no typ', () => key.sign(claims, { typ: undefined })],
    ['typ jwt', () => key.sign(claims, { typ: 'jwt' })],
    ['typ application/jwt', () => key.sign(claims, { typ: 'application/JWT' })],
    [
      'several audiences and azp',
      () => key.sign({ ...claims, aud: ['account', 'singlestate'], azp: 'singlestate' }),
    ],
    ['an audience in a list', () => key.sign({ ...claims, aud: ['singlestate'] })],
    ['an issuer whose clock is ten seconds ahead', () => key.sign({ ...claims, iat: NOW + 10 })],
    ['an end less than ten seconds ago', () => key.sign({ ...claims, exp: NOW - 9 })],
    ['an age of a day', () => key.sign({ ...claims, iat: NOW - DAY })],
    ['no kid', () => key.sign(claims, { kid: undefined })],
    ['a key beside it, which is not looked at', () => key.sign(claims, { jwk: stranger.publicJwk })],
    ['a typ claim of ID', () => key.sign({ ...claims, typ: 'ID' })],
  ])('with %s is accepted', async (_, sign) => {
    expect(await provider.verifyIdToken(await sign(), { nonce })).toMatchObject({ verified: true });
  });

  const sign = (changes: object, header?: Record<string, unknown>) => () =>
    key.sign({ ...claims, ...changes }, header);
  const swap = async (at: 0 | 2, segment: string) => {
    const parts = (await key.sign(claims)).split('.');
    parts[at] = segment;
    return parts.join('.');
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it.each<[string, () => Promise<string>, string]>([
    ['another issuer', sign({ iss: 'https://evil.example' }), '"iss"'],
    [
      'the issuer with a slash',
      sign({
        get iss() {
          return `${idp.issuer}/`;
        },
      }),
      '"iss"',
    ],
    ['no issuer', sign({ iss: undefined }), '"iss"'],
    ['another audience', sign({ aud: 'other' }), '"aud"'],
    ['no audience', sign({ aud: undefined }), '"aud"'],
    ['several audiences and no azp', sign({ aud: ['singlestate', 'other'] }), '"azp"'],
    [
      'several audiences and the azp of another',
      sign({ aud: ['singlestate', 'other'], azp: 'other' }),
      '"azp"',
    ],
    ['the azp of another', sign({ azp: 'other' }), '"azp"'],
    ['an azp that is a list', sign({ azp: ['singlestate'] }), '"azp"'],
    ['no end', sign({ exp: undefined }), '"exp"'],
    ['an end as text', sign({ exp: String(NOW + 600) }), '"exp"'],
    ['an end in the past', sign({ exp: NOW - 10 }), 'expired'],
    ['no iat', sign({ iat: undefined }), '"iat"'],
    ['an iat in the future', sign({ iat: NOW + 11 }), '"iat"'],
    ['an age of more than a day', sign({ iat: NOW - DAY - 11 }), 'too long ago'],
    ['an nbf in the future', sign({ nbf: NOW + 60 }), '"nbf"'],
    ['another nonce', sign({ nonce: 'other' }), '"nonce"'],
    ['no nonce', sign({ nonce: undefined }), '"nonce"'],
    ['a nonce that is a list', sign({ nonce: [nonce] }), '"nonce"'],
    ['no subject', sign({ sub: undefined }), '"sub"'],
    ['an empty subject', sign({ sub: '' }), '"sub"'],
    ['a subject that is a number', sign({ sub: 7 }), '"sub"'],
    ['a subject too long', sign({ sub: 's'.repeat(256) }), '"sub"'],
    ['an auth_time in the future', sign({ auth_time: NOW + 60 }), '"auth_time"'],
    ['an auth_time that is no time', sign({ auth_time: 'yesterday' }), '"auth_time"'],
    ['an auth_time beyond numbers', sign({ auth_time: 1e300 }), '"auth_time"'],
    ['the typ of an access token', sign({}, { typ: 'at+jwt' }), 'another type'],
    ['the typ of a logout token', sign({}, { typ: 'logout+jwt' }), 'another type'],
    ['the typ of a session token', sign({}, { typ: 'singlestate-session+jwt' }), 'another type'],
    ['the claims of an access token', sign({ typ: 'Bearer' }), 'another kind'],
    ['the claims of a refresh token', sign({ typ: 'Refresh' }), 'another kind'],
    [
      'crit',
      () => key.signText({ alg: 'ES256', kid: 'one', crit: ['exp'] }, JSON.stringify(claims)),
      'not well-formed',
    ],
    ["a stranger's signature", () => stranger.sign(claims), 'signature'],
    ['an unknown kid', sign({}, { kid: 'two' }), 'does not publish'],
    ['a kid that is a number', () => swap(0, encode({ alg: 'ES256', kid: 1 })), 'compact form'],
    ['alg none', () => swap(0, encode({ alg: 'none', kid: 'one' })), 'algorithm'],
    [
      'alg none and no signature',
      () => Promise.resolve(`${encode({ alg: 'none' })}.${encode(claims)}.`),
      'compact form',
    ],
    ['another alg', () => swap(0, encode({ alg: 'RS256', kid: 'one' })), 'algorithm'],
    ['no alg', () => swap(0, encode({ kid: 'one' })), 'compact form'],
    ['HS256 with the public key as its secret', () => Promise.resolve(hmac(encode)), 'algorithm'],
    ['padding', async () => `${await key.sign(claims)}=`, 'compact form'],
    ['a line break', async () => `${await key.sign(claims)}\n`, 'compact form'],
    ['four parts', async () => `${await key.sign(claims)}.AAAA`, 'compact form'],
    ['too many characters', sign({ groups: 'g'.repeat(16_384) }), 'longer than'],
    ['nothing', () => Promise.resolve(''), 'compact form'],
  ])('E1 with %s is refused, and the problem quotes nothing of it', async (_, make, problem) => {
    const token = await make();
    const verdict = await provider.verifyIdToken(token, { nonce });
    expect(verdict).toMatchObject({ verified: false, cause: 'invalid_token' });
    expect(verdict.verified ? '' : verdict.problem).toMatch(/^The ID token .*\.$/);
    expect(verdict.verified ? '' : verdict.problem).toContain(problem);
    expect(JSON.stringify(verdict)).not.toMatch(/alice|evil|other"|n-0S6/);
  });

  function hmac(encoded: (value: object) => string): string {
    const pem = createPublicKey({ key: key.publicJwk, format: 'jwk' }).export({
      format: 'pem',
      type: 'spki',
    });
    const input = `${encoded({ alg: 'HS256', kid: 'one' })}.${encoded(claims)}`;
    return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
  }

  it('E1 without an expected nonce none is accepted', async () => {
    const token = await key.sign({ ...claims, nonce: '' });
    expect(await provider.verifyIdToken(token, { nonce: '' })).toMatchObject({ cause: 'invalid_token' });
  });

  it('E1 with an end beyond numbers is refused', async () => {
    const text = JSON.stringify({ ...claims, exp: 1 }).replace('"exp":1', '"exp":1e999');
    expect(text).toContain('1e999');
    const token = await key.signText({ alg: 'ES256', kid: 'one' }, text);
    expect(await provider.verifyIdToken(token, { nonce })).toMatchObject({ cause: 'invalid_token' });
  });

  it('E3 random text is never an ID token, and never throws', PROPERTY, async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 4 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        expect(await provider.verifyIdToken(token, { nonce })).toMatchObject({ verified: false });
      }),
    );
  });
});

describe('the proof that an ID token was used', () => {
  /** The order of P-256 (SEC 2 section 2.4.2). */
  const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

  /** With (r, s) also (r, n - s) is a valid ECDSA signature. */
  function otherSignature(token: string): string {
    const at = token.lastIndexOf('.') + 1;
    const signature = Buffer.from(token.slice(at), 'base64url');
    const s = ORDER - BigInt(`0x${signature.subarray(32).toString('hex')}`);
    const other = Buffer.concat([
      signature.subarray(0, 32),
      Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
    ]);
    return token.slice(0, at) + other.toString('base64url');
  }

  /** The last of a signature's 86 characters has four bits that mean nothing. */
  function otherSpelling(token: string): string {
    const last = token.at(-1) ?? '';
    const next = String.fromCharCode(last.charCodeAt(0) + 1);
    return token.slice(0, -1) + next;
  }

  it('E1 is the same for every spelling of its signature', async () => {
    const token = await key.sign(claims);
    const { hash } = (await identityOf(token)).proof;
    expect((await identityOf(otherSignature(token))).proof.hash).toBe(hash);
    // Of A, Q, g and w, which end such a signature, each has the next letter for an equal.
    expect((await identityOf(otherSpelling(token))).proof.hash).toBe(hash);
  });

  it('E1 is another for another token of the same user', async () => {
    const [a, b] = await Promise.all([
      identityOf(await key.sign(claims)),
      identityOf(await key.sign({ ...claims, jti: 'b' })),
    ]);
    expect(a.proof.hash).not.toBe(b.proof.hash);
  });

  it('E1 must be remembered until the token is refused by every clock, for its end or for its age', async () => {
    const { proof } = await identityOf(await key.sign({ ...claims, exp: NOW + 365 * DAY }));
    expect(proof.validUntilMs).toBe((NOW - 10 + DAY + 20) * 1000);
  });
});

describe('an identity provider', () => {
  it('D1 that is down is said to be unavailable', async () => {
    const gone = await startTestIssuer(key);
    await gone.stop();
    const problems: string[] = [];
    const options = {
      nowMs: () => NOW_MS,
      fetchTimeoutMs: 1_000,
      onFetchFailure: (problem: string) => void problems.push(problem),
    };
    const down = createIdentityProvider({ ...config, issuer: gone.issuer }, options);
    await down.prefetch();
    expect(await down.verifyIdToken(await key.sign({ ...claims, iss: gone.issuer }), { nonce })).toEqual({
      verified: false,
      cause: 'provider_unavailable',
      problem: 'The identity provider "main" can\'t be reached to verify the ID token; try again shortly.',
    });
    expect(problems).toEqual([expect.stringContaining('ECONNREFUSED')]);
  });

  it('E4 without https is refused unless it is on this machine', () => {
    expect(() => createProvider({ ...config, issuer: 'http://idp.example.com' })).toThrow(
      'The issuer of the identity provider "main" is not protected in transit; it must be an https: URL',
    );
  });
});
