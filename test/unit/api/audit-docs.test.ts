import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ACTOR_KINDS, AUDIT_ACTIONS } from '../../../src/session/audit.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/audit.md'), 'utf8');

/** The first column of the table below a heading. */
function rowsOf(heading: string): string[] {
  const [, section = ''] = page.split(`## ${heading}\n`);
  const [table = ''] = section.split('\n## ');
  return [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name);
}

test.each([
  ['Actions', AUDIT_ACTIONS],
  ['Actors', ACTOR_KINDS],
])('E7 the reference has a row for each of the %s, and no other', (heading, names) => {
  expect(rowsOf(heading)).toEqual([...names]);
});
