/** Replicas whose clocks are not the store's: what the store forgets by its own clock must not be good by theirs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import { createIdentityProvider } from '../../src/identity/provider.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../../src/identity/signed-jwt.ts';
import { openSession } from '../../src/lifecycle/open-session.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { createScene } from '../parts/lifecycle.ts';
import { createIssuerKey, startTestIssuer, type IssuerKey, type TestIssuer } from '../parts/test-issuer.ts';
import { whenStoreAnswers } from '../parts/valkey.ts';

const NONCE = 'n-0S6_WzA2Mj';

let valkey: RunningValkey;
let store: SessionStore;
let key: IssuerKey;
let idp: TestIssuer;

beforeAll(async () => {
  valkey = await startValkey();
  store = createRedisStore({
    url: valkey.url,
    deadlineMs: 5_000,
    keyPrefix: 'test:',
    sealer: () => unsealedText,
    audit: () => ({ maxEntries: 100_000, maxAgeMs: 3_600_000 }),
  });
  key = await createIssuerKey('RS256', 'idp');
  idp = await startTestIssuer(key);
  await whenStoreAnswers(store);
});

afterAll(async () => {
  await store.close();
  await idp[Symbol.asyncDispose]();
  await valkey.stop();
});

test('E1 an ID token opens one session on a replica whose clock is behind the store’s', async () => {
  const slowNowMs = () => Date.now() - (CLOCK_TOLERANCE_SECONDS - 2) * 1_000;
  const provider = createIdentityProvider(
    {
      ...{ name: 'main', issuer: idp.issuer, clientId: 'singlestate', scopes: ['openid'] },
      claims: { scopes: 'scope', attributes: {} },
    },
    { nowMs: slowNowMs, fetchTimeoutMs: 2_000, onFetchFailure: () => undefined },
  );
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: idp.issuer, sub: 'alice', aud: 'singlestate', nonce: NONCE };
  // Over by the store's clock, tolerance included, and not by the replica's.
  const idToken = await key.sign({ ...claims, iat: now - 300, exp: now - CLOCK_TOLERANCE_SECONDS - 1 });
  const { deps } = await createScene(store, slowNowMs);
  const open = async () => {
    const verdict = await provider.verifyIdToken(idToken, { nonce: NONCE });
    if (!verdict.verified) return verdict;
    return openSession({ identity: verdict.identity, actor: { kind: 'operator', name: 'on-call' } }, deps);
  };
  expect(await open()).toMatchObject({ outcome: 'opened' });
  expect(await open()).toEqual({ outcome: 'replayed' });
});
