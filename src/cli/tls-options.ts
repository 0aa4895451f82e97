/** TLS of the commands that call a server: their options, and what node:tls makes of them. Hides where the CAs come from. */
import { getCACertificates } from 'node:tls';
import { Option } from 'commander';
import type { Environment } from '../config/environment.ts';
import { loadTlsClientMaterial, type TlsClientFiles } from '../net/tls-material.ts';
import { CliError, EXIT } from './cli-error.ts';

export interface TlsFileOptions {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** For node:tls and node:https. */
export interface TlsClientOptions {
  readonly ca: string | string[];
  readonly cert?: string;
  readonly key?: string;
}

const FILES = {
  caFile: {
    option: '--ca-file',
    what: "the CAs that may have signed the server's certificate, PEM; without it, those of the system",
    variable: 'SINGLESTATE_CA_FILE',
  },
  certFile: {
    option: '--cert-file',
    what: 'a client certificate to show, PEM; needs --key-file',
    variable: 'SINGLESTATE_CERT_FILE',
  },
  keyFile: {
    option: '--key-file',
    what: 'the private key of --cert-file, PEM without a passphrase',
    variable: 'SINGLESTATE_KEY_FILE',
  },
} as const satisfies Record<keyof TlsClientFiles, object>;

/** The options of `TlsFileOptions`. With `env`, its variables are their defaults. */
export function tlsFileOptions(env?: Environment): readonly Option[] {
  return Object.values(FILES).map(({ option, what, variable }) =>
    env === undefined
      ? new Option(`${option} <file>`, what)
      : new Option(`${option} <file>`, `${what}; env ${variable}`).default(
          env[variable] === '' ? undefined : env[variable],
        ),
  );
}

/** Whether one of the options says that TLS is meant. */
export function hasTlsFiles({ caFile, certFile, keyFile }: TlsFileOptions): boolean {
  return [caFile, certFile, keyFile].some((file) => file !== undefined);
}

/** Reads and checks the files, anew at each call. Rejects with `CliError`, which names all that is wrong. */
export async function readTlsFiles({ caFile, certFile, keyFile }: TlsFileOptions): Promise<TlsClientOptions> {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new CliError(EXIT.usage, '--cert-file and --key-file name a client certificate together');
  }
  const loaded = await loadTlsClientMaterial({ caFile, certFile, keyFile }, Date.now());
  if (loaded.ok) return { ...loaded.material, ca: loaded.material.ca ?? systemCas() };
  const problems = loaded.problems.map(({ key, message }) => `${FILES[key].option}: ${message}`);
  throw new CliError(EXIT.usage, problems.join('; '));
}

/** Not those that come with Node: whom a machine trusts is for its administrator to say. */
function systemCas(): string[] {
  return [...getCACertificates('system'), ...getCACertificates('extra')];
}
