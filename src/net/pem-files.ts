/** Certificates and private keys out of PEM files (RFC 7468). Hides the file system's and OpenSSL's errors. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

export type PemReading<T> =
  | { readonly ok: true; readonly value: T }
  /** Names the file, says what is wrong with it and what would be right; nothing of what it holds. */
  | { readonly ok: false; readonly problem: string };

export interface PemCertificates {
  readonly text: string;
  /** In the order of the file. */
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
}

export interface PemKey {
  readonly text: string;
  readonly key: KeyObject;
}

const MAX_FILE_BYTES = 1024 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** At least one certificate, and each of them readable. Never rejects. */
export async function readCertificates(file: string): Promise<PemReading<PemCertificates>> {
  const reading = await readText(file);
  if (!reading.ok) return reading;
  const certificates: X509Certificate[] = [];
  for (const block of reading.value.match(CERTIFICATE) ?? []) {
    const certificate = parsed(() => new X509Certificate(block));
    if (certificate === undefined) {
      return {
        ok: false,
        problem: `${file} has a damaged certificate, its ${ordinal(certificates.length + 1)}`,
      };
    }
    certificates.push(certificate);
  }
  const [first, ...others] = certificates;
  if (first === undefined) {
    return { ok: false, problem: `${file} has no certificate: it must be PEM, with "BEGIN CERTIFICATE"` };
  }
  return { ok: true, value: { text: reading.value, certificates: [first, ...others] } };
}

/** One private key without a passphrase. Never rejects. */
export async function readPrivateKey(file: string): Promise<PemReading<PemKey>> {
  const reading = await readText(file);
  if (!reading.ok) return reading;
  if (reading.value.includes('ENCRYPTED')) {
    return { ok: false, problem: `${file} is encrypted: it must hold the key without a passphrase` };
  }
  const key = parsed(() => createPrivateKey(reading.value));
  if (key === undefined) {
    return { ok: false, problem: `${file} has no private key: it must be PEM, with "BEGIN PRIVATE KEY"` };
  }
  return { ok: true, value: { text: reading.value, key } };
}

export function ordinal(number: number): string {
  return ['first', 'second', 'third'][number - 1] ?? `${number}th`;
}

/** What OpenSSL says of bad input helps nobody who did not write it. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is not a folder',
  EACCES: 'may not be read by the user that runs this',
  EISDIR: 'is a folder',
};

async function readText(file: string): Promise<PemReading<string>> {
  try {
    // Asked first, because reading a pipe would wait.
    const found = await stat(file);
    if (!found.isFile()) return { ok: false, problem: `${file} is not a file` };
    if (found.size > MAX_FILE_BYTES)
      return { ok: false, problem: `${file} is larger than ${MAX_FILE_BYTES} bytes` };
    return { ok: true, value: await readFile(file, 'latin1') };
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    return { ok: false, problem: `${file} ${FILE_ERRORS[code] ?? `can't be read (${code})`}` };
  }
}
