/**
 * What a listener needs for TLS, out of its files: read and checked as a whole, so that a server that takes it up can't
 * be surprised. Hides what makes a certificate, a key and a CA fit for use.
 */
import type { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import {
  ordinal,
  readCertificates,
  readPrivateKey,
  type PemCertificates,
  type PemReading,
} from './pem-files.ts';
import { isDnsName, isSpiffeId } from './tls-client-names.ts';

/** `tls.check` and its like of the configuration. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
  readonly clients?: readonly string[] | undefined;
}

/** `store.tls` of the configuration. */
export interface TlsClientFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** Checked: no TLS server refuses it. */
export interface TlsMaterial {
  /** PEM, the server's own certificate first. */
  readonly certificates: string;
  /** PEM. */
  readonly key: string;
  /** Who may sign the certificates of clients; without it clients are not asked for one. */
  readonly clientCas?: readonly X509Certificate[];
  /** SPIFFE ids, and DNS names in lower case; without it whoever has a certificate of the CAs may connect. */
  readonly clients?: ReadonlySet<string>;
}

/** PEM, by the names of node:tls. Checked: no TLS client of it refuses it. */
export interface TlsClientMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface TlsProblem<K extends string> {
  /** The key of the configuration that names the file. */
  readonly key: K;
  /** What is wrong and what would be right, to be read after the key. */
  readonly message: string;
}

export type LoadedTlsMaterial =
  | { readonly ok: true; readonly material: TlsMaterial; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly TlsProblem<keyof TlsFiles>[] };

export type LoadedTlsClientMaterial =
  | { readonly ok: true; readonly material: TlsClientMaterial }
  | { readonly ok: false; readonly problems: readonly TlsProblem<keyof TlsClientFiles>[] };

/** What every TLS listener keeps to: RFC 9325, and RFC 9113 section 9.2.2 for HTTP/2. */
export const TLS_RULES = {
  minVersion: 'TLSv1.2',
  ciphers: [
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ].join(':'),
} as const satisfies SecureContextOptions;

/** cert-manager renews with a third of the life left, SPIRE with half: with a tenth left, somebody should look. */
const SHARE_THAT_IS_SOON = 0.1;

/** All problems at once; never rejects for what is in a file. `nowMs` is Unix time. */
export async function loadTlsMaterial(files: TlsFiles, nowMs: number): Promise<LoadedTlsMaterial> {
  const { certFile, keyFile, clientCaFile, clients } = files;
  const problems: TlsProblem<keyof TlsFiles>[] = [];
  const note = (key: keyof TlsFiles, message: string) => void problems.push({ key, message });
  const pair = await readPair({ certFile, keyFile }, nowMs, note);
  const clientCas = clientCaFile === undefined ? undefined : await readCas(clientCaFile, nowMs);
  if (clientCas?.ok === false) note('clientCaFile', clientCas.problem);
  problemsOfClients(files).forEach((problem) => note('clients', problem));
  if (pair === undefined || problems.length > 0) return { ok: false, problems };
  const material = {
    certificates: pair.chain.text,
    key: pair.key,
    ...(clientCas?.ok && { clientCas: clientCas.value.certificates }),
    ...(clients !== undefined && { clients: new Set(clients) }),
  };
  return { ok: true, material, warnings: warningsOf(pair.chain.certificates[0], certFile, nowMs) };
}

/** For a TLS client of ours. All problems at once; never rejects for what is in a file. `nowMs` is Unix time. */
export async function loadTlsClientMaterial(
  { caFile, certFile, keyFile }: TlsClientFiles,
  nowMs: number,
): Promise<LoadedTlsClientMaterial> {
  const problems: TlsProblem<keyof TlsClientFiles>[] = [];
  const note = (key: keyof TlsClientFiles, message: string) => void problems.push({ key, message });
  const isPair = certFile !== undefined && keyFile !== undefined;
  const pair = isPair ? await readPair({ certFile, keyFile }, nowMs, note) : undefined;
  if (certFile !== undefined && keyFile === undefined) note('certFile', 'needs keyFile beside it');
  if (keyFile !== undefined && certFile === undefined) note('keyFile', 'needs certFile beside it');
  const cas = caFile === undefined ? undefined : await readCas(caFile, nowMs);
  if (cas?.ok === false) note('caFile', cas.problem);
  if (problems.length > 0) return { ok: false, problems };
  const material = {
    ...(cas?.ok && { ca: cas.value.text }),
    ...(pair && { cert: pair.chain.text, key: pair.key }),
  };
  return { ok: true, material };
}

/** All that is wrong with the files that a TLS client of ours will use: to know it before the client does. */
export async function problemsOfTlsClient(
  files: TlsClientFiles,
  nowMs: number,
): Promise<readonly TlsProblem<keyof TlsClientFiles>[]> {
  const loaded = await loadTlsClientMaterial(files, nowMs);
  return loaded.ok ? [] : loaded.problems;
}

interface KeyPair {
  readonly chain: PemCertificates;
  readonly key: string;
}

async function readPair(
  { certFile, keyFile }: Pick<TlsFiles, 'certFile' | 'keyFile'>,
  nowMs: number,
  note: (key: 'certFile' | 'keyFile', message: string) => void,
): Promise<KeyPair | undefined> {
  const [chain, key] = await Promise.all([readCertificates(certFile), readPrivateKey(keyFile)]);
  if (!key.ok) note('keyFile', key.problem);
  if (!chain.ok) note('certFile', chain.problem);
  if (!chain.ok || !key.ok) return undefined;
  const { text, certificates } = chain.value;
  const [own, ...others] = certificates;
  const untimely = problemOfTime(own, nowMs);
  if (untimely !== undefined) note('certFile', `${certFile} ${untimely}`);
  if (!own.checkPrivateKey(key.value.key)) {
    const misplaced = others.some((other) => other.checkPrivateKey(key.value.key));
    if (misplaced) note('certFile', `${certFile} must begin with the certificate that the key belongs to`);
    else note('keyFile', `${keyFile} does not belong to the certificate in ${certFile}: they come in pairs`);
    return undefined;
  }
  const unusable = problemOfUse({ cert: text, key: key.value.text });
  if (unusable !== undefined) note('certFile', `${certFile} ${unusable}`);
  return { chain: chain.value, key: key.value.text };
}

/** Every certificate of the file must be a CA's; while CAs are changed, an expired one may stand among them. */
async function readCas(file: string, nowMs: number): Promise<PemReading<PemCertificates>> {
  const reading = await readCertificates(file);
  if (!reading.ok) return reading;
  const { certificates } = reading.value;
  const stranger = certificates.findIndex(({ ca }) => !ca);
  if (stranger >= 0) {
    const which = ordinal(stranger + 1);
    return { ok: false, problem: `${file} must hold certificates of CAs alone: its ${which} is none` };
  }
  const untimely = certificates.map((certificate) => problemOfTime(certificate, nowMs));
  if (!untimely.includes(undefined)) return { ok: false, problem: `${file} ${untimely[0] ?? ''}` };
  return reading;
}

function problemOfTime({ validFromDate, validToDate }: X509Certificate, nowMs: number): string | undefined {
  if (validToDate.getTime() <= nowMs) {
    return `expired at ${validToDate.toISOString()}: put one there that is valid`;
  }
  if (validFromDate.getTime() > nowMs) {
    return `is not valid before ${validFromDate.toISOString()}: put one there that is, or set the clock`;
  }
  return undefined;
}

/** What only OpenSSL knows: keys that are too short, digests that are too old. */
function problemOfUse(pair: SecureContextOptions): string | undefined {
  try {
    createSecureContext({ ...TLS_RULES, ...pair });
    return undefined;
  } catch (error) {
    const reason = error instanceof Error && 'reason' in error ? String(error.reason) : 'unknown reason';
    return `can't be used (OpenSSL: ${reason})`;
  }
}

function problemsOfClients({ clientCaFile, clients }: TlsFiles): readonly string[] {
  if (clients === undefined) return [];
  if (clientCaFile === undefined) return ['needs clientCaFile: without it no client shows a certificate'];
  if (clients.length === 0) return ['must have at least one name: without it nobody could connect'];
  return clients
    .filter((name) => !isSpiffeId(name) && !isDnsName(name))
    .map((name) => `"${name}" must be a SPIFFE id, or a DNS name in lower case and without "*"`);
}

function warningsOf(
  { validFromDate, validToDate }: X509Certificate,
  file: string,
  nowMs: number,
): readonly string[] {
  const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
  if (to - nowMs > (to - from) * SHARE_THAT_IS_SOON) return [];
  return [`${file} expires soon, at ${validToDate.toISOString()}: renew it`];
}
