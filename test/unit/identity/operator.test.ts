import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OperatorConfig } from '../../../src/config/schema.ts';
import { createSharedKeys } from '../../../src/identity/issuer-keys.ts';
import { createOperatorAuthenticator } from '../../../src/identity/operator.ts';
import {
  createIssuerKey,
  startTestIssuer,
  type IssuerKey,
  type TestIssuer,
} from '../../parts/test-issuer.ts';

const NOW_MS = 1_900_000_000_000;
const NOW = NOW_MS / 1000;
const [key, other] = await Promise.all([createIssuerKey('ES256', 'one'), createIssuerKey('EdDSA', 'two')]);

let dir: string;
let idp: TestIssuer;
let jwksFile: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'operators-'));
  jwksFile = await put('jwks.json', { keys: [key.publicJwk] });
  idp = await startTestIssuer(key);
  idp.metadata = { id_token_signing_alg_values_supported: ['ES256'] };
});
afterEach(async () => {
  await idp[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

async function put(name: string, content: unknown): Promise<string> {
  await writeFile(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  return join(dir, name);
}

const nowMs = () => NOW_MS;
const { of: keysOf } = createSharedKeys({
  nowMs,
  fetchTimeoutMs: 1_000,
  onFetchFailure: () => undefined,
});
const authenticator = (...operators: OperatorConfig[]) =>
  createOperatorAuthenticator(operators, { nowMs, keysOf });

/** Operators of one issuer, whose keys are in a file. */
const fromFile = (name: string, subject = name, audience = 'singlestate'): OperatorConfig => ({
  name,
  issuer: 'https://ci.example.com',
  subject,
  audience,
  jwksFile,
});

const claims = { iss: 'https://ci.example.com', sub: 'oncall', aud: 'singlestate', exp: NOW + 60 };
const token = (changes: object = {}, header?: Record<string, unknown>, signer: IssuerKey = key) =>
  signer.sign({ ...claims, ...changes }, header);

describe('an operator', () => {
  it('E3 is known by issuer, subject, audience and signature, and named as configured', async () => {
    const operators = await authenticator(
      fromFile('ci', 'bot'),
      fromFile('oncall'),
      fromFile('audit', 'oncall', 'audit'),
    );
    const nameOf = async (jwt: string) => {
      const verdict = await operators.authenticate(jwt);
      return verdict.authenticated ? verdict.operator.name : verdict.cause;
    };
    expect(await nameOf(await token())).toBe('oncall');
    expect(await nameOf(await token({ sub: 'bot' }))).toBe('ci');
    expect(await nameOf(await token({ aud: ['other', 'audit'] }))).toBe('audit');
    expect(await nameOf(await token({ sub: 'bot', aud: 'audit' }))).toBe('unauthenticated');
  });

  it.each<[string, Record<string, unknown>]>([
    ['without typ, as Kubernetes makes it', { typ: undefined }],
    ['of an access token', { typ: 'at+jwt' }],
  ])('E3 may bring a JWT %s', async (_, header) => {
    expect(
      await (await authenticator(fromFile('oncall'))).authenticate(await token({}, header)),
    ).toMatchObject({
      authenticated: true,
    });
  });

  it.each<[string, () => Promise<string>]>([
    ['of another issuer', () => token({ iss: 'https://evil.example' })],
    ['of another subject', () => token({ sub: 'nobody' })],
    ['without subject', () => token({ sub: undefined })],
    ['for another audience', () => token({ aud: 'other' })],
    ['without audience', () => token({ aud: undefined })],
    ['without end', () => token({ exp: undefined })],
    ['past its end', () => token({ exp: NOW - 10 })],
    ['not valid yet', () => token({ nbf: NOW + 60 })],
    ['that is a session token', () => token({}, { typ: 'singlestate-session+jwt' })],
    ['that is an assertion', () => token({}, { typ: 'singlestate-assertion+jwt' })],
    ['that is a logout token', () => token({}, { typ: 'logout+jwt' })],
    ['with a key of its own', () => token({}, { kid: 'two', alg: 'EdDSA', jwk: other.publicJwk }, other)],
    ['by a stranger under a known kid', () => token({}, { kid: 'one' }, other)],
    ['that is no JWT', () => Promise.resolve('letmein')],
    ['with a space before it', async () => ` ${await token()}`],
  ])('E3 with a token %s is nobody, and is not told why', async (_, make) => {
    const verdict = await (await authenticator(fromFile('oncall'))).authenticate(await make());
    expect(verdict).toEqual({
      authenticated: false,
      cause: 'unauthenticated',
      problem:
        'The bearer token is not a valid token of an operator: issuer, subject, audience, end and signature count.',
    });
  });

  it.each([undefined, ''])('E3 without a token (%j) is nobody', async (bearer) => {
    expect(await (await authenticator(fromFile('oncall'))).authenticate(bearer)).toMatchObject({
      authenticated: false,
      cause: 'unauthenticated',
    });
  });

  it('E3 nobody is one where none is configured', async () => {
    expect(await (await authenticator()).authenticate(await token())).toMatchObject({ authenticated: false });
  });

  it('E3 keys come from discovery at the issuer, or from a URL', async () => {
    const discovered = { name: 'oncall', issuer: idp.issuer, subject: 'oncall', audience: 'singlestate' };
    const byUrl = { ...discovered, name: 'by-url', subject: 'bot', jwksUrl: `${idp.issuer}/jwks` };
    const operators = await authenticator(discovered, byUrl);
    expect(idp.requests).toEqual([]);
    expect(await operators.authenticate(await token({ iss: idp.issuer }))).toMatchObject({
      operator: { name: 'oncall' },
    });
    expect(await operators.authenticate(await token({ iss: idp.issuer, sub: 'bot' }))).toMatchObject({
      operator: { name: 'by-url' },
    });
  });

  it('D1 of an issuer that is down is told so, and those of other issuers are not held up', async () => {
    await idp.stop();
    const down = { name: 'down', issuer: idp.issuer, subject: 'oncall', audience: 'singlestate' };
    const operators = await authenticator(down, fromFile('oncall'));
    expect(await operators.authenticate(await token({ iss: idp.issuer }))).toMatchObject({
      cause: 'keys_unavailable',
    });
    expect(await operators.authenticate(await token())).toMatchObject({ operator: { name: 'oncall' } });
  });

  it('E3 keys of one issuer are not used for another', async () => {
    const othersFile = await put('others.json', { keys: [other.publicJwk] });
    const operators = await authenticator(fromFile('oncall'), {
      ...fromFile('other'),
      issuer: 'https://other.example.com',
      jwksFile: othersFile,
    });
    expect(await operators.authenticate(await token({}, {}, other))).toMatchObject({ authenticated: false });
    expect(
      await operators.authenticate(
        await token({ iss: 'https://other.example.com', sub: 'other' }, {}, other),
      ),
    ).toMatchObject({ operator: { name: 'other' } });
  });
});

describe('a configuration of operators that cannot work', () => {
  it('is refused with all its problems at once, which hold no key', async () => {
    const broken = await put('broken.json', `{"keys":[{"d":"SECRET"`);
    const empty = await put('empty.json', { keys: [] });
    const secret = await put('private.json', { keys: [{ ...key.publicJwk, d: 'SECRET' }] });
    const shared = await put('shared.json', { keys: [{ kty: 'oct', k: 'SECRET' }] });
    const insecure = { name: 'e', issuer: 'http://idp.example.com', subject: 's', audience: 'a' };
    const making = authenticator(
      { ...fromFile('a'), jwksFile: broken },
      { ...fromFile('b'), jwksFile: empty },
      { ...fromFile('c'), jwksFile: secret },
      { ...fromFile('d'), jwksFile: shared },
      insecure,
      { ...insecure, name: 'f', issuer: 'ci', jwksUrl: 'http://keys.example.com/jwks' },
      { ...insecure, name: 'g', issuer: 'ci' },
      { ...fromFile('h'), jwksFile: join(dir, 'missing.json') },
      { ...fromFile('i'), jwksUrl: 'https://keys.example.com/jwks' },
    );
    await expect(making).rejects.toMatchObject({
      code: 'ERR_IDENTITY_CONFIG',
      problems: [
        expect.stringMatching(
          /^The operator "a": .*broken\.json can't be read as JSON; it must be a JWK Set/,
        ),
        expect.stringMatching(/"b": .*empty\.json is not a JWK Set with at least one key/),
        expect.stringMatching(/"c": .*private\.json holds a key that is not public/),
        expect.stringMatching(/"d": .*shared\.json holds a key that is not public/),
        expect.stringMatching(/"e": the issuer, where keys are discovered, is not protected in transit/),
        expect.stringMatching(/"f": jwksUrl is not protected in transit/),
        expect.stringMatching(/"g": the issuer, where keys are discovered, is not a URL/),
        expect.stringMatching(/"h": .*missing\.json can't be read/),
        expect.stringMatching(/"i": it has jwksFile and jwksUrl/),
      ],
    });
    await expect(making).rejects.not.toThrow('SECRET');
  });
});
