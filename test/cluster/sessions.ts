/** Opens, reads and ends sessions from inside the cluster. Hides tokens' signing, and the client pod that asks. */
import { randomUUID } from 'node:crypto';
import { createIssuerKey, type IssuerKey } from '../parts/test-issuer.ts';
import type { Namespace } from './kubernetes.ts';

export const OPERATOR_AUDIENCE = 'singlestate-operators';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One key for all: it signs as the provider of users, and as that of operators. */
export interface Issuer {
  readonly url: string;
  readonly key: IssuerKey;
}

export async function createIssuer(url: string): Promise<Issuer> {
  return { url, key: await createIssuerKey('ES256', 'test') };
}

const ASK = `
import { text } from 'node:stream/consumers';
const { url, ...init } = JSON.parse(await text(process.stdin));
const answer = await fetch(url, { redirect: 'manual', ...init }).catch((error) => error);
const shown = answer instanceof Error
  ? { status: 0, body: String(answer.cause ?? answer), headers: {} }
  : { status: answer.status, body: await answer.text(), headers: Object.fromEntries(answer.headers) };
process.stdout.write(JSON.stringify(shown));`;

/** Status 0 where nobody answered. */
export async function ask(namespace: Namespace, url: string, options: AskOptions = {}): Promise<Answer> {
  const text = await namespace.runNode('client', 'client', ASK, JSON.stringify({ url, ...options }));
  return JSON.parse(text) as Answer;
}

const LOAD = (url: string, token: string, afterwards: number) => `
const counts = { before: {}, afterwards: {} };
const outcomeOf = (status, body) =>
  status === 200 ? '200' : status + ' ' + (/"reason":"(\\w+)"/.exec(body)?.[1] ?? 'of Envoy itself');
let phase = counts.before;
let left = Infinity;
process.stdin.on('end', () => ((phase = counts.afterwards), (left = ${afterwards}))).resume();
let answered = 0;
const ask = async () => {
  while (left > 0) {
    left -= 1;
    const counted = phase;
    const outcome = await fetch(${JSON.stringify(url)}, { headers: { authorization: 'Bearer ${token}' } })
      .then(async (answer) => outcomeOf(answer.status, await answer.text()))
      .catch(() => 'no answer');
    counted[outcome] = (counted[outcome] ?? 0) + 1;
    answered += 1;
    if (answered === 50) console.log('begun');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
await Promise.all(Array.from({ length: 4 }, ask));
console.log(JSON.stringify(counts));`;

/** How many requests had which status, with the reason where it is not 200. */
type Outcomes = Readonly<Record<string, number>>;

/**
 * Requests at a steady pace until `stop`, and `afterwards` of them after that; each is counted where it began. They are
 * a bounded number, however the requests end. Resolves once they are under way.
 */
export async function startLoad(namespace: Namespace, url: string, token: string, afterwards = 0) {
  const running = namespace.startNode('client', 'client', LOAD(url, token, afterwards));
  await running.begun;
  return {
    stop: async () => {
      const counts = (await running.stop()).trim().split('\n').at(-1) ?? '';
      return JSON.parse(counts) as { readonly before: Outcomes; readonly afterwards: Outcomes };
    },
  };
}

/** How many did not pass. @throws Error where one of these was not refused by a 503 */
export function refusedOf(outcomes: Outcomes): number {
  const others = Object.entries(outcomes).filter(([outcome]) => outcome !== '200');
  const odd = others.filter(([outcome]) => !outcome.startsWith('503 '));
  if (odd.length > 0) throw new Error(`answered otherwise than by 200 or 503: ${odd.join(', ')}`);
  return others.reduce((sum, [, count]) => sum + count, 0);
}

export async function callApi(
  namespace: Namespace,
  method: string,
  credential: string,
  body: object,
): Promise<Answer> {
  return ask(namespace, `http://singlestate:9003/singlestate.session.v1.SessionService/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${credential}` },
    body: JSON.stringify(body),
  });
}

const inAMinute = () => Math.floor(Date.now() / 1000) + 60;

export const operatorToken = ({ key, url }: Issuer) =>
  key.sign({ iss: url, sub: 'on-call', aud: OPERATOR_AUDIENCE, iat: inAMinute() - 60, exp: inAMinute() });

export interface OpenSession {
  readonly ref: string;
  readonly version: number;
  readonly token: string;
}

/** @throws Error with the answer, where there is no session */
export async function openSession(namespace: Namespace, issuer: Issuer, scope: string): Promise<OpenSession> {
  const nonce = randomUUID();
  const claims = { iss: issuer.url, aud: 'singlestate', sub: 'alice', nonce, scope, iat: inAMinute() - 60 };
  const idToken = await issuer.key.sign({ ...claims, exp: inAMinute() });
  const asked = { provider: 'main', id_token: idToken, nonce };
  const answer = await callApi(namespace, 'CreateSession', await operatorToken(issuer), asked);
  if (answer.status !== 200) throw new Error(`CreateSession: ${answer.status} ${answer.body}`);
  const { session, token } = JSON.parse(answer.body) as {
    readonly session: { readonly ref: string; readonly version: number };
    readonly token: string;
  };
  return { ref: session.ref, version: session.version, token };
}
