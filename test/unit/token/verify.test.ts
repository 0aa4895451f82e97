import { describe, expect, it } from 'vitest';
import { createSessionId, partitionOf } from '../../../src/session/ref.ts';
import { createSessionTokenMinter } from '../../../src/token/mint.ts';
import type { TokenVerdict } from '../../../src/token/session-token.ts';
import { createKeyRing, type KeyRing } from '../../../src/token/signing-keys.ts';
import { createSessionTokenVerifier } from '../../../src/token/verify.ts';
import { createTestKey } from '../../parts/key-rings.ts';

const NOW_MS = 1_900_000_000_000;
const TTL_MS = 300_000;
const names = { issuer: 'https://sessions.example.com', audience: 'mesh' };

async function setUp(cacheSize = 10) {
  const [first, second] = await Promise.all([createTestKey('EdDSA', 0), createTestKey('ES256', 1000)]);
  const rings = {
    first: createKeyRing([first]),
    both: createKeyRing([first, second]),
    second: createKeyRing([second]),
  };
  let ring: KeyRing = rings.first;
  const keyRing = () => ring;
  const minter = createSessionTokenMinter({ keyRing, ...names });
  return {
    rings,
    use: (next: KeyRing) => (ring = next),
    verifier: createSessionTokenVerifier({ keyRing, ...names, cacheSize }),
    mint: async (notAfterMs = Number.MAX_SAFE_INTEGER): Promise<string> => {
      const sessionId = createSessionId(partitionOf('https://idp.example.com', 'alice'));
      return (await minter.mintSessionToken({ sessionId, nowMs: NOW_MS, ttlMs: TTL_MS, notAfterMs })).token;
    },
  };
}

/** Whether the verdict was there at once, which only a remembered token's is. */
function remembered(verdict: TokenVerdict | Promise<TokenVerdict>): boolean {
  return !(verdict instanceof Promise);
}

describe('the memory of verified tokens', () => {
  it('E9 answers at once for a token that was verified before', async () => {
    const { verifier, mint } = await setUp();
    const token = await mint();
    const first = verifier.verify(token, NOW_MS);
    expect(remembered(first)).toBe(false);
    const again = verifier.verify(token, NOW_MS + 1);
    expect(remembered(again)).toBe(false);
    await Promise.all([first, again]);
    const third = verifier.verify(token, NOW_MS + 2);
    expect(remembered(third)).toBe(true);
    expect(third).toEqual(await first);
  });

  it('E9 a remembered token expires on time', async () => {
    const { verifier, mint } = await setUp();
    const token = await mint();
    await verifier.verify(token, NOW_MS);
    expect(verifier.verify(token, NOW_MS + TTL_MS - 1)).toMatchObject({ valid: true });
    expect(verifier.verify(token, NOW_MS + TTL_MS)).toMatchObject({ valid: false, reason: 'expired_token' });
  });

  it('E9 other keys empty it, and a token of a removed key is refused', async () => {
    const { verifier, mint, rings, use } = await setUp();
    const token = await mint();
    await verifier.verify(token, NOW_MS);
    use(rings.both);
    const overlap = verifier.verify(token, NOW_MS);
    expect(remembered(overlap)).toBe(false);
    expect(await overlap).toMatchObject({ valid: true });
    use(rings.second);
    expect(await verifier.verify(token, NOW_MS)).toEqual({ valid: false, reason: 'bad_signature' });
  });

  it('E9 a token that is being verified while keys change is not remembered', async () => {
    const { verifier, mint, rings, use } = await setUp();
    const token = await mint();
    const verdict = verifier.verify(token, NOW_MS);
    use(rings.second);
    void verifier.verify(await mint(), NOW_MS);
    expect(await verdict).toMatchObject({ valid: true });
    expect(await verifier.verify(token, NOW_MS)).toEqual({ valid: false, reason: 'bad_signature' });
  });

  it('E9 holds no more tokens than configured', async () => {
    const { verifier, mint } = await setUp(2);
    const tokens = [await mint(), await mint(), await mint()];
    for (const token of tokens) await verifier.verify(token, NOW_MS);
    expect(tokens.map((token) => remembered(verifier.verify(token, NOW_MS)))).toEqual([false, true, true]);
  });

  it('E9 can be turned off', async () => {
    const { verifier, mint } = await setUp(0);
    const token = await mint();
    await verifier.verify(token, NOW_MS);
    expect(remembered(verifier.verify(token, NOW_MS))).toBe(false);
  });

  it('E9 E2 never remembers a token that was refused', async () => {
    const { verifier, mint } = await setUp();
    const [token, other] = [await mint(), await mint()];
    const forged = `${token.slice(0, token.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`;
    for (let round = 0; round < 2; round++) {
      const verdict = verifier.verify(forged, NOW_MS);
      expect(remembered(verdict)).toBe(false);
      expect(await verdict).toEqual({ valid: false, reason: 'bad_signature' });
    }
  });
});

describe('the time of a token', () => {
  it('E9 exp is exclusive and has no tolerance', async () => {
    const { verifier, mint } = await setUp(0);
    const token = await mint();
    expect(await verifier.verify(token, NOW_MS + TTL_MS - 1)).toMatchObject({ valid: true });
    expect(await verifier.verify(token, NOW_MS + TTL_MS)).toMatchObject({
      valid: false,
      reason: 'expired_token',
    });
  });

  it('E9 a token may be five seconds from the future, for clocks that differ', async () => {
    const { verifier, mint } = await setUp(0);
    const token = await mint();
    expect(await verifier.verify(token, NOW_MS - 5_000)).toMatchObject({ valid: true });
    expect(await verifier.verify(token, NOW_MS - 5_001)).toEqual({ valid: false, reason: 'malformed_token' });
  });

  it('A5 a token minted in the last second of a session is born expired', async () => {
    const { verifier, mint } = await setUp(0);
    expect(await verifier.verify(await mint(NOW_MS + 1), NOW_MS)).toMatchObject({
      valid: false,
      reason: 'expired_token',
    });
  });
});
