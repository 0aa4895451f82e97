/** An example app as a process, and the requests that Envoy would send it: with the session's headers, for a real session. */
import { join } from 'node:path';
import { ROOT } from '../../quickstart/command.ts';
import { startPart, untilReady } from '../../quickstart/part.ts';
import { freePort } from '../../quickstart/ports.ts';
import { answersOk } from '../../quickstart/wait.ts';
import { startReplicas, type Opened, type Replicas } from './replicas.ts';

/** Singlestate with the app `billing`, which may read and write the slice `cart`. */
export function startWithBilling(): Promise<Replicas> {
  const identity = { issuer: 'quickstart', subject: 'billing', jwksFile: 'billing.jwks.json' };
  const writes = { cart: join(ROOT, 'quickstart', 'schemas', 'cart.json') };
  const billing = { identities: [identity], reads: { slices: ['cart'] }, writes };
  return startReplicas(1, { config: { apps: { billing } }, apps: ['billing'] });
}

export interface ExampleApp extends AsyncDisposable {
  /** What the app answers; `version` is the one that Envoy's request told it. */
  ask(method: 'GET' | 'PUT', session: Opened, version: number, cart?: unknown): Promise<AppAnswer>;
}

export interface AppAnswer {
  readonly status: number;
  readonly body: unknown;
}

export async function startExampleApp(
  running: Replicas,
  command: string,
  args: readonly string[],
): Promise<ExampleApp> {
  const port = await freePort();
  const part = await startPart({
    name: 'the example app',
    command,
    args,
    env: {
      PORT: String(port),
      SINGLESTATE_API: running.replicas[0]?.api ?? '',
      CREDENTIAL_FILE: join(running.folder, 'billing.jwt'),
    },
    logFile: join(running.folder, `app-${port}.log`),
  });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(part, () => answersOk(url), { timeoutMs: 20_000 });
  return {
    async ask(method, session, version, cart) {
      const body = method === 'PUT' ? { body: JSON.stringify(cart) } : {};
      const response = await fetch(`${url}/cart`, {
        method,
        headers: headersOf(session, version, cart),
        ...body,
      });
      return { status: response.status, body: await response.json() };
    },
    [Symbol.asyncDispose]: () => part.stop(),
  };
}

/** As docs/reference/headers.md has them. */
function headersOf({ ref }: Opened, version: number, cart: unknown): Record<string, string> {
  return {
    'x-session-ref': ref,
    'x-session-subject': 'Zo%C3%AB',
    'x-session-issuer': 'https://idp.test',
    'x-session-scopes': 'invoices:read invoices:write',
    'x-session-version': String(version),
    ...(cart !== undefined && {
      'x-session-slice-cart': Buffer.from(JSON.stringify(cart)).toString('base64url'),
    }),
  };
}
