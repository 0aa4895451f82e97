/**
 * Renews the session tokens that browsers hold: past half its life, a token is followed by a fresh one. Hides the memory
 * of fresh tokens, so that the requests of a browser share one signature, and the pause after a signature that failed.
 */
import { LRUCache } from 'lru-cache';
import type { SessionRef } from '../session/ref.ts';
import { tokenEndMs, type SessionTokenMinter, type SessionTokenRequest } from './mint.ts';
import type { SessionTokenClaims } from './session-token.ts';

/** How long nothing is signed after a failure, so that a broken signer is not asked at each check. */
const PAUSE_MS = 1_000;

const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export interface TokenRenewals {
  /**
   * A token of the same session that is valid for longer than the presented one: at once where one was made lately, else
   * a promise. Undefined where none is due: in the first half of the token's life, where the session itself ends first
   * (`notAfterMs`, Unix milliseconds), and where signing failed. Never throws or rejects.
   */
  renew(
    presented: SessionTokenClaims,
    notAfterMs: number,
    nowMs: number,
  ): string | undefined | Promise<string | undefined>;
}

export interface TokenRenewalOptions {
  /** Asked at each renewal: another minter than last time forgets what the last one made. */
  readonly minter: () => SessionTokenMinter;
  readonly ttlMs: () => number;
  /** A token was signed. */
  readonly onIssued: () => void;
  /** One could not be; it is tried again after a pause, while the presented token lasts. */
  readonly onFailure: (error: unknown) => void;
  /** Of how many sessions fresh tokens are remembered. Default 10,000. */
  readonly cacheSize?: number;
}

interface Fresh {
  /** A promise while it is being signed. */
  token: string | undefined | Promise<string | undefined>;
  readonly expiresAtMs: number;
  readonly renewAtMs: number;
}

export function createTokenRenewals(options: TokenRenewalOptions): TokenRenewals {
  const remembered = new LRUCache<SessionRef, Fresh>({ max: options.cacheSize ?? 10_000 });
  let minterOfRemembered: SessionTokenMinter | undefined;
  let pausedUntilMs = -Infinity;

  function currentMinter(): SessionTokenMinter {
    const minter = options.minter();
    if (minter !== minterOfRemembered) remembered.clear();
    minterOfRemembered = minter;
    return minter;
  }

  /** Undefined where it failed. */
  async function signed(
    minter: SessionTokenMinter,
    request: SessionTokenRequest,
  ): Promise<string | undefined> {
    try {
      const { token } = await minter.mintSessionToken(request);
      if (!COMPACT_JWS.test(token)) throw new TypeError('the minter answered with something else than a JWT');
      options.onIssued();
      return token;
    } catch (error) {
      pausedUntilMs = request.nowMs + PAUSE_MS;
      options.onFailure(error);
      return undefined;
    }
  }

  function sign(ref: SessionRef, request: SessionTokenRequest, minter: SessionTokenMinter) {
    const { nowMs } = request;
    const expiresAtMs = tokenEndMs(request);
    const fresh: Fresh = { token: undefined, expiresAtMs, renewAtMs: (nowMs + expiresAtMs) / 2 };
    remembered.set(ref, fresh);
    fresh.token = signed(minter, request).then((token) => {
      fresh.token = token;
      if (token === undefined && remembered.peek(ref) === fresh) remembered.delete(ref);
      return token;
    });
    return fresh.token;
  }

  return {
    renew(presented, notAfterMs, nowMs) {
      if (!isPastHalfLife(presented, nowMs)) return undefined;
      const { ref, sessionId, expiresAtMs } = presented;
      const request = { sessionId, nowMs, ttlMs: options.ttlMs(), notAfterMs };
      if (!(tokenEndMs(request) > expiresAtMs)) return undefined;
      const minter = currentMinter();
      const fresh = remembered.get(ref);
      if (fresh !== undefined && nowMs < fresh.renewAtMs && fresh.expiresAtMs > expiresAtMs)
        return fresh.token;
      return nowMs < pausedUntilMs ? undefined : sign(ref, request, minter);
    },
  };
}

/** Asked so that a token without these times is never renewed. */
function isPastHalfLife({ issuedAtMs, expiresAtMs }: SessionTokenClaims, nowMs: number): boolean {
  return 2 * nowMs >= issuedAtMs + expiresAtMs;
}
