import { beforeEach, describe, expect, it } from 'vitest';
import {
  attemptCookies,
  findAttempt,
  MAX_ATTEMPT_BYTES,
  MAX_ATTEMPTS,
  MAX_COOKIE_BYTES,
  newAttempt,
  type Attempt,
} from '../../../src/login/attempt.ts';
import { createSealer } from '../../../src/sealing/aes-gcm-sealer.ts';
import { createSealingJwk, importSealingKey } from '../../../src/sealing/key-files.ts';
import type { Sealer } from '../../../src/sealing/sealer.ts';
import { createSealingRing } from '../../../src/sealing/sealing-keys.ts';

const APP = 'https://app.example.com';
let sealer: Sealer;
let held: Map<string, string>;
let nowMs: number;

beforeEach(() => {
  sealer = createSealer(createSealingRing([importSealingKey(createSealingJwk(0))]), () => nowMs);
  held = new Map();
  nowMs = 1_000_000;
});

function request(): Request {
  const cookie = [...held].map(([name, value]) => `${name}=${value}`).join('; ');
  return new Request(`${APP}/auth/login`, { headers: { cookie } });
}

/** As a browser would: what is set is held, what is cleared is forgotten. */
function begin(returnTo = '/'): Attempt | undefined {
  const begun = {
    origin: APP,
    returnTo,
    provider: 'main',
    demand: { acrValues: ['gold'] },
    expiresAtMs: nowMs + 600_000,
  };
  const attempt = newAttempt(begun);
  const cookies = attemptCookies(attempt, { request: request(), sealer, nowMs });
  for (const line of cookies ?? []) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (line.endsWith('Max-Age=0')) held.delete(name);
    else held.set(name, value);
  }
  nowMs += 1_000;
  return cookies && attempt;
}

describe('a login that is under way', () => {
  it('is found by its state, as it began', () => {
    const [first, second] = [begin('/first'), begin('/second')];
    expect(findAttempt(request(), first?.state ?? null, sealer)).toEqual(first);
    expect(findAttempt(request(), second?.state ?? null, sealer)).toEqual(second);
  });

  it('E13 has secrets of its own each time', () => {
    const attempts = [begin(), begin()];
    const secrets = attempts.flatMap((attempt) => [attempt?.state, attempt?.nonce, attempt?.codeVerifier]);
    expect(new Set(secrets).size).toBe(6);
    for (const secret of secrets) expect(secret?.length).toBeGreaterThanOrEqual(43);
  });

  it.each<[string, (state: string) => string | null]>([
    ['no state', () => null],
    ['the id alone', (state) => state.slice(0, 12)],
    ['another secret', (state) => state.slice(0, 12) + 'x'.repeat(43)],
    ['more than a state', (state) => `${state}x`],
  ])('E3 is not found by %s', (_, change) => {
    const state = begin()?.state ?? '';
    expect(findAttempt(request(), change(state), sealer)).toBeUndefined();
  });

  it('E3 is not found where the browser sends two cookies of its name that differ', () => {
    const state = begin()?.state ?? '';
    const [[name, value] = ['', '']] = [...held];
    const twice = new Request(APP, { headers: { cookie: `${name}=${value}; ${name}=sealed.1.x.y` } });
    expect(findAttempt(twice, state, sealer)).toBeUndefined();
  });

  it("E5 can't be read or changed by whoever holds the cookie", () => {
    const state = begin()?.state ?? '';
    const [[name, value] = ['', '']] = [...held];
    expect(Buffer.from(value.split('.').at(-1) ?? '', 'base64url').toString('latin1')).not.toContain('main');
    held.set(name, `${value.slice(0, -2)}AA`);
    expect(findAttempt(request(), state, sealer)).toBeUndefined();
  });

  it('E3 is not found where its cookie was sealed for something else, or by nobody', () => {
    const attempt = begin();
    const [[name] = ['']] = [...held];
    held.set(name, sealer.seal(JSON.stringify(attempt), 'login-attempt:another'));
    expect(findAttempt(request(), attempt?.state ?? '', sealer)).toBeUndefined();

    const lenient = createSealer(createSealingRing([importSealingKey(createSealingJwk(0))]), () => nowMs, {
      acceptUnsealed: true,
    });
    held.set(name, JSON.stringify(attempt));
    expect(findAttempt(request(), attempt?.state ?? '', lenient)).toBeUndefined();
  });

  it('D9 goes when there are too many, the oldest first', () => {
    const attempts = Array.from({ length: MAX_ATTEMPTS + 2 }, () => begin());
    expect(held.size).toBe(MAX_ATTEMPTS);
    const found = attempts.map(
      (attempt) => findAttempt(request(), attempt?.state ?? '', sealer) !== undefined,
    );
    expect(found).toEqual([false, false, ...Array<boolean>(MAX_ATTEMPTS).fill(true)]);
  });

  it('D9 goes when all of them together would be too large', () => {
    for (let count = 0; count < MAX_ATTEMPTS; count++) begin(`/${'x'.repeat(1_500)}`);
    expect(request().headers.get('cookie')?.length).toBeLessThanOrEqual(MAX_ATTEMPT_BYTES);
    expect(held.size).toBe(2);
  });

  it("goes when it is over, or can't be read any more", () => {
    begin();
    held.set('__Host-login-AAAAAAAAAAA', 'sealed.1.old-key.AAAA');
    held.set('__Host-login-of-an-app', 'which is none of ours');
    nowMs += 600_000;
    begin();
    expect(held.size).toBe(2);
    expect(held.has('__Host-login-of-an-app')).toBe(true);
  });

  it('does not begin where the browser would drop its cookie', () => {
    expect(begin(`/${'x'.repeat(2_047)}`)).toBeDefined();
    expect(begin(`/${'x'.repeat(MAX_COOKIE_BYTES)}`)).toBeUndefined();
  });
});
