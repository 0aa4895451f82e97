/** The operator who may open and revoke sessions in the quickstart: a key pair made at start, and a short-lived JWT in a file. */
import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey } from 'jose';

const LIFETIME = '1h';
const RENEWAL_MS = 10 * 60 * 1000;
const KID = 'operator';

export interface Operator {
  /** Holds the JWT; it is renewed in place for as long as the quickstart runs. */
  readonly credentialFile: string;
  stop(): void;
}

/** Writes `operators.jwks.json` and `operator.jwt` into the folder, as `operators` in quickstart/singlestate.yaml has it. */
export async function createOperator(folder: string): Promise<Operator> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: KID, use: 'sig', alg: 'ES256' };
  await writeFile(join(folder, 'operators.jwks.json'), JSON.stringify({ keys: [jwk] }));
  const credentialFile = join(folder, 'operator.jwt');
  await writeCredential(credentialFile, privateKey);
  const renewal = setInterval(() => void renew(credentialFile, privateKey), RENEWAL_MS).unref();
  return { credentialFile, stop: () => clearInterval(renewal) };
}

async function writeCredential(file: string, key: CryptoKey): Promise<void> {
  const jwt = await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: KID, typ: 'JWT' })
    .setIssuer('quickstart')
    .setSubject('operator')
    .setAudience('singlestate')
    .setIssuedAt()
    .setJti(randomUUID())
    .setExpirationTime(LIFETIME)
    .sign(key);
  await writeFile(`${file}.new`, jwt, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** A failure leaves the old credential, and the next renewal comes before that expires. */
async function renew(file: string, key: CryptoKey): Promise<void> {
  await writeCredential(file, key).catch(() => undefined);
}
