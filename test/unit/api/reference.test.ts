import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CALLERS } from '../../../src/api/authorization.ts';

const REFERENCE = join(import.meta.dirname, '../../../docs/reference/session-api.md');

/** The first two columns of the table under "Who may call what". */
async function documentedCallers(): Promise<[call: string, permitted: string][]> {
  const text = await readFile(REFERENCE, 'utf8');
  const table = text.split('## Who may call what')[1]?.split('\n\n')[1] ?? '';
  return table
    .split('\n')
    .slice(2)
    .map((row) => row.split('|').map((cell) => cell.trim()))
    .map(([, call = '', permitted = '']) => [
      call.replaceAll('`', '').replace(/^(GET|POST) /, ''),
      permitted,
    ]);
}

test('E3 the reference says who may make each call, as the table that is asked has it', async () => {
  const asked = [...CALLERS].map(([path, permitted]) => [
    path.replace(/^\/singlestate\..*\//, ''),
    permitted.join(', '),
  ]);
  expect(await documentedCallers()).toEqual(asked);
});
