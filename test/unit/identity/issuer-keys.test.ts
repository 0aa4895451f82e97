import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_DOCUMENT_BYTES } from '../../../src/identity/bounded-fetch.ts';
import { FETCH_FLOOR_MS, FRESH_MS, USABLE_MS } from '../../../src/identity/fetch-cache.ts';
import { FIRST_PAUSE_MS } from '../../../src/identity/issuer-breakers.ts';
import { createSharedKeys, type IssuerKeys } from '../../../src/identity/issuer-keys.ts';
import {
  createIssuerKey,
  startTestIssuer,
  type IssuerKey,
  type TestIssuer,
} from '../../parts/test-issuer.ts';

const [first, second] = await Promise.all([
  createIssuerKey('ES256', 'first'),
  createIssuerKey('ES256', 'second'),
]);
const DISCOVERY = '/.well-known/openid-configuration';
const hint = (kid: string | undefined, alg = 'ES256') => ({ alg, kid });

let idp: TestIssuer;
let nowMs: number;
let failures: string[];
beforeEach(async () => {
  idp = await startTestIssuer(first);
  idp.metadata = { id_token_signing_alg_values_supported: ['ES256'] };
  nowMs = 0;
  failures = [];
});
afterEach(async () => {
  await idp[Symbol.asyncDispose]();
});

function discovered(fetchTimeoutMs = 5_000): IssuerKeys {
  const onFetchFailure = (problem: string) => void failures.push(problem);
  const options = { nowMs: () => nowMs, fetchTimeoutMs, onFetchFailure };
  return createSharedKeys(options).of({ kind: 'discovery', issuer: idp.issuer });
}

describe('the keys of an issuer', () => {
  it('E1 are discovered at the first need, once for all who wait, and kept', async () => {
    const keys = discovered();
    expect(idp.requests).toEqual([]);
    const answers = await Promise.all([1, 2, 3].map(() => keys.find(hint('first'))));
    expect(answers.map(({ found }) => found)).toEqual([true, true, true]);
    nowMs = FRESH_MS - 1;
    expect(await keys.find(hint('first'))).toMatchObject({ found: true });
    expect(idp.requests).toEqual([DISCOVERY, '/jwks']);
    expect(failures).toEqual([]);
  });

  it('can be fetched ahead of need', async () => {
    const keys = discovered();
    await keys.prefetch();
    await keys.find(hint('first'));
    expect(idp.requests).toHaveLength(2);
  });

  it('E9 a key that was rotated in is found by fetching again, and one rotated out is forgotten', async () => {
    const keys = discovered();
    await keys.find(hint('first'));
    idp.keys = [second.publicJwk];
    nowMs = FETCH_FLOOR_MS;
    expect(await keys.find(hint('second'))).toMatchObject({ found: true });
    nowMs += FETCH_FLOOR_MS;
    expect(await keys.find(hint('first'))).toEqual({ found: false, cause: 'key' });
  });

  it('E9 made-up key ids do not make it fetch more often than the floor', async () => {
    const keys = discovered();
    await keys.find(hint('first'));
    for (nowMs = 0; nowMs < FETCH_FLOOR_MS; nowMs += 1_000) {
      expect(await keys.find(hint(`made-up-${nowMs}`))).toEqual({ found: false, cause: 'key' });
    }
    expect(idp.requests).toHaveLength(2);
    await keys.find(hint('made-up'));
    expect(idp.requests).toHaveLength(4);
  });

  it('D1 an issuer that is down is unavailable at once, and asked again ever more seldom', async () => {
    await idp.stop();
    const keys = discovered();
    const asked: number[] = [];
    for (nowMs = 0; nowMs < 100_000; nowMs += 500) {
      const before = failures.length;
      expect(await keys.find(hint('first'))).toEqual({ found: false, cause: 'unavailable' });
      if (failures.length > before) asked.push(nowMs / FIRST_PAUSE_MS);
    }
    expect(asked).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
    expect(failures[0]).toMatch(/^The keys of http:\/\/127\.0\.0\.1:\d+ can't be fetched: .*ECONNREFUSED/);
    await idp.start();
    nowMs = 121_000;
    expect(await keys.find(hint('first'))).toMatchObject({ found: true });
  });

  it('D1 while it is down its keys are used for an hour in all, and no longer', async () => {
    const keys = discovered();
    await keys.find(hint('first'));
    await idp.stop();
    nowMs = USABLE_MS - 1;
    expect(await keys.find(hint('first'))).toMatchObject({ found: true });
    expect(failures).toHaveLength(1);
    nowMs = USABLE_MS;
    expect(await keys.find(hint('first'))).toEqual({ found: false, cause: 'unavailable' });
  });

  it('D1 while it is down an unknown key is unavailable, not wrong', async () => {
    const keys = discovered();
    await keys.find(hint('first'));
    await idp.stop();
    nowMs = FETCH_FLOOR_MS;
    expect(await keys.find(hint('second'))).toEqual({ found: false, cause: 'unavailable' });
    expect(await keys.find(hint('second'))).toEqual({ found: false, cause: 'unavailable' });
    expect(failures).toHaveLength(1);
  });

  it('D5 an issuer that does not answer is given up at the timeout', async () => {
    idp.answer = () => undefined;
    const keys = discovered(50);
    expect(await keys.find(hint('first'))).toEqual({ found: false, cause: 'unavailable' });
    expect(failures).toEqual([expect.stringContaining('timeout')]);
  });

  it('D5 the timeout also covers an answer that trickles', async () => {
    idp.answer = (_, response) => void response.writeHead(200).write('{');
    const keys = discovered(50);
    expect(await keys.find(hint('first'))).toEqual({ found: false, cause: 'unavailable' });
  });

  it.each<[string, (idp: TestIssuer) => void, RegExp]>([
    ['names another issuer', (one) => (one.metadata['issuer'] = 'https://evil.example'), /issuer/],
    ['names itself with a slash more', (one) => (one.metadata['issuer'] = `${one.issuer}/`), /to the letter/],
    ['names no keys', (one) => (one.metadata['jwks_uri'] = undefined), /no jwks_uri/],
    [
      'names keys without https',
      (one) => (one.metadata['jwks_uri'] = 'http://idp.example.com/jwks'),
      /https:/,
    ],
    ['names keys in a file', (one) => (one.metadata['jwks_uri'] = 'file:///etc/passwd'), /https:/],
    ['publishes no JWK Set', (one) => (one.keys = [7 as never]), /malformed/i],
    [
      'answers with too much',
      (one) => (one.answer = (_, response) => void response.end(' '.repeat(MAX_DOCUMENT_BYTES + 1))),
      /more than/,
    ],
    [
      'redirects',
      (one) => (one.answer = (_, response) => void response.writeHead(302, { location: '/elsewhere' }).end()),
      /status 302/,
    ],
    [
      'answers with an error',
      (one) => (one.answer = (_, response) => void response.writeHead(500).end()),
      /status 500/,
    ],
    ['answers with HTML', (one) => (one.answer = (_, response) => void response.end('<html>')), /./],
  ])('E1 an issuer that %s is not believed', async (_, breakIt, problem) => {
    breakIt(idp);
    expect(await discovered().find(hint('first'))).toEqual({ found: false, cause: 'unavailable' });
    expect(failures).toEqual([expect.stringMatching(problem)]);
    expect(idp.requests).not.toContain('/elsewhere');
  });

  it('E9 an algorithm that the issuer does not advertise is refused, and so is every symmetric one', async () => {
    idp.keys.push({ kty: 'oct', kid: 'first', k: 'c2VjcmV0', alg: 'HS256' });
    idp.metadata = { id_token_signing_alg_values_supported: ['ES256', 'HS256', 'none'] };
    const keys = discovered();
    for (const alg of ['RS256', 'HS256', 'none', 'ES384', '__proto__']) {
      expect(await keys.find(hint('first', alg))).toEqual({ found: false, cause: 'algorithm' });
    }
  });

  it('E9 an issuer that advertises no algorithm gets RS256 alone', async () => {
    const rsa = await createIssuerKey('RS256', 'rsa');
    idp.metadata = {};
    idp.keys = [rsa.publicJwk, first.publicJwk];
    const keys = discovered();
    expect(await keys.find(hint('rsa', 'RS256'))).toMatchObject({ found: true });
    expect(await keys.find(hint('first'))).toEqual({ found: false, cause: 'algorithm' });
  });

  it('E9 a token without kid is taken only where one key fits', async () => {
    const keys = discovered();
    expect(await keys.find(hint(undefined))).toMatchObject({ found: true });
    idp.keys = [first.publicJwk, second.publicJwk];
    nowMs = FRESH_MS;
    expect(await keys.find(hint(undefined))).toEqual({ found: false, cause: 'key' });
  });

  it('E9 a private key that an issuer publishes by mistake is not used', async () => {
    idp.keys = [{ ...first.publicJwk, d: 'c2VjcmV0' }];
    expect(await discovered().find(hint('first'))).toEqual({ found: false, cause: 'key' });
  });

  it('are fetched from a URL, or given', async () => {
    const options = { nowMs: () => nowMs, fetchTimeoutMs: 1_000, onFetchFailure: () => undefined };
    const byUrl = createSharedKeys(options).of({ kind: 'url', url: `${idp.issuer}/jwks` });
    expect(await byUrl.find(hint('first'))).toMatchObject({ found: true });
    const given = createSharedKeys(options).of({ kind: 'given', jwks: { keys: idp.keys } });
    await given.prefetch();
    expect(await given.find(hint('first'))).toMatchObject({ found: true });
    expect(idp.requests).toEqual(['/jwks']);
  });
});

describe('the keys of a configuration', () => {
  const options = { nowMs: () => nowMs, fetchTimeoutMs: 1_000, onFetchFailure: () => undefined };
  const place = () => ({ kind: 'discovery', issuer: idp.issuer }) as const;

  it('D1 are fetched once for all who name the same place', async () => {
    const keys = createSharedKeys(options);
    expect(await keys.of(place()).find(hint('first'))).toMatchObject({ found: true });
    expect(await keys.of(place()).find(hint('first'))).toMatchObject({ found: true });
    expect(idp.requests).toEqual([DISCOVERY, '/jwks']);
  });

  it('E9 are as they are given, each time', async () => {
    const keys = createSharedKeys(options);
    const given = (key: IssuerKey) => keys.of({ kind: 'given', jwks: { keys: [key.publicJwk] } });
    expect(await given(first).find(hint('first'))).toMatchObject({ found: true });
    expect(await given(second).find(hint('first'))).toMatchObject({ found: false });
  });

  it('E9 are fetched anew for the configuration that follows, so that a key which was withdrawn is not known to it', async () => {
    const keys = createSharedKeys(options);
    await keys.of(place()).find(hint('first'));
    idp.keys = [second.publicJwk];
    const next = keys.successor();
    expect(await next.of(place()).find(hint('first'))).toEqual({ found: false, cause: 'key' });
    expect(await next.of(place()).find(hint('second'))).toMatchObject({ found: true });
  });

  it('D1 stay usable there while the issuer is down, for as long as they would have been, and through the next one too', async () => {
    const keys = createSharedKeys(options);
    await keys.of(place()).find(hint('first'));
    await idp.stop();
    const next = keys.successor();
    expect(await next.of(place()).find(hint('first'))).toMatchObject({ found: true });
    const afterThat = next.successor().of(place());
    nowMs = USABLE_MS - 1;
    expect(await afterThat.find(hint('first'))).toMatchObject({ found: true });
    nowMs = USABLE_MS;
    expect(await afterThat.find(hint('first'))).toEqual({ found: false, cause: 'unavailable' });
  });

  it('E1 are not taken over from another place, by way of another CA, or for another token', async () => {
    const access = { ca: 'one', tokenFile: '/dev/null' };
    const url = `${idp.issuer}/jwks`;
    const keys = createSharedKeys(options);
    expect(await keys.of({ kind: 'url', url, access }).find(hint('first'))).toMatchObject({ found: true });
    await idp.stop();
    const next = keys.successor();
    const others = [
      { kind: 'url', url },
      { kind: 'url', url, access: { ...access, ca: 'another' } },
      { kind: 'url', url, access: { ca: 'one' } },
      { kind: 'url', url: `${url}?`, access },
      place(),
    ] as const;
    for (const other of others) {
      expect(await next.of(other).find(hint('first'))).toEqual({ found: false, cause: 'unavailable' });
    }
    expect(await next.of({ kind: 'url', url, access }).find(hint('first'))).toMatchObject({ found: true });
  });
});
