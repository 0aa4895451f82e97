/** The session tokens of browsers renew themselves: when, how often they are signed, and what a failing signer does. */
import { describe, expect, it, vi } from 'vitest';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';
import { createSessionTokenMinter, type SessionTokenMinter } from '../../../src/token/mint.ts';
import { createTokenRenewals, type TokenRenewalOptions } from '../../../src/token/renewal.ts';
import type { SessionTokenClaims } from '../../../src/token/session-token.ts';
import { createSessionTokenVerifier } from '../../../src/token/verify.ts';
import { createTestRing } from '../../parts/key-rings.ts';

const NOW = 1_900_000_000_000;
const TTL = 300_000;
const HALF = NOW + TTL / 2;
const FAR = NOW + 43_200_000;
const names = { issuer: 'https://sessions.example.com', audience: 'mesh' };
const { ring } = await createTestRing();
const minter = createSessionTokenMinter({ keyRing: () => ring, ...names });
const verifier = createSessionTokenVerifier({ keyRing: () => ring, ...names, cacheSize: 0 });

function claimsOf(subject = 'alice', issuedAtMs = NOW): SessionTokenClaims {
  const sessionId = createSessionId(partitionOf('https://idp.example.com', subject));
  return { sessionId, ref: sessionRef(sessionId), issuedAtMs, expiresAtMs: issuedAtMs + TTL };
}

function start(options: Partial<TokenRenewalOptions> = {}) {
  const mint = vi.fn<SessionTokenMinter['mintSessionToken']>((asked) => minter.mintSessionToken(asked));
  const counted: SessionTokenMinter = { mintSessionToken: mint };
  const onIssued = vi.fn<() => void>();
  const onFailure = vi.fn<(error: unknown) => void>();
  const parts = { minter: () => counted, ttlMs: () => TTL, onIssued, onFailure };
  return { renewals: createTokenRenewals({ ...parts, ...options }), mint, onIssued, onFailure };
}

describe('a token is renewed', () => {
  it('past half its life, by one of the same session that lives longer', async () => {
    const { renewals, onIssued } = start();
    const presented = claimsOf();
    expect(renewals.renew(presented, FAR, HALF - 1)).toBeUndefined();
    const token = await renewals.renew(presented, FAR, HALF);
    expect(await verifier.verify(token ?? '', HALF)).toEqual({
      valid: true,
      claims: { ...presented, issuedAtMs: HALF, expiresAtMs: HALF + TTL },
    });
    expect(onIssued).toHaveBeenCalledOnce();
  });

  it('never beyond the end of its session, nor where it lasts until then', async () => {
    const { renewals, mint } = start();
    const presented = claimsOf();
    const token = await renewals.renew(presented, presented.expiresAtMs + 1_000, HALF);
    expect(await verifier.verify(token ?? '', HALF)).toMatchObject({
      claims: { expiresAtMs: presented.expiresAtMs + 1_000 },
    });
    for (const endMs of [presented.expiresAtMs, presented.expiresAtMs + 999, NOW])
      expect(renewals.renew(claimsOf(), endMs, HALF)).toBeUndefined();
    expect(mint).toHaveBeenCalledOnce();
  });

  it('not by one that a shorter ttl of a new configuration would make end earlier', () => {
    const { renewals } = start({ ttlMs: () => TTL / 2 });
    expect(renewals.renew(claimsOf(), FAR, HALF)).toBeUndefined();
  });

  it('E3 never without its times', () => {
    const { renewals, mint } = start();
    for (const odd of [NaN, undefined as never]) {
      expect(renewals.renew({ ...claimsOf(), issuedAtMs: odd }, FAR, HALF)).toBeUndefined();
      expect(renewals.renew({ ...claimsOf(), expiresAtMs: odd }, FAR, HALF)).toBeUndefined();
      expect(renewals.renew(claimsOf(), odd, HALF)).toBeUndefined();
    }
    expect(mint).not.toHaveBeenCalled();
  });
});

describe('one signature does for many checks', () => {
  it('parallel ones share it, and later ones have it at once', async () => {
    const { renewals, mint } = start();
    const presented = claimsOf();
    const parallel = Array.from({ length: 20 }, async () => renewals.renew(presented, FAR, HALF));
    const tokens = new Set(await Promise.all(parallel));
    expect(tokens.size).toBe(1);
    expect(renewals.renew(presented, FAR, HALF + 1_000)).toBe([...tokens][0]);
    expect(mint).toHaveBeenCalledOnce();
  });

  it('until the fresh one is itself past half its life', async () => {
    const { renewals, mint } = start();
    const presented = claimsOf();
    await renewals.renew(presented, FAR, HALF);
    const again = renewals.renew(presented, FAR, HALF + TTL / 2);
    expect(again).toBeInstanceOf(Promise);
    await again;
    expect(mint).toHaveBeenCalledTimes(2);
  });

  it('a token that is as good as the remembered one gets a better one', async () => {
    const { renewals, mint } = start();
    const presented = claimsOf();
    await renewals.renew(presented, FAR, HALF);
    const elsewhere = { ...presented, issuedAtMs: HALF + 1_000 - TTL, expiresAtMs: HALF + TTL };
    await renewals.renew(elsewhere, FAR, HALF + 1_000);
    expect(mint).toHaveBeenCalledTimes(2);
  });

  it('E2 each session has its own', async () => {
    const { renewals } = start();
    const sessions = Array.from({ length: 10 }, (_, index) => claimsOf(`user-${index % 2}`));
    for (let round = 0; round < 2; round += 1) {
      for (const presented of sessions) {
        const token = await renewals.renew(presented, FAR, HALF);
        expect(await verifier.verify(token ?? '', HALF)).toMatchObject({ claims: { ref: presented.ref } });
      }
    }
  });

  it('no more sessions are remembered than configured', async () => {
    const { renewals, mint } = start({ cacheSize: 2 });
    const sessions = [claimsOf(), claimsOf(), claimsOf()];
    for (const presented of [...sessions, ...sessions]) await renewals.renew(presented, FAR, HALF);
    expect(mint).toHaveBeenCalledTimes(6);
  });

  it('E9 another minter, as after a change of keys, forgets what was made before', async () => {
    let current = minter;
    const { renewals } = start({ minter: () => current });
    const presented = claimsOf();
    const first = await renewals.renew(presented, FAR, HALF);
    const { ring: newRing } = await createTestRing();
    current = createSessionTokenMinter({ keyRing: () => newRing, ...names });
    const second = await renewals.renew(presented, FAR, HALF);
    expect(second).toBeDefined();
    expect(second).not.toBe(first);
  });
});

describe('a signer that fails', () => {
  const failing = (mint: () => unknown) => {
    const broken: SessionTokenMinter = { mintSessionToken: mint as never };
    return start({ minter: () => broken });
  };

  it.each<[string, () => unknown]>([
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['answers nothing', () => undefined],
    ['answers with no token', () => Promise.resolve({})],
    ['answers with what is no JWT', () => Promise.resolve({ token: 'a b', expiresAtMs: 1 })],
    ['answers with more than a JWT', () => Promise.resolve({ token: 'a.b.c; Domain=x', expiresAtMs: 1 })],
  ])('and %s makes no token and no rejection, and is told once', async (_, mint) => {
    const { renewals, onIssued, onFailure } = failing(mint);
    const presented = claimsOf();
    const parallel = Array.from({ length: 2 }, async () => renewals.renew(presented, FAR, HALF));
    expect(await Promise.all(parallel)).toEqual([undefined, undefined]);
    expect(onFailure).toHaveBeenCalledOnce();
    expect(onIssued).not.toHaveBeenCalled();
  });

  it('is left alone for a second, and asked again then', async () => {
    let fails = true;
    const { renewals, onFailure } = failing(() => {
      if (fails) throw new Error('no');
      return Promise.resolve({ token: 'a.b.c', expiresAtMs: 1 });
    });
    const presented = claimsOf();
    await renewals.renew(presented, FAR, HALF);
    expect(renewals.renew(presented, FAR, HALF + 999)).toBeUndefined();
    expect(onFailure).toHaveBeenCalledOnce();
    fails = false;
    expect(await renewals.renew(presented, FAR, HALF + 1_000)).toBe('a.b.c');
  });
});
