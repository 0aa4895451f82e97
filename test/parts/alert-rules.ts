/** The alerts of deploy/prometheus/, read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const FOLDER = join(import.meta.dirname, '..', '..', 'deploy', 'prometheus');
export const ALERTS_FILE = join(FOLDER, 'alerts.yaml');
export const ALERTS_TEST_FILE = join(FOLDER, 'alerts.test.yaml');

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly (RecordingRule | AlertingRule)[] }[];
}

const rules = (parse(readFileSync(ALERTS_FILE, 'utf8')) as RuleFile).groups.flatMap((group) => group.rules);
export const RECORDED = rules.filter((rule): rule is RecordingRule => 'record' in rule);
export const ALERTS = rules.filter((rule): rule is AlertingRule => 'alert' in rule);
