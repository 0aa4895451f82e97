/** What the quickstart prints: what runs where, and the steps of the demo with what to see. */
import { relative } from 'node:path';
import { ROOT } from './command.ts';
import type { Stack } from './stack.ts';
import type { Expectation, Step } from './steps.ts';

type Places = Pick<Stack, 'url' | 'admin' | 'api' | 'ops' | 'app' | 'issuer' | 'folder'> & {
  readonly valkey: Pick<Stack['valkey'], 'url' | 'pid'>;
};

/** One line for each part. */
export function describePlaces(stack: Places): string {
  const rows = [
    ['Envoy', stack.url, 'requests go here'],
    ['Singlestate', stack.api, 'the Session API'],
    ['', `${stack.ops}/metrics`, 'beside it /readyz and /livez'],
    ['Demo app', stack.app, 'behind Envoy; it shows the headers that it received'],
    ['Identity provider', stack.issuer, 'OpenID Connect; its users are alice and bob'],
    ['Valkey', stack.valkey.url, `process ${stack.valkey.pid}`],
    ["Envoy's admin", stack.admin, ''],
    ['Logs', relative(ROOT, stack.folder), ''],
  ];
  return rows.map(([what = '', where = '', remark = '']) => row(what, where, remark)).join('\n');
}

const row = (what: string, where: string, remark: string) =>
  `  ${what.padEnd(18)} ${where.padEnd(32)} ${remark}`.trimEnd();

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
