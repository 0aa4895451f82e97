/** docs/how-to/let-app-teams-bring-routes.md says the limits that there are. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { MOST_UNUSUAL_METHODS, QUOTAS } from '../../../src/kubernetes/quotas.ts';

it('what a namespace may have together is what the program takes', async () => {
  const page = (await readFile('docs/how-to/let-app-teams-bring-routes.md', 'utf8')).replace(/\s+/g, ' ');
  const { routes, methods, schemas } = QUOTAS;
  expect(page).toContain(
    `at most ${routes} routes, ${methods} methods (counted for each host) and ${schemas} JSON Schemas; on one host, at most ${MOST_UNUSUAL_METHODS} methods`,
  );
});
