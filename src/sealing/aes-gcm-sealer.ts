/**
 * Seals with AES-256-GCM (NIST SP 800-38D). Hides the envelope: `sealed.1.KID.PAYLOAD`, where PAYLOAD is the nonce, the
 * ciphertext and the tag in base64url. Everything before PAYLOAD is authenticated with it, and so is the context.
 */
import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';
import { SEALED_MARK, type Sealer, type Unsealed } from './sealer.ts';
import { SEALING_KID } from './sealing-jwk.ts';
import type { SealingRing } from './sealing-keys.ts';

export interface SealerOptions {
  /** Gives text without the mark back as it is, while a store moves to sealing. Default false: it is damage. */
  readonly acceptUnsealed?: boolean;
}

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSIONED_MARK = `${SEALED_MARK}1.`;

/**
 * `seal` throws TypeError for text or a context that is not well-formed Unicode, which would not come back as it was.
 * `now` is in Unix milliseconds: keys become active by it.
 */
export function createSealer(ring: SealingRing, now: () => number, options: SealerOptions = {}): Sealer {
  const { acceptUnsealed = false } = options;
  return {
    seal(text, context) {
      if (!text.isWellFormed() || !context.isWellFormed()) {
        throw new TypeError('Only well-formed Unicode can be sealed');
      }
      const { kid, key } = ring.sealingKey(now());
      const head = headOf(kid);
      return head + encrypt(key, text, head + context).toString('base64url');
    },
    unseal(sealed, context) {
      if (acceptUnsealed && !sealed.startsWith(SEALED_MARK)) return { ok: true, text: sealed };
      const envelope = readEnvelope(sealed);
      if (envelope === undefined) return damaged('not an envelope of this version');
      const { kid, payload } = envelope;
      const key = ring.unsealingKey(kid)?.key;
      if (key === undefined) {
        return { ok: false, problem: 'sealed with a key that is not in sealing.keysDir', isDamaged: false };
      }
      const text = context.isWellFormed() ? decrypt(key, payload, headOf(kid) + context) : undefined;
      return text === undefined ? damaged('changed, or sealed for something else') : { ok: true, text };
    },
  };
}

function damaged(problem: string): Unsealed {
  return { ok: false, problem, isDamaged: true };
}

/** A `kid` has no dot, so that no other head and context join to the same text. */
function headOf(kid: string): string {
  return `${VERSIONED_MARK}${kid}.`;
}

interface Envelope {
  readonly kid: string;
  readonly payload: Buffer;
}

/** Undefined for all that `seal` would not have written: an envelope has one spelling, to the last bit of base64url. */
function readEnvelope(sealed: string): Envelope | undefined {
  const [kid = '', encoded = '', ...rest] = sealed.slice(VERSIONED_MARK.length).split('.');
  if (!sealed.startsWith(VERSIONED_MARK) || rest.length > 0 || !SEALING_KID.test(kid)) return undefined;
  const payload = Buffer.from(encoded, 'base64url');
  if (payload.length < NONCE_BYTES + TAG_BYTES || payload.toString('base64url') !== encoded) return undefined;
  return { kid, payload };
}

/** Nonce, ciphertext and tag. */
function encrypt(key: KeyObject, text: string, associated: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(associated));
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined where the tag does not fit; nothing of what was decrypted by then is used. */
function decrypt(key: KeyObject, payload: Buffer, associated: string): string | undefined {
  const nonce = payload.subarray(0, NONCE_BYTES);
  const tag = payload.subarray(-TAG_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(associated)).setAuthTag(tag);
  const text = decipher.update(payload.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    return Buffer.concat([text, decipher.final()]).toString();
  } catch {
    return undefined;
  }
}
