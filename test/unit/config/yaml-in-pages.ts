/** The YAML that the pages of docs/ show: which of it is Singlestate's configuration or the chart's values, made whole. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { writtenSchema } from '../../../src/config/json-schema.ts';

export const ROOT = join(import.meta.dirname, '../../..');

type Mapping = Readonly<Record<string, unknown>>;

export interface YamlBlock {
  /** `PAGE:LINE`, for titles. */
  readonly place: string;
  readonly value: unknown;
}

/**
 * Blocks whose fence says `yaml` and nothing more. One that is another program's and has a key of ours says whose it is:
 * "```yaml traefik".
 */
export function yamlBlocks(): readonly YamlBlock[] {
  return globSync('docs/**/*.md', { cwd: ROOT }).toSorted().flatMap(blocksOf);
}

function blocksOf(page: string): readonly YamlBlock[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^( *)```yaml\n([^]*?)^\1```$/gm)].flatMap(
    ({ 1: indent = '', 2: code = '', index }) => {
      // Helm's templates are no YAML yet.
      if (code.includes('{{')) return [];
      const line = text.slice(0, index).split('\n').length;
      return [
        {
          place: `${page}:${line}`,
          value: parse(code.replaceAll(new RegExp(`^${indent}`, 'gm'), '')) as unknown,
        },
      ];
    },
  );
}

export const CONFIG_KEYS: readonly string[] = Object.keys(writtenSchema().properties ?? {});

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A fragment of the configuration as a mapping; undefined for what has no key of ours. */
export function configFragment(value: unknown): Mapping | undefined {
  if (Array.isArray(value)) return listFragment(value);
  return isMapping(value) && Object.keys(value).some((key) => CONFIG_KEYS.includes(key)) ? value : undefined;
}

/** Pages show single routes and identities as items of their lists. */
function listFragment(items: readonly unknown[]): Mapping | undefined {
  const [first] = items;
  if (!isMapping(first)) return undefined;
  if ('match' in first) return { routes: items };
  return 'issuer' in first ? { apps: { billing: { identities: items } } } : undefined;
}

/** What a page's reader has besides the fragment. */
const REST: Mapping = {
  store: { url: 'redis://valkey:6379' },
  token: { issuer: 'https://sessions.example.com', keysDir: 'token-keys' },
  sealing: { keysDir: 'sealing-keys' },
  login: { origins: ['https://app.example.com'] },
  identityProviders: [
    {
      name: 'main',
      issuer: 'https://idp.example.com',
      clientId: 'singlestate',
      clientSecretFile: 'idp-secret',
    },
  ],
};

/** The fragment as a whole configuration, JSON being YAML: with what it takes for granted, and the apps of its routes. */
export function madeWhole(fragment: Mapping): string {
  const routes = Array.isArray(fragment['routes']) ? (fragment['routes'] as readonly Mapping[]) : [];
  const named = routes.flatMap(({ app }) => (typeof app === 'string' ? [[app, {}] as const] : []));
  const over = (key: 'store' | 'token') => ({
    ...(REST[key] as Mapping),
    ...(fragment[key] as Mapping | undefined),
  });
  return JSON.stringify({
    ...REST,
    ...fragment,
    store: over('store'),
    token: over('token'),
    apps: { ...Object.fromEntries(named), ...(fragment['apps'] as Mapping | undefined) },
  });
}
