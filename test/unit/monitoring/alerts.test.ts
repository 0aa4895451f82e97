import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ALERTS, ALERTS_TEST_FILE, RECORDED, type AlertingRule } from '../../parts/alert-rules.ts';
import { knownSeries, strangersIn } from '../../parts/known-series.ts';
import { parseQuery } from '../../parts/promql.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PAGE = 'docs/how-to/respond-to-alerts.md';
const runbook = readFileSync(join(ROOT, PAGE), 'utf8');

/** What is recorded has the labels that its name begins with. */
const recorded = RECORDED.map(({ record }): [string, readonly string[]] => [
  record,
  (record.split(':')[0] ?? '').split('_'),
]);
const known = new Map([...(await knownSeries()), ...recorded]);

describe.each([...RECORDED.map((rule) => ({ ...rule, name: rule.record })), ...named(ALERTS)])(
  '$name',
  ({ expr }) => {
    const query = parseQuery(expr);

    test('H4 asks for metrics and labels that there are', () => {
      expect(strangersIn(query, known)).toEqual([]);
    });

    test('H4 looks back over four scrapes at least, of 75 s each', () => {
      const seconds = query.ranges.map((range) => Number.parseInt(range) * (range.endsWith('h') ? 3600 : 60));
      for (const range of seconds) expect(range).toBeGreaterThanOrEqual(300);
    });
  },
);

describe.each(named(ALERTS))('the alert $name', ({ name, labels, annotations }) => {
  test('H4 has a severity, says what is wrong, and leads to its section of the runbook', () => {
    expect(labels).toEqual({ severity: expect.stringMatching(/^(critical|warning)$/) as string });
    expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook_url']);
    expect(annotations['summary']).toMatch(/^[A-Z].*\.$/);
    expect(annotations['description']).toContain('{{ ');
    const base = 'https://github.com/singlestate/singlestate/blob/main';
    expect(annotations['runbook_url']).toBe(`${base}/${PAGE}#${name.toLowerCase()}`);
    expect(runbook).toContain(`\n## ${name}\n`);
  });

  test('H4 is seen firing by promtool, and not firing', () => {
    const cases = tested().filter(({ alertname }) => alertname === name);
    const fires = cases.map(({ exp_alerts = [] }) => exp_alerts.length > 0);
    expect(fires).toEqual(expect.arrayContaining([true, false]));
  });
});

test('H4 the runbook has no section without an alert', () => {
  const sections = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
  expect(sections).toEqual(ALERTS.map(({ alert }) => alert));
});

function named(alerts: readonly AlertingRule[]) {
  return alerts.map((rule) => ({ ...rule, name: rule.alert }));
}

interface TestCase {
  readonly alertname: string;
  readonly exp_alerts?: readonly object[];
}

function tested(): readonly TestCase[] {
  const { tests } = parse(readFileSync(ALERTS_TEST_FILE, 'utf8')) as {
    readonly tests: readonly { readonly alert_rule_test?: readonly TestCase[] }[];
  };
  return tests.flatMap(({ alert_rule_test = [] }) => alert_rule_test);
}
