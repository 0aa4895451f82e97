/**
 * Refresh tokens (E10): how one is written, what the store knows of it, and how a successor is kept for a repeated use.
 * Hides the cipher. What the store holds of them opens no session: hashes, and a successor that only its predecessor reads.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { isSessionId, sessionRef, type SessionId, type SessionRef } from '../session/ref.ts';

/** `SESSION_ID.SECRET`, the secret being 256 random bits in base64url. As secret as the session id in it. */
export type RefreshToken = string & { readonly __brand: 'RefreshToken' };

export interface RefreshTokenParts {
  readonly token: RefreshToken;
  readonly sessionId: SessionId;
  readonly ref: SessionRef;
}

const SECRET_BYTES = 32;
const SECRET = /^[A-Za-z0-9_-]{43}$/;

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D section 8.2.2: a random nonce is safe for far more successors than one token ever gets. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PURPOSE = 'singlestate refresh token successor';

export function createRefreshToken(sessionId: SessionId): RefreshToken {
  return join(sessionId, randomBytes(SECRET_BYTES));
}

/** Undefined for whatever is not written like a refresh token; whether it is one, the store knows. */
export function parseRefreshToken(text: string): RefreshTokenParts | undefined {
  const at = text.lastIndexOf('.');
  const sessionId = text.slice(0, at);
  if (at < 0 || !isSessionId(sessionId) || !SECRET.test(text.slice(at + 1))) return undefined;
  return { token: text as RefreshToken, sessionId, ref: sessionRef(sessionId) };
}

/** What the store compares: SHA-256 in base64url. The token has 256 random bits, so no salt and no slow hash is called for. */
export function refreshTokenHash(token: RefreshToken): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** The successor in a form that only who has `presented` can read (AES-256-GCM under HKDF-SHA256 of it), bound to its session. */
export function encryptSuccessor(successor: RefreshToken, presented: RefreshTokenParts): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, successorKey(presented), nonce);
  cipher.setAAD(Buffer.from(presented.ref));
  const secret = Buffer.from(successor.slice(successor.lastIndexOf('.') + 1), 'base64url');
  const encrypted = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([nonce, encrypted, cipher.getAuthTag()]).toString('base64url');
}

/** Undefined where the text was changed, or was encrypted for another token or another session. Never throws. */
export function decryptSuccessor(text: string, presented: RefreshTokenParts): RefreshToken | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== NONCE_BYTES + SECRET_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, successorKey(presented), bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(presented.ref));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const secret = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return join(presented.sessionId, secret);
}

function successorKey({ token, ref }: RefreshTokenParts): Buffer {
  return Buffer.from(hkdfSync('sha256', token, ref, PURPOSE, KEY_BYTES));
}

function join(sessionId: SessionId, secret: Buffer): RefreshToken {
  return `${sessionId}.${secret.toString('base64url')}` as RefreshToken;
}
