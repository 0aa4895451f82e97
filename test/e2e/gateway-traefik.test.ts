/** deploy/traefik, acted out (test/fakes/traefik.ts), and the keys that it may have. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { shippedTraefik, traefik } from '../fakes/traefik.ts';
import { gatewayScenarios } from '../parts/gateway-scenarios.ts';

gatewayScenarios('what Traefik is documented to be', traefik, {
  denialBody: 'same',
  failureBody: 'same',
  unknownHeader: 'removed',
  untrusted: 421,
  gone: 500,
  goneSaysWhen: false,
  uncheckedRoutes: false,
  tellsOfAllows: false,
});

test('the shipped files have no key but those that are acted out, and every router to the app asks', async () => {
  const { http, ...others } = await shippedTraefik();
  expect(others).toEqual({});
  expect(Object.keys(http).sort()).toEqual(['middlewares', 'routers', 'services']);
  expect(Object.keys(http.middlewares.singlestate.forwardAuth).sort()).toEqual([
    'addAuthCookiesToResponse',
    'address',
    'authResponseHeaders',
    'authResponseHeadersRegex',
    'preserveLocationHeader',
  ]);
  expect(http.middlewares.singlestate.forwardAuth.preserveLocationHeader).toBe(true);
  for (const router of Object.values(http.routers)) {
    expect(
      Object.keys(router).filter((key) => !/^(rule|entryPoints|middlewares|service)$/.test(key)),
    ).toEqual([]);
    if (router.service === 'app') expect(router.middlewares).toEqual(['no-connection-header', 'singlestate']);
  }
  const fixed = parse(await readFile('deploy/traefik/traefik.yaml', 'utf8')) as object;
  expect(fixed).toEqual({
    entryPoints: { web: { address: '127.0.0.1:8080' } },
    providers: { file: { filename: 'dynamic.yaml' } },
  });
});
