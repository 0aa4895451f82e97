/** What docs/how-to/migrate-from-oauth2-proxy.md shows for apps that still read the headers of another server. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createBed, HCM, type Bed } from './bed.ts';

const PAGE = await readFile('docs/how-to/migrate-from-oauth2-proxy.md', 'utf8');
const SHOWN = /^```yaml\n(request_headers_to_remove:[^]*?)^```$/m.exec(PAGE)?.[1] ?? '';
const { request_headers_to_remove: removed, ...others } = parse(SHOWN) as {
  readonly request_headers_to_remove: readonly string[];
};

let bed: Bed;
beforeAll(async () => {
  bed = await createBed({
    envoy: (document) => {
      const route = [...HCM, 'route_config'];
      document.setIn([...route, 'request_headers_to_remove'], document.createNode(removed));
      for (const [key, value] of Object.entries(others)) {
        document.setIn([...route, key], document.createNode(value));
      }
    },
  });
});
afterAll(() => bed[Symbol.asyncDispose]());

/** Every name that the page's table has of the old server. */
const OLD = [...new Set(PAGE.match(/\bX-(Auth-Request|Forwarded)-[A-Z][\w-]+/g))];
const FORGED = Object.fromEntries(OLD.map((name) => [name, 'mallory']));

test.each(['/public/a', '/healthz'])('E8 forged headers of the old server reach no app: %s', async (path) => {
  const { status, received } = await bed.ask(path, { headers: FORGED });
  expect(OLD).toHaveLength(10);
  expect(status).toBe(200);
  expect(JSON.stringify(received)).not.toContain('mallory');
  for (const name of OLD) expect(received?.headers).not.toHaveProperty(name.toLowerCase());
});

test('B3 an app that reads the old names is told who it is, whatever the client claims', async () => {
  const { token, document } = await bed.open();
  const { received } = await bed.ask('/me', { token, headers: FORGED });
  expect(received?.headers['x-forwarded-user']).toBe(document.identity.subject);
  expect(JSON.stringify(received)).not.toContain('mallory');
});
