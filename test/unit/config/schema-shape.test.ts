import { describe, expect, it } from 'vitest';
import { descriptionAt, knownKeys, readable } from '../../../src/config/schema-shape.ts';
import { configSchema } from '../../../src/config/schema.ts';

describe('what can be read of a faulty configuration', () => {
  it('is every part that fits, with its defaults, and nothing that does not', () => {
    const faulty = {
      check: { deadline: '1s', maxInFlight: 0, unknown: 1 },
      store: 'memory:',
      apps: { billing: { assertion: 'yes', reads: { scopes: ['a'] } }, 'B A D': {} },
      routes: [{ match: { path: '/a' }, mode: 'x' }, 5],
    };
    expect(readable(configSchema, faulty)).toMatchObject({
      listen: { check: ':9001' },
      check: { deadline: 1_000, maxInFlight: undefined, drainDelay: 5_000 },
      store: undefined,
      token: undefined,
      apps: { billing: { assertion: undefined, reads: { scopes: ['a'], slices: [] } } },
      routes: [{ match: { path: '/a', host: '*' }, mode: undefined, require: undefined }, undefined],
    });
    expect(readable(configSchema, faulty)).not.toHaveProperty('check.unknown');
  });
});

describe('the schema by path', () => {
  it('is seen through defaults, lists and names', () => {
    expect(knownKeys(configSchema, ['routes', 3, 'match'])).toEqual(['host', 'path', 'methods']);
    expect(knownKeys(configSchema, ['apps', 'any'])).toEqual([
      'identities',
      'reads',
      'writes',
      'writesAttributes',
      'assertion',
    ]);
    expect(knownKeys(configSchema, ['apps'])).toEqual([]);
    expect(knownKeys(configSchema, ['store', 'url', 'x'])).toEqual([]);
    expect(descriptionAt(configSchema, ['apps', 'any', 'reads', 'slices'])).toBe(
      'Which slices the app may see.',
    );
    expect(descriptionAt(configSchema, ['none', 'such'])).toBeUndefined();
  });
});
