/** A sealer with one key of its own, for tests of what is kept sealed: AES-256-GCM bound to its context. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { SEALED_MARK, type Sealer, type Unsealed } from '../../src/sealing/sealer.ts';

const SEALED = new RegExp(`^${SEALED_MARK.replace('.', '\\.')}([0-9a-f]{8})\\.([A-Za-z0-9_-]{38,})$`);

/** Each sealer has another key; `isDamaged` is false for what another one sealed. */
export function createTestSealer(): Sealer {
  const key = randomBytes(32);
  const keyId = randomBytes(4).toString('hex');

  function seal(text: string, context: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    const sealed = Buffer.concat([nonce, cipher.getAuthTag(), body]);
    return `${SEALED_MARK}${keyId}.${sealed.toString('base64url')}`;
  }

  function unseal(sealed: string, context: string): Unsealed {
    const [, sealedBy, encoded = ''] = SEALED.exec(sealed) ?? [];
    if (sealedBy === undefined) return { ok: false, problem: 'not sealed', isDamaged: true };
    if (sealedBy !== keyId) return { ok: false, problem: 'sealed with another key', isDamaged: false };
    const bytes = Buffer.from(encoded, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(12, 28));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString();
      return { ok: true, text };
    } catch {
      return { ok: false, problem: 'does not unseal', isDamaged: true };
    }
  }

  return { seal, unseal };
}
