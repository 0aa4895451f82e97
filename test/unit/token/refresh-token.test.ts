import { describe, expect, test } from 'vitest';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';
import {
  createRefreshToken,
  decryptSuccessor,
  encryptSuccessor,
  parseRefreshToken,
  refreshTokenHash,
  type RefreshTokenParts,
} from '../../../src/token/refresh-token.ts';

const partition = partitionOf('https://idp.test', 'alice');
const sessionId = createSessionId(partition);

function parsed(token: string): RefreshTokenParts {
  return parseRefreshToken(token) ?? expect.unreachable('it is a refresh token');
}

const presented = parsed(createRefreshToken(sessionId));
const successor = createRefreshToken(sessionId);

describe('a refresh token', () => {
  test('E10 names its session and has a secret of 256 bits of its own', () => {
    expect(presented).toEqual({
      token: presented.token,
      sessionId,
      ref: sessionRef(sessionId),
    });
    const secrets = [presented.token, successor].map((token) => token.slice(sessionId.length + 1));
    expect(secrets.map((secret) => Buffer.from(secret, 'base64url').length)).toEqual([32, 32]);
    expect(new Set(secrets).size).toBe(2);
  });

  test('E10 is known to the store by SHA-256 of the whole of it', () => {
    expect(refreshTokenHash('abc' as typeof presented.token)).toBe(
      'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0',
    );
  });

  test.each([
    ['nothing', ''],
    ['a session id alone', sessionId],
    ['a secret alone', successor.slice(sessionId.length + 1)],
    ['a session id that is none', `zz.${'A'.repeat(43)}.${'A'.repeat(43)}`],
    ['a secret that is too short', successor.slice(0, -1)],
    ['a secret that is too long', `${successor}A`],
    ['another alphabet', `${successor.slice(0, -1)}+`],
    ['white space around it', ` ${successor}`],
    ['a JWT', 'eyJhbGciOiJub25lIn0.e30.AAAA'],
  ])('is not %s', (_what, text) => {
    expect(parseRefreshToken(text)).toBeUndefined();
  });
});

describe('the successor', () => {
  test('E10 is read with the token that it was encrypted for', () => {
    const texts = [encryptSuccessor(successor, presented), encryptSuccessor(successor, presented)];
    expect(texts.map((text) => decryptSuccessor(text, presented))).toEqual([successor, successor]);
    expect(new Set(texts).size).toBe(2);
  });

  test('E10 is not in what the store keeps', () => {
    const text = encryptSuccessor(successor, presented);
    const bytes = Buffer.from(text, 'base64url');
    expect(bytes.includes(Buffer.from(successor.slice(sessionId.length + 1), 'base64url'))).toBe(false);
  });

  test('E10 is not read with another token of the same session, nor of another session', () => {
    const text = encryptSuccessor(successor, presented);
    expect(decryptSuccessor(text, parsed(successor))).toBeUndefined();
    const otherId = createSessionId(partition);
    const sameSecret = parsed(presented.token.replace(sessionId, otherId));
    expect(decryptSuccessor(text, sameSecret)).toBeUndefined();
    const otherRef = { ...presented, ref: sessionRef(otherId) };
    expect(decryptSuccessor(text, otherRef)).toBeUndefined();
  });

  test('E10 is not read from a text that was changed anywhere', () => {
    const bytes = Buffer.from(encryptSuccessor(successor, presented), 'base64url');
    const changed = Array.from(bytes, (byte, at) => {
      const copy = Buffer.from(bytes);
      copy[at] = byte ^ 1;
      return copy.toString('base64url');
    });
    const cut = [bytes.subarray(1), bytes.subarray(0, -1), Buffer.alloc(0)].map((each) =>
      each.toString('base64url'),
    );
    for (const text of [...changed, ...cut]) expect(decryptSuccessor(text, presented)).toBeUndefined();
  });
});
