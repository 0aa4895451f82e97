/** One request to each variant before anything is measured: what is measured must be what it says it is. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { REQUEST_HOST, REQUEST_PATH } from './load.ts';

export interface Trial {
  readonly variant: string;
  readonly url: string;
  readonly token: string;
  /** The `x-session-subject` that must reach the route: the check ran, and its headers were taken over. */
  readonly expectedSubject: string | undefined;
  /** Whether the same request without a token must be refused. */
  readonly refusesWithoutToken: boolean;
}

/** @throws Error naming the variant and what is wrong with its answers */
export async function tryOut(trial: Trial): Promise<void> {
  const { variant, url, token, expectedSubject, refusesWithoutToken } = trial;
  const answer = await send(url, { authorization: `Bearer ${token}` });
  expectSame(variant, 'status', answer.statusCode, 200);
  expectSame(variant, 'subject', answer.headers['x-bench-subject'], expectedSubject);
  const withoutToken = await send(url, {});
  expectSame(variant, 'status without a token', withoutToken.statusCode, refusesWithoutToken ? 401 : 200);
}

async function send(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const sent = request(url + REQUEST_PATH, {
    agent: false,
    headers: { ...headers, host: REQUEST_HOST },
  }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.resume();
  return answer;
}

function expectSame(variant: string, what: string, found: unknown, expected: unknown): void {
  if (found !== expected) {
    throw new Error(`${variant}: ${what} is ${String(found)}, must be ${String(expected)}`);
  }
}
