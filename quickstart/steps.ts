/** The demo as data: each step's command to paste and what to see. The quickstart prints it, and a test runs it. */
import { access } from './sessions.ts';
import type { OpenedSession } from './sessions.ts';

/** What the answer to a step's request must be like. */
export interface Expectation {
  readonly status: number;
  /** `reason` of the problem details, where the request is refused. */
  readonly reason?: string;
  /** Headers that reached the app; null is one that did not. */
  readonly received?: Readonly<Record<string, string | null>>;
}

export interface Step {
  readonly title: string;
  /** Shell lines that do something and answer nothing of interest, before `request`. */
  readonly before?: readonly string[];
  /** A curl line. */
  readonly request: string;
  readonly expect: Expectation;
}

export interface Scene {
  /** Envoy's. */
  readonly url: string;
  readonly api: string;
  readonly credentialFile: string;
  readonly valkeyPid: number;
  readonly alice: OpenedSession;
  readonly bob: OpenedSession;
}

/** In the order in which they make sense; bob's session ends on the way, alice's lives on. */
export function demoSteps(scene: Scene): readonly Step[] {
  return [
    ...entrance(scene),
    ...entitlement(scene),
    ...forgery(scene),
    ...revocation(scene),
    ...outage(scene),
  ];
}

const bearer = ({ token }: OpenedSession) => `-H 'authorization: Bearer ${token}'`;

function entrance({ url, alice }: Scene): Step[] {
  return [
    {
      title: 'A public route is open to all, and nobody is looked up',
      request: `curl -i ${url}/public/hello`,
      expect: { status: 200, received: { 'x-session-subject': null } },
    },
    {
      title: 'An invoice needs a session',
      request: `curl -i ${url}/billing/invoices/42`,
      expect: { status: 401, reason: 'no_credential' },
    },
    {
      title: 'alice has a session with invoices:read: the app is told who she is, and does not get her token',
      request: `curl -i ${bearer(alice)} ${url}/billing/invoices/42`,
      expect: {
        status: 200,
        received: {
          'x-session-subject': 'alice',
          'x-session-scopes': 'invoices:read invoices:write',
          'x-session-ref': alice.ref,
          authorization: null,
        },
      },
    },
  ];
}

function entitlement({ url, alice, bob }: Scene): Step[] {
  return [
    {
      title: 'alice may write as well: she has invoices:write',
      request: `curl -i -X PUT ${bearer(alice)} ${url}/billing/invoices/42`,
      expect: { status: 200, received: { 'x-session-subject': 'alice' } },
    },
    {
      title: 'bob has a session without invoices:read',
      request: `curl -i ${bearer(bob)} ${url}/billing/invoices/42`,
      expect: { status: 403, reason: 'insufficient_scope' },
    },
    {
      title: 'bob may see reports: he has reports:read',
      request: `curl -i ${bearer(bob)} ${url}/reports/2026`,
      expect: {
        status: 200,
        received: { 'x-session-subject': 'bob', 'x-session-scopes': 'reports:read' },
      },
    },
  ];
}

function forgery({ url, alice }: Scene): Step[] {
  return [
    {
      title: 'A forged x-session-subject does not arrive: the app sees alice',
      request: `curl -i ${bearer(alice)} -H 'x-session-subject: root' -H 'X_Session_Subject: root' ${url}/billing/invoices/42`,
      expect: { status: 200, received: { 'x-session-subject': 'alice', x_session_subject: null } },
    },
    {
      title: 'A forged x-session-subject does not arrive on a public route either',
      request: `curl -i -H 'X-Session-Subject: root' ${url}/public/hello`,
      expect: { status: 200, received: { 'x-session-subject': null } },
    },
    {
      title: 'Nor on a route where Envoy does not ask Singlestate at all',
      request: `curl -i -H 'x-session-subject: root' ${url}/healthz`,
      expect: { status: 200, received: { 'x-session-subject': null } },
    },
  ];
}

function revocation(scene: Scene): Step[] {
  const { url, bob } = scene;
  const options = access(scene).map(shellWord).join(' ');
  return [
    {
      title: "An operator revokes bob's session: his token, still good for an hour, is refused at once",
      before: [`bin/singlestate session revoke ${bob.ref} --reason 'lost laptop' ${options}`],
      request: `curl -i ${bearer(bob)} ${url}/reports/2026`,
      expect: { status: 401, reason: 'revoked' },
    },
  ];
}

/** `--retry` asks again after a 503, as a client should. */
const PATIENTLY = 'curl -i --retry 20 --retry-delay 1';

function outage({ url, alice, valkeyPid }: Scene): Step[] {
  const invoice = `${bearer(alice)} ${url}/billing/invoices/42`;
  const asBefore = { status: 200, received: { 'x-session-subject': 'alice' } };
  return [
    {
      title: 'Valkey hangs: nobody is let in, and nobody is logged out',
      before: [`kill -STOP ${valkeyPid}`],
      request: `curl -i ${invoice}`,
      expect: { status: 503 },
    },
    {
      title: 'Valkey goes on, and so does the session',
      before: [`kill -CONT ${valkeyPid}`],
      request: `${PATIENTLY} ${invoice}`,
      expect: asBefore,
    },
    {
      title: 'Valkey is killed (the quickstart starts it again after 5 seconds): the same answer',
      before: [`kill -KILL ${valkeyPid}`],
      request: `curl -i ${invoice}`,
      expect: { status: 503 },
    },
    {
      title: 'Valkey is back with what it had written to its file, and so is the session',
      request: `${PATIENTLY} ${invoice}`,
      expect: asBefore,
    },
  ];
}

const shellWord = (word: string) =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
