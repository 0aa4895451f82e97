/** Opens a session as an operator does: the user signs in at the provider, the ID token goes to the Session API. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEMO_CLIENT } from '../examples/identity-provider/directory.ts';
import { signIn } from '../examples/identity-provider/sign-in.ts';
import { EXIT } from '../src/cli/cli-error.ts';
import { CommandError, singlestate } from './command.ts';

/** Where sessions are opened; a `Stack` is one. */
export interface SessionPlace {
  readonly issuer: string;
  readonly api: string;
  readonly credentialFile: string;
  readonly folder: string;
}

export interface OpenedSession {
  /** The public reference, for `session revoke`. */
  readonly ref: string;
  readonly token: string;
}

const TRIES = 5;

/**
 * Signs the user in and opens a session. Where the server can't answer now, as on a machine that is busy starting things,
 * it does both again: an ID token is good for one try.
 * @throws Error that says which step failed.
 */
export async function openSession(
  place: SessionPlace,
  user: string,
  signal?: AbortSignal,
): Promise<OpenedSession> {
  for (let tries = 1; ; tries++) {
    try {
      return await tryToOpen(place, user, signal);
    } catch (error) {
      const isTemporary = error instanceof CommandError && error.exitCode === EXIT.unavailable;
      if (!isTemporary || tries === TRIES) throw error;
    }
  }
}

async function tryToOpen(
  place: SessionPlace,
  user: string,
  signal: AbortSignal | undefined,
): Promise<OpenedSession> {
  const { redirectUri, id: clientId } = DEMO_CLIENT;
  const clientSecret = await readFile(join(place.folder, 'client-secret'), 'utf8');
  const client = { issuer: place.issuer, clientId, clientSecret, redirectUri };
  const { idToken, nonce } = await signIn({ ...client, user });
  const folder = await mkdtemp(join(place.folder, 'sign-in-'));
  try {
    const idTokenFile = join(folder, 'id-token');
    await writeFile(idTokenFile, idToken, { mode: 0o600 });
    const who = ['--provider', 'demo', '--id-token-file', idTokenFile, '--nonce', nonce];
    const printed = await singlestate(['session', 'create', ...access(place), ...who], signal);
    const { ref, token } = JSON.parse(printed) as OpenedSession;
    return { ref, token };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The options that every `singlestate session` command needs. */
export function access({ api, credentialFile }: Pick<SessionPlace, 'api' | 'credentialFile'>): string[] {
  return ['--api', api, '--credential-file', credentialFile];
}
