/** The examples and the reference name what the code names. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { configurableHeaders, headerNames } from '../../../src/authz/projection.ts';
import { GATEWAYS, type GatewayKind } from '../../../src/forward-auth/gateways.ts';
import { configFrom } from '../authz/scene.ts';

const { apps, csrf } = configFrom({
  apps: { billing: { reads: { attributes: ['email_domain'], slices: ['cart'] } } },
});
const SET = configurableHeaders(headerNames('x-session-'), apps);
const TO_APP = [...SET, 'cookie', 'authorization', csrf.header].sort();

async function matches(file: string, pattern: RegExp): Promise<string[]> {
  return Array.from((await readFile(file, 'utf8')).matchAll(pattern), ([, name = '']) => name.toLowerCase());
}

describe('E8 every header that an answer may set is', () => {
  it('overwritten by nginx, with what was taken from the answer', async () => {
    const file = 'deploy/nginx/singlestate-headers.conf';
    const set = await matches(file, /^proxy_set_header (\S+) \$\w+;$/gm);
    expect(set.sort()).toEqual(TO_APP);
    const taken = new Map(
      Array.from(
        (await readFile('deploy/nginx/singlestate-check.conf', 'utf8')).matchAll(
          /^auth_request_set \$(\w+) \$upstream_http_(\w+);$/gm,
        ),
        ([, variable = '', header = '']) => [variable, header.replaceAll('_', '-')],
      ),
    );
    for (const [, name = '', variable = ''] of (await readFile(file, 'utf8')).matchAll(
      /^proxy_set_header (\S+) \$(\w+);$/gm,
    )) {
      expect(taken.get(variable)).toBe(name.toLowerCase());
    }
  });

  it('overwritten by Caddy', async () => {
    expect((await matches('deploy/caddy/Caddyfile', /^\s*import to-app (\S+)$/gm)).sort()).toEqual(TO_APP);
  });
});

it('the reference says which headers tell what was asked, for each kind of gateway', async () => {
  const reference = await readFile('docs/reference/http-listener.md', 'utf8');
  for (const [kind, { required, addressHeader }] of Object.entries(GATEWAYS)) {
    const row = reference.split('\n').find((line) => line.startsWith(`| \`${kind}\` |`)) ?? '';
    for (const name of [...required, addressHeader]) expect(row, kind).toContain(`\`${name}\``);
  }
});

const PAGES = {
  envoy: 'put-envoy-in-front-over-http.md',
  nginx: 'put-nginx-in-front.md',
  traefik: 'put-traefik-in-front.md',
  caddy: 'put-caddy-in-front.md',
} satisfies Record<GatewayKind, string>;
const ALL_PAGES = {
  ...PAGES,
  'Envoy over gRPC': 'put-envoy-in-front.md',
  'Envoy Gateway': 'put-envoy-gateway-in-front.md',
  Istio: 'put-istio-in-front.md',
  Contour: 'put-contour-in-front.md',
  Emissary: 'put-emissary-in-front.md',
};

it.each(Object.entries(ALL_PAGES))(
  'the page of %s says what a route can have, and the overview leads there',
  async (_kind, page) => {
    const text = await readFile(`docs/how-to/${page}`, 'utf8');
    const [, section = ''] = text.split('## Per route\n');
    const [perRoute = ''] = section.split('\n## ');
    for (const row of ['checked', 'not checked', 'login and logout'])
      expect(perRoute).toContain(`| ${row} |`);
    const overview = await readFile('docs/how-to/choose-a-gateway.md', 'utf8');
    expect(overview).toMatch(new RegExp(`^\\| \\[[^\\]]+\\]\\(${page}\\) \\|`, 'm'));
  },
);
