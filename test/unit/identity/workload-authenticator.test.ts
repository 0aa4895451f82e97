import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AppConfig } from '../../../src/config/schema.ts';
import { createSharedKeys } from '../../../src/identity/issuer-keys.ts';
import { createWorkloadAuthenticator } from '../../../src/identity/workload-authenticator.ts';
import type { CallerCredentials, WorkloadAuthenticator } from '../../../src/identity/workload.ts';
import {
  createIssuerKey,
  startTestIssuer,
  type IssuerKey,
  type TestIssuer,
} from '../../parts/test-issuer.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const nowMs = () => NOW_MS;
const OPTIONS = {
  nowMs,
  keysOf: createSharedKeys({ nowMs, fetchTimeoutMs: 1_000, onFetchFailure: () => undefined }).of,
};
const AUDIENCE = 'singlestate';

type Identity = AppConfig['identities'][number];

function app(...identities: Identity[]): AppConfig {
  const reads = { scopes: [], attributes: [], slices: [] };
  return { identities, reads, writes: {}, writesAttributes: {}, assertion: false };
}

let folder: string;
let spire: IssuerKey;
let kubernetes: IssuerKey;
let cluster: TestIssuer;
let workloads: WorkloadAuthenticator;

beforeAll(async () => {
  [spire, kubernetes] = await Promise.all([
    createIssuerKey('ES256', 'spire'),
    createIssuerKey('RS256', 'k8s'),
  ]);
  cluster = await startTestIssuer(kubernetes);
  folder = await mkdtemp(join(tmpdir(), 'singlestate-workloads-'));
  const jwksFile = join(folder, 'jwks.json');
  await writeFile(jwksFile, JSON.stringify({ keys: [spire.publicJwk] }));
  const account = (name: string) => ({
    issuer: cluster.issuer,
    subject: `system:serviceaccount:${name}`,
    audience: AUDIENCE,
  });
  workloads = await createWorkloadAuthenticator(
    {
      billing: app(account('billing:default'), { certificate: 'spiffe://td/billing', audience: AUDIENCE }),
      support: app(account('support:default'), { certificate: 'support.shop.svc', audience: AUDIENCE }),
      cart: app({ issuer: 'spiffe://td', subject: 'spiffe://td/cart', audience: AUDIENCE, jwksFile }),
      silent: app(),
    },
    OPTIONS,
  );
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const claims = (iss: string, sub: string) => ({ iss, sub, aud: AUDIENCE, exp: NOW_MS / 1000 + 60 });
const account = (name: string) => claims(cluster.issuer, `system:serviceaccount:${name}`);
const shown = (given: Partial<CallerCredentials>): CallerCredentials => ({
  bearer: undefined,
  certificateNames: [],
  ...given,
});
const authenticate = (given: Partial<CallerCredentials>) => workloads.authenticate(shown(given));
const refused = { authenticated: false, cause: 'unauthenticated' };

describe('an app is known', () => {
  test('C2 by the service account token that Kubernetes gave it, which has no typ', async () => {
    const bearer = await kubernetes.sign(account('billing:default'), { typ: undefined });
    expect(await authenticate({ bearer })).toEqual({ authenticated: true, app: 'billing' });
  });

  test.each(['JWT', 'JOSE', undefined])('C2 by its SPIFFE JWT-SVID with typ %s', async (typ) => {
    const bearer = await spire.sign(claims('spiffe://td', 'spiffe://td/cart'), { typ });
    expect(await authenticate({ bearer })).toEqual({ authenticated: true, app: 'cart' });
  });

  test.each([
    ['SPIFFE id', ['spiffe://td/billing'], 'billing'],
    ['DNS name, among others', ['other.svc', 'support.shop.svc'], 'support'],
  ])('C2 by the %s of its certificate', async (_what, certificateNames, name) => {
    expect(await authenticate({ certificateNames })).toEqual({ authenticated: true, app: name });
  });
});

describe('nobody is an app', () => {
  test.each<[string, Partial<CallerCredentials>]>([
    ['without credentials', {}],
    ['with a certificate of no app', { certificateNames: ['spiffe://td/other'] }],
    ['with the names of two apps', { certificateNames: ['spiffe://td/billing', 'support.shop.svc'] }],
    ['with text for a token', { bearer: 'x' }],
    [
      'with a token that does not hold, over the connection of an app',
      { bearer: 'x', certificateNames: ['spiffe://td/billing'] },
    ],
  ])('%s', async (_what, given) => expect(await authenticate(given)).toMatchObject(refused));

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['of another account', { sub: 'system:serviceaccount:billing:other' }, {}],
    ['for another audience', { aud: 'kubernetes' }, {}],
    ['that has expired', { exp: NOW_MS / 1000 - 60 }, {}],
    ['of another issuer', { iss: 'https://other.test' }, {}],
    ['that is a session token by its type', {}, { typ: 'singlestate-session+jwt' }],
    ['that is a logout token by its type', {}, { typ: 'logout+jwt' }],
  ])('with a token %s', async (_what, change, header) => {
    const bearer = await kubernetes.sign({ ...account('billing:default'), ...change }, header);
    expect(await authenticate({ bearer })).toMatchObject(refused);
  });

  test('E9 with the token of one issuer signed by the key of another', async () => {
    const bearer = await spire.sign(account('billing:default'));
    expect(await authenticate({ bearer })).toMatchObject(refused);
  });

  test('where no app is configured', async () => {
    const none = await createWorkloadAuthenticator({}, OPTIONS);
    const bearer = await kubernetes.sign(account('billing:default'));
    expect(await none.authenticate(shown({ bearer }))).toMatchObject(refused);
    expect(await none.authenticate(shown({ certificateNames: ['spiffe://td/billing'] }))).toMatchObject(
      refused,
    );
  });
});

test('E3 while the issuer does not answer, an app is unknown for now and not refused', async () => {
  await using down = await startTestIssuer(kubernetes);
  await down.stop();
  const identity = { issuer: down.issuer, subject: 'a', audience: AUDIENCE };
  const fresh = await createWorkloadAuthenticator({ billing: app(identity) }, OPTIONS);
  const bearer = await kubernetes.sign(claims(down.issuer, 'a'));
  expect(await fresh.authenticate(shown({ bearer }))).toMatchObject({ cause: 'keys_unavailable' });
});

test.each<[string, Identity]>([
  ['account', { issuer: 'https://k8s.test', subject: 'a', audience: AUDIENCE }],
  ['certificate', { certificate: 'spiffe://td/a', audience: AUDIENCE }],
])('C2 two apps can not have one %s', async (_what, identity) => {
  await expect(
    createWorkloadAuthenticator({ one: app(identity), two: app(identity) }, OPTIONS),
  ).rejects.toThrow(/^The apps "one" and "two" have the same identity .*; each must have its own$/);
});

test('what is wrong with the keys of an app is said with its name, all at once', async () => {
  const first = { issuer: 'http://k8s.test', subject: 'a', audience: AUDIENCE };
  const second = { issuer: 'x', subject: 'b', audience: AUDIENCE, jwksFile: '/nowhere/jwks.json' };
  await expect(
    createWorkloadAuthenticator({ one: app(first), two: app(second) }, OPTIONS),
  ).rejects.toMatchObject({
    problems: [
      expect.stringMatching(
        /^The app "one": the issuer, where keys are discovered, is not protected/,
      ) as string,
      'The app "two": /nowhere/jwks.json can\'t be read as JSON; it must be a JWK Set of public keys',
    ],
  });
});

test.each([
  ['is not there', 'nowhere.pem'],
  ['is empty, which to a TLS client would be every CA of the system', 'empty.pem'],
])('E4 a caFile that %s is refused', async (_, file) => {
  await writeFile(join(folder, 'empty.pem'), '');
  const identity = { issuer: 'https://k8s.test', subject: 'a', audience: AUDIENCE };
  const one = app({ ...identity, caFile: join(folder, file) });
  await expect(createWorkloadAuthenticator({ one }, OPTIONS)).rejects.toMatchObject({
    problems: [`The app "one": caFile ${join(folder, file)} must be a file with certificates, in PEM`],
  });
});
