/** Writes docs/reference/commands.md from the commands' own help; with `--check`, fails when it is stale. */
import type { Command } from 'commander';
import { createProgram } from '../src/cli/program.ts';
import { writeOrCheck } from './generated.ts';

const HEAD = `# Commands

Generated from the program's own help by \`npm run generate\`.

| exit code | |
| --- | --- |
| 0 | done; allowed; serving |
| 1 | refused, denied, not found, or a configuration that is wrong |
| 2 | the command line, or a file that it names, is not right |
| 69 | the other side can't be reached, or can't answer now |
| 70 | a fault of the program itself |
| 141 | nobody reads its output any more |
`;

const nothing = () => undefined;
const program = createProgram({
  version: '',
  env: {},
  stdin: process.stdin,
  write: nothing,
  writeOut: () => Promise.resolve(),
  warn: nothing,
  onSignal: nothing,
});

function sections(command: Command, above: readonly string[]): string[] {
  const name = [...above, command.name()];
  if (command.commands.length > 0) return command.commands.flatMap((each) => sections(each, name));
  return [`## ${name.slice(1).join(' ')}\n\n\`\`\`\n${help(command)}\n\`\`\`\n`];
}

function help(command: Command): string {
  return command.configureHelp({ helpWidth: 100 }).helpInformation().trimEnd();
}

writeOrCheck('docs/reference/commands.md', [HEAD, ...sections(program, [])].join('\n'));
