/** What the quickstart prints: what runs where, and the steps of the demo with what to see. */
import { relative } from 'node:path';
import { ROOT } from './command.ts';
import type { Stack } from './stack.ts';
import type { Expectation, Step } from './steps.ts';

type Places = Pick<Stack, 'url' | 'admin' | 'api' | 'ops' | 'billing' | 'reports' | 'issuer' | 'folder'> & {
  readonly valkey: Pick<Stack['valkey'], 'url' | 'pid'>;
};

/** One line for each part. */
export function describePlaces(stack: Places): string {
  const rows = [
    ['Envoy', stack.url, 'requests go here'],
    ['Singlestate', stack.api, 'the Session API, and login'],
    ['', `${stack.ops}/metrics`, 'beside it /readyz and /livez'],
    ['Billing', stack.billing, 'app A behind Envoy; it shows the headers that it received'],
    ['Reports', stack.reports, 'app B behind Envoy'],
    ['Identity provider', stack.issuer, 'OpenID Connect; its users are alice and bob'],
    ['Valkey', stack.valkey.url, `process ${stack.valkey.pid}`],
    ["Envoy's admin", stack.admin, ''],
    ['Logs', relative(ROOT, stack.folder), ''],
  ];
  return rows.map(([what = '', where = '', remark = '']) => row(what, where, remark)).join('\n');
}

const row = (what: string, where: string, remark: string) =>
  `  ${what.padEnd(18)} ${where.padEnd(32)} ${remark}`.trimEnd();

/** What to do in a browser. */
export function describeBrowser(url: string): string {
  return [
    `Open ${url}/billing/ in a browser on this machine:`,
    '  - you are sent to the demo provider: be alice;',
    '  - back at billing you see the session as the app is told of it;',
    `  - save a note there, and open ${url}/reports/dashboard: the other app shows it;`,
    '  - log out: both apps want you to log in again.',
  ].join('\n');
}

/** The steps in order, each with its lines as they are to be pasted. */
export function describeSteps(steps: readonly Step[]): string {
  return steps
    .map(({ title, before = [], request, expect }, index) =>
      [`${index + 1}. ${title}`, `   See: ${sight(expect)}`, ...before, request].join('\n'),
    )
    .join('\n\n');
}

function sight({ status, reason, received = {} }: Expectation): string {
  const headers = Object.entries(received).map(([name, value]) =>
    value === null ? `no ${name}` : `${name}: ${value}`,
  );
  return [reason ? `${status} ${reason}` : String(status), ...headers].join(', ');
}
