import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CHECK_ATTRIBUTES, STORE_CALL_ATTRIBUTES } from '../../../src/tracing/span-attributes.ts';

const PAGE = await readFile(join(import.meta.dirname, '../../../docs/how-to/trace-checks.md'), 'utf8');

it.each([
  ['the check, ', CHECK_ATTRIBUTES],
  ['a call of the store: ', STORE_CALL_ATTRIBUTES],
])('the page has every attribute of %s', (start, attributes) => {
  const row = PAGE.split('\n').find((line) => line.startsWith(`| ${start}`)) ?? '';
  const cell = row.split('|')[3] ?? '';
  expect(cell.match(/(?<=`)[^`, ]+(?=`)/g)).toEqual([...attributes]);
});
