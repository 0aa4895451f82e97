/** Who calls the Session API in the quickstart: for each a key pair made at start, and a short-lived JWT in a file. */
import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey } from 'jose';

const LIFETIME = '1h';
const RENEWAL_MS = 10 * 60 * 1000;

export interface ApiCaller {
  /** Holds the JWT; it is renewed in place for as long as the quickstart runs. */
  readonly credentialFile: string;
  stop(): void;
}

/** Writes `NAME.jwks.json` and `NAME.jwt` into the folder; quickstart/singlestate.yaml names the former, with `sub` NAME. */
export async function createCaller(folder: string, name: string): Promise<ApiCaller> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: name, use: 'sig', alg: 'ES256' };
  await writeFile(join(folder, `${name}.jwks.json`), JSON.stringify({ keys: [jwk] }));
  const credentialFile = join(folder, `${name}.jwt`);
  await writeCredential(credentialFile, name, privateKey);
  const renewal = setInterval(() => void renew(credentialFile, name, privateKey), RENEWAL_MS).unref();
  return { credentialFile, stop: () => clearInterval(renewal) };
}

async function writeCredential(file: string, name: string, key: CryptoKey): Promise<void> {
  const jwt = await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: name, typ: 'JWT' })
    .setIssuer('quickstart')
    .setSubject(name)
    .setAudience('singlestate')
    .setIssuedAt()
    .setJti(randomUUID())
    .setExpirationTime(LIFETIME)
    .sign(key);
  await writeFile(`${file}.new`, jwt, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** A failure leaves the old credential, and the next renewal comes before that expires. */
async function renew(file: string, name: string, key: CryptoKey): Promise<void> {
  await writeCredential(file, name, key).catch(() => undefined);
}
