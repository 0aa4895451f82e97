/** All checks that run nothing: format, types, lint, protos, and that what is generated is fresh. */
import { BUF, RELEASED_PROTOS, run } from './run.ts';

const CHECKS: readonly (readonly [what: string, command: string, ...args: string[]])[] = [
  ['format', 'prettier', '--check', '--log-level=warn', '.'],
  ['types', 'tsc', '--noEmit', '-p', '.'],
  ['lint', 'eslint', '--max-warnings=0', '.'],
  ['links', process.execPath, 'scripts/check-links.ts'],
  ['generated files', process.execPath, 'scripts/generate.ts', '--check'],
  // After what writes the proto that ours import.
  ['protos', BUF, 'lint'],
  ['proto compatibility', BUF, 'breaking', 'proto', '--against', RELEASED_PROTOS],
];

const failed = CHECKS.filter(([what, command, ...args]) => {
  console.log(`check: ${what}`);
  return !run(command, args);
});
if (failed.length > 0) {
  console.error(`failed: ${failed.map(([what]) => what).join(', ')}`);
  process.exitCode = 1;
}
