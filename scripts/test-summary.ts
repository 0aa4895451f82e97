/** Adds up the JSON reports of the test runs named as arguments into the closing line of `.ci/run`. */
import { readFileSync } from 'node:fs';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

const reports = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report);
const total = (count: (report: Report) => number) => reports.reduce((sum, report) => sum + count(report), 0);

const skipped = total((report) => report.numPendingTests + report.numTodoTests);
const passed = total((report) => report.numPassedTests);
const failed = total((report) => report.numFailedTests);
if (skipped > 0)
  console.error(`${skipped} tests did not run: a part that is missing is a failure, not a reason to skip`);
if (failed > 0 || skipped > 0 || passed === 0) process.exitCode = 1;
console.log(`${passed} passed, ${failed + skipped} failed`);
