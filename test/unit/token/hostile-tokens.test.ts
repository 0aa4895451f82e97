import { createHmac, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';
import { createAssertionSigner } from '../../../src/token/assertion.ts';
import { publicJwk } from '../../../src/token/jwks.ts';
import { MAX_TOKEN_LENGTH, SESSION_TOKEN_TYP, type TokenFault } from '../../../src/token/session-token.ts';
import { createKeyRing } from '../../../src/token/signing-keys.ts';
import { createSessionTokenVerifier } from '../../../src/token/verify.ts';
import { createTestKey, forgeJwt, segment } from '../../parts/key-rings.ts';

/** Many cases in one test, on a machine that may be busy. */
const PROPERTY = { timeout: 60_000 };

const NOW_MS = 1_900_000_000_000;
const NOW = NOW_MS / 1000;
const names = { issuer: 'https://sessions.example.com', audience: 'mesh' };

const [ed, ec, stranger] = await Promise.all([
  createTestKey('EdDSA'),
  createTestKey('ES256'),
  createTestKey('EdDSA'),
]);
const ring = createKeyRing([ed, ec]);
const verifier = createSessionTokenVerifier({ keyRing: () => ring, ...names, cacheSize: 100 });
const sessionId = createSessionId(partitionOf('https://idp.example.com', 'alice'));

const header = { alg: 'EdDSA', kid: ed.jwk.kid, typ: SESSION_TOKEN_TYP };
const claims = { iss: names.issuer, aud: names.audience, iat: NOW, exp: NOW + 300, sid: sessionId };
const good = forgeJwt(ed.jwk, header, claims);
const [goodHeader = '', goodPayload = '', goodSignature = ''] = good.split('.');

/** A rightly signed token with other members in its header. */
const withHeader = (changes: object) => forgeJwt(ed.jwk, { ...header, ...changes }, claims);
/** A rightly signed token with other claims; `undefined` leaves one out. */
const withClaims = (changes: object) => forgeJwt(ed.jwk, header, { ...claims, ...changes });
/** A rightly signed token with this text as its claims, of which `exp` is left for the text to say. */
const withExpText = (exp: string) =>
  forgeJwt(ed.jwk, header, JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', `"exp":${exp}`));
/** HMAC over the token with something public as the secret (RFC 8725 section 2.1). */
function hmac(secret: string | Buffer): string {
  const input = `${segment({ ...header, alg: 'HS256' })}.${goodPayload}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

const edPublic = publicJwk(ed.jwk);
const edPem = createPublicKey({ key: { ...edPublic }, format: 'jwk' }).export({
  format: 'pem',
  type: 'spki',
});
const assertion = await createAssertionSigner({
  keyRing: () => ring,
  issuer: names.issuer,
  ttlMs: 60_000,
}).sign({
  app: names.audience,
  facts: {
    ref: sessionRef(sessionId),
    version: 1,
    subject: 'alice',
    identityIssuer: 'https://idp.example.com',
    scopes: [],
    attributes: {},
    slices: {},
  },
  notAfterMs: NOW_MS + 60_000,
  generation: 1,
  nowMs: NOW_MS,
});

const hostile: [what: string, token: string, reason: TokenFault][] = [
  // Signatures
  [
    'alg none without a signature',
    `${segment({ ...header, alg: 'none' })}.${goodPayload}.`,
    'malformed_token',
  ],
  ['alg none with a signature', withHeader({ alg: 'none' }), 'bad_signature'],
  ['alg None', withHeader({ alg: 'None' }), 'bad_signature'],
  ['a signature cut off', `${goodHeader}.${goodPayload}.`, 'malformed_token'],
  ['a signature cut short', `${goodHeader}.${goodPayload}.${goodSignature.slice(0, 84)}`, 'bad_signature'],
  ['a signature of zeros', `${goodHeader}.${goodPayload}.${'A'.repeat(86)}`, 'bad_signature'],
  [
    'the signature of another token',
    `${goodHeader}.${segment({ ...claims, exp: NOW + 301 })}.${goodSignature}`,
    'bad_signature',
  ],
  ["HS256 with the public key's bytes", hmac(Buffer.from(ed.jwk.x, 'base64url')), 'bad_signature'],
  ["HS256 with the public key's JWK", hmac(JSON.stringify(edPublic)), 'bad_signature'],
  ["HS256 with the public key's PEM", hmac(edPem), 'bad_signature'],
  ['HS256 with an empty secret', hmac(''), 'bad_signature'],
  ["another alg than the key's", withHeader({ alg: 'ES256' }), 'bad_signature'],
  [
    'an ES256 token under the kid of an EdDSA key',
    forgeJwt(ec.jwk, { ...header, alg: 'ES256' }, claims),
    'bad_signature',
  ],
  [
    'an ES256 token that says EdDSA',
    forgeJwt(ec.jwk, { ...header, kid: ec.jwk.kid }, claims),
    'bad_signature',
  ],
  ['the synonym Ed25519 for EdDSA', withHeader({ alg: 'Ed25519' }), 'bad_signature'],
  ["a stranger's key under our kid", forgeJwt(stranger.jwk, header, claims), 'bad_signature'],
  // Headers
  ['an unknown kid', forgeJwt(stranger.jwk, { ...header, kid: stranger.jwk.kid }, claims), 'bad_signature'],
  ['a kid that is a path', withHeader({ kid: '../../../../dev/null' }), 'bad_signature'],
  ['a kid that is a URL', withHeader({ kid: 'https://evil.example/key.json' }), 'bad_signature'],
  ['a kid that is a property of every object', withHeader({ kid: '__proto__' }), 'bad_signature'],
  ['a kid that is a query', withHeader({ kid: "' UNION SELECT 'key" }), 'bad_signature'],
  ['a kid that is a number', withHeader({ kid: 1 }), 'malformed_token'],
  ['a kid that is a list', withHeader({ kid: [ed.jwk.kid] }), 'malformed_token'],
  ['no kid', withHeader({ kid: undefined }), 'malformed_token'],
  ['no alg', withHeader({ alg: undefined }), 'malformed_token'],
  ['no typ', withHeader({ typ: undefined }), 'malformed_token'],
  ['typ JWT', withHeader({ typ: 'JWT' }), 'malformed_token'],
  ['typ with application/', withHeader({ typ: `application/${SESSION_TOKEN_TYP}` }), 'malformed_token'],
  ['typ in capitals', withHeader({ typ: SESSION_TOKEN_TYP.toUpperCase() }), 'malformed_token'],
  ['typ of an access token', withHeader({ typ: 'at+jwt' }), 'malformed_token'],
  ['an assertion of ours', assertion, 'malformed_token'],
  [
    'a key in the token (jwk)',
    forgeJwt(stranger.jwk, { ...header, jwk: publicJwk(stranger.jwk) }, claims),
    'malformed_token',
  ],
  ['the address of keys (jku)', withHeader({ jku: 'https://evil.example/jwks.json' }), 'malformed_token'],
  [
    'the address of a certificate (x5u)',
    withHeader({ x5u: 'https://evil.example/cert.pem' }),
    'malformed_token',
  ],
  ['a certificate in the token (x5c)', withHeader({ x5c: ['MII'] }), 'malformed_token'],
  ['crit with a name unknown', withHeader({ crit: ['exp'] }), 'malformed_token'],
  ['crit with b64', withHeader({ crit: ['b64'], b64: false }), 'malformed_token'],
  ['an empty crit', withHeader({ crit: [] }), 'malformed_token'],
  ['zip', withHeader({ zip: 'DEF' }), 'malformed_token'],
  [
    'alg twice',
    forgeJwt(ed.jwk, JSON.stringify(header).replace('{', '{"alg":"none",'), claims),
    'malformed_token',
  ],
  ['space in the header', forgeJwt(ed.jwk, JSON.stringify(header, undefined, 1), claims), 'malformed_token'],
  [
    'an escape in the header',
    forgeJwt(ed.jwk, JSON.stringify(header).replace('singlestate', '\\u0073inglestate'), claims),
    'malformed_token',
  ],
  ['a header that is a list', forgeJwt(ed.jwk, [header], claims), 'malformed_token'],
  ['a header that is null', forgeJwt(ed.jwk, 'null', claims), 'malformed_token'],
  ['a header that is no JSON', forgeJwt(ed.jwk, '{', claims), 'malformed_token'],
  // Claims
  ['another issuer', withClaims({ iss: 'https://sessions.example.com/' }), 'malformed_token'],
  ['no issuer', withClaims({ iss: undefined }), 'malformed_token'],
  ['another audience', withClaims({ aud: 'other' }), 'malformed_token'],
  ['no audience', withClaims({ aud: undefined }), 'malformed_token'],
  ['a list of audiences', withClaims({ aud: [names.audience] }), 'malformed_token'],
  ['no exp', withClaims({ exp: undefined }), 'malformed_token'],
  ['exp null', withClaims({ exp: null }), 'malformed_token'],
  ['exp as text', withClaims({ exp: String(NOW + 300) }), 'malformed_token'],
  ['exp as a list', withClaims({ exp: [NOW + 300] }), 'malformed_token'],
  ['exp NaN', withExpText('NaN'), 'malformed_token'],
  ['exp with a fraction', withExpText(`${NOW + 300}.5`), 'malformed_token'],
  ['exp too large for a number', withExpText('1e999'), 'malformed_token'],
  ['exp too large to be exact', withExpText('9007199254740993'), 'malformed_token'],
  ['exp in a thousand years', withClaims({ exp: NOW + 31_536_000_000 }), 'malformed_token'],
  ['exp beyond the longest life', withClaims({ exp: NOW + 86_401 }), 'malformed_token'],
  ['exp with an exponent', withExpText('19000003e2'), 'malformed_token'],
  ['exp negative', withClaims({ exp: -1 }), 'malformed_token'],
  ['exp zero', withClaims({ exp: 0 }), 'expired_token'],
  ['exp now', withClaims({ exp: NOW }), 'expired_token'],
  ['exp twice', withExpText(`1,"exp":${NOW + 300}`), 'malformed_token'],
  ['no iat', withClaims({ iat: undefined }), 'malformed_token'],
  ['iat in the future', withClaims({ iat: NOW + 6 }), 'malformed_token'],
  ['iat as text', withClaims({ iat: String(NOW) }), 'malformed_token'],
  ['nbf in the future', withClaims({ nbf: NOW + 6 }), 'malformed_token'],
  ['nbf as text', withClaims({ nbf: '0' }), 'malformed_token'],
  ['nbf null', withClaims({ nbf: null }), 'malformed_token'],
  ['no sid', withClaims({ sid: undefined }), 'malformed_token'],
  ['the public ref as sid', withClaims({ sid: sessionRef(sessionId) }), 'malformed_token'],
  ['a sid with a line break', withClaims({ sid: `${sessionId}\n` }), 'malformed_token'],
  ['a sid that is a list', withClaims({ sid: [sessionId] }), 'malformed_token'],
  ['a sid with a brace', withClaims({ sid: `{x}${sessionId}` }), 'malformed_token'],
  ['an empty sid', withClaims({ sid: '' }), 'malformed_token'],
  [
    'sid twice',
    forgeJwt(ed.jwk, header, JSON.stringify(claims).replace('{', '{"sid":"",')),
    'malformed_token',
  ],
  ['claims that are a list', forgeJwt(ed.jwk, header, [claims]), 'malformed_token'],
  ['claims that are null', forgeJwt(ed.jwk, header, 'null'), 'malformed_token'],
  ['claims that are no JSON', forgeJwt(ed.jwk, header, 'x'), 'malformed_token'],
  // Spellings
  ['nothing', '', 'malformed_token'],
  ['dots alone', '..', 'malformed_token'],
  ['a space before', ` ${good}`, 'malformed_token'],
  ['a line break after', `${good}\n`, 'malformed_token'],
  ['a line break within', `${goodHeader}.\n${goodPayload}.${goodSignature}`, 'malformed_token'],
  ['a zero byte after', `${good}\0`, 'malformed_token'],
  ['a dot after', `${good}.`, 'malformed_token'],
  ['a dot before', `.${good}`, 'malformed_token'],
  ['four parts', `${good}.AAAA`, 'malformed_token'],
  ['five parts, as an encrypted token', `${good}.AAAA.AAAA`, 'malformed_token'],
  ['two parts', `${goodHeader}.${goodPayload}`, 'malformed_token'],
  ['padding', `${good}==`, 'malformed_token'],
  ['the alphabet of plain base64', `${goodHeader}.${goodPayload}.${'+/'.repeat(43)}`, 'malformed_token'],
  ['letters beyond ASCII', `${goodHeader}.${goodPayload}.é${goodSignature.slice(1)}`, 'malformed_token'],
  ['quotes', `"${good}"`, 'malformed_token'],
  ['one character too many', 'A'.repeat(MAX_TOKEN_LENGTH + 1), 'malformed_token'],
  ['a good token made too long', withClaims({ more: 'x'.repeat(MAX_TOKEN_LENGTH) }), 'malformed_token'],
  ['deep nesting', forgeJwt(ed.jwk, header, '['.repeat(2_900)), 'malformed_token'],
];

/** The last character of an Ed25519 signature has four bits that mean nothing. */
function otherSpellings(token: string): string[] {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(token.at(-1) ?? '');
  return Array.from(alphabet)
    .filter((_, at) => at >> 4 === last >> 4 && at !== last)
    .map((end) => token.slice(0, -1) + end);
}

describe('a hostile session token', () => {
  it('E9 the token that the others are made from is valid', async () => {
    expect(await verifier.verify(good, NOW_MS)).toMatchObject({ valid: true, claims: { sessionId } });
  });

  it.each(hostile)('E9 E1 %s is refused', async (_, token, reason) => {
    expect(await verifier.verify(token, NOW_MS)).toMatchObject({ valid: false, reason });
  });

  it('E9 one token has one spelling', async () => {
    const spellings = otherSpellings(good);
    expect(spellings).toHaveLength(15);
    for (const token of spellings) {
      expect(Buffer.from(token.slice(-86), 'base64url')).toEqual(Buffer.from(goodSignature, 'base64url'));
      expect(await verifier.verify(token, NOW_MS)).toEqual({ valid: false, reason: 'malformed_token' });
    }
  });

  it('E3 no text that is not a token is ever valid, and none throws', PROPERTY, async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.string(),
      fc.json().map(segment),
      fc.constantFrom(goodHeader, goodPayload),
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        expect(await verifier.verify(token, NOW_MS)).toMatchObject({ valid: false });
      }),
      { numRuns: 300 },
    );
  });

  it('E3 a valid token with any one character changed, added or left out is refused', PROPERTY, async () => {
    const edit = fc.record({
      at: fc.nat(good.length),
      remove: fc.integer({ min: 0, max: 2 }),
      insert: fc.string({ unit: 'binary', maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(edit, async ({ at, remove, insert }) => {
        const token = good.slice(0, at) + insert + good.slice(at + remove);
        fc.pre(token !== good);
        expect(await verifier.verify(token, NOW_MS)).toMatchObject({ valid: false });
      }),
      { numRuns: 300 },
    );
  });

  it('E3 random claims under a right signature are valid only as we would mint them', PROPERTY, async () => {
    const member = fc.constantFrom('iss', 'aud', 'exp', 'iat', 'nbf', 'sid');
    await fc.assert(
      fc.asyncProperty(member, fc.jsonValue(), async (name, value) => {
        const token = withClaims({ [name]: value });
        fc.pre(token !== good);
        const verdict = await verifier.verify(token, NOW_MS);
        const harmless =
          (name === 'nbf' && Number.isInteger(value) && Number(value) >= 0 && Number(value) <= NOW + 5) ||
          (name === 'iat' &&
            Number.isInteger(value) &&
            Number(value) <= NOW + 5 &&
            NOW + 300 - Number(value) <= 86_400);
        expect(verdict.valid).toBe(harmless);
      }),
      { numRuns: 300 },
    );
  });
});
