/** The command lines that pages show name commands and options that the program has. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Command -> its options, from the page that is made from the program's own help. */
const COMMANDS = new Map(
  read('docs/reference/commands.md')
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [name = ''] = section.split('\n');
      return [name, new Set(section.match(/--[a-z][a-z-]*/g))] as const;
    }),
);

/** `singlestate WORDS...` in blocks of sh and between backticks, to the end of the command; names of a chart are none. */
function commandLines(page: string): readonly string[] {
  const text = read(page).replaceAll('\\\n', ' ');
  const blocks = [...text.matchAll(/^ *```sh\n([^]*?)^ *```$/gm)].map(([, code = '']) => code);
  const spans = [...text.replace(/^ *```[^]*?^ *```$/gm, '').matchAll(/`([^`]+)`/g)].map(
    ([, code = '']) => code,
  );
  return [...blocks, ...spans]
    .flatMap((code) => code.split(/\n|[|;&)]/))
    .flatMap((line) => /(?:^|\s|\/|\()singlestate ((?:[a-z-]+ ?)+[^#]*)/.exec(line)?.[1] ?? [])
    .filter((line) => /^(serve|check-config|explain|session|audit|keys|probe)\b/.test(line));
}

const LINES = globSync('docs/**/*.md', { cwd: ROOT })
  .filter((page) => !page.endsWith('commands.md'))
  .flatMap((page) => commandLines(page).map((line) => ({ page, line: line.trim() })));

test('pages show command lines', () => {
  expect(LINES.length).toBeGreaterThan(40);
});

test.each(LINES)('$page: singlestate $line', ({ line }) => {
  const command = [...COMMANDS.keys()]
    .sort((a, b) => b.length - a.length)
    .find((name) => line === name || line.startsWith(`${name} `));
  // A group by itself, such as `singlestate session`, is named, not run.
  if (command === undefined) {
    expect(['session', 'audit', 'keys']).toContain(line.replace(/ .*/, ''));
    expect(line).not.toMatch(/ -/);
    return;
  }
  for (const option of line.match(/(?<=\s)--[a-z][a-z-]*/g) ?? [])
    expect(COMMANDS.get(command)).toContain(option);
});
