/** Two apps that share a session: `billing` writes the cart that `support` reads. Hides the files of their JSON Schemas. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileWriteRules, type WriteRules } from '../../src/api/write-rules.ts';
import type { AppConfig } from '../../src/config/schema.ts';
import { compileView, type ViewOf } from '../../src/session/view.ts';

export interface TestApps {
  readonly config: Readonly<Record<string, AppConfig>>;
  readonly views: ReadonlyMap<string, ViewOf>;
  readonly writeRules: WriteRules;
}

const CART = {
  type: 'object',
  properties: {
    items: {
      type: 'array',
      items: {
        type: 'object',
        properties: { sku: { type: 'string' }, count: { type: 'integer', minimum: 1 } },
        required: ['sku', 'count'],
        additionalProperties: false,
      },
    },
    notes: { type: 'object', additionalProperties: { type: 'string' } },
  },
  additionalProperties: false,
};

const SCHEMAS = { 'cart.json': CART, 'anything.json': {}, 'locale.json': { enum: ['de', 'en', 'fr'] } };

/** `issuer` is whose service account tokens the apps have; `billing` has a certificate as well. */
export async function createTestApps(issuer: string): Promise<TestApps> {
  const folder = await mkdtemp(join(tmpdir(), 'singlestate-schemas-'));
  const files = Object.entries(SCHEMAS).map(([name, schema]) =>
    writeFile(join(folder, name), JSON.stringify(schema)),
  );
  await Promise.all(files);
  const config = appsOf(issuer, (name) => join(folder, name));
  const compiled = await compileWriteRules({ apps: config });
  await rm(folder, { recursive: true });
  if (!compiled.ok) throw new Error(compiled.findings.map(({ message }) => message).join('\n'));
  const views = Object.entries(config).map(([name, { reads }]) => [name, compileView(reads)] as const);
  return { config, views: new Map(views), writeRules: compiled.rules };
}

function appsOf(
  issuer: string,
  schema: (name: keyof typeof SCHEMAS) => string,
): Readonly<Record<string, AppConfig>> {
  const audience = 'singlestate';
  const account = (app: string) => ({ issuer, subject: `system:serviceaccount:${app}:default`, audience });
  return {
    billing: {
      identities: [account('billing'), { certificate: 'spiffe://cluster.test/billing', audience }],
      reads: { scopes: ['invoices:*'], attributes: ['email_domain', 'locale'], slices: ['cart'] },
      writes: { cart: schema('cart.json'), notes: schema('anything.json') },
      writesAttributes: { locale: schema('locale.json') },
      assertion: false,
    },
    support: {
      identities: [account('support')],
      reads: { scopes: [], attributes: [], slices: ['cart'] },
      writes: {},
      writesAttributes: {},
      assertion: false,
    },
  };
}
