/** What a lookup costs, told by comparison within one run, never by the clock alone. */
import { describe, expect, it } from 'vitest';
import { canonicalPath, type RequestPath } from '../../../src/authz/path.ts';
import { compileRoutes, type RouteTable } from '../../../src/authz/routes.ts';
import type { RouteConfig } from '../../../src/config/schema.ts';

interface Lookup {
  readonly host: string;
  readonly path: RequestPath;
}

function target(path: string): RequestPath {
  const read = canonicalPath(path);
  if (!read.ok) throw new Error(read.problem);
  return read;
}

/** Rules of all kinds, and ten requests that are matched by the first, the last and some in between. */
function build(size: number, hostOf: (index: number) => string): { table: RouteTable; lookups: Lookup[] } {
  const config = Array.from({ length: size }, (_, index): RouteConfig => ({
    match: {
      host: hostOf(index),
      path: `/team-${index % 100}/service-${index}/items/{id}`,
      ...(index % 2 === 0 && { methods: ['GET', 'PUT'] }),
    },
    require: { session: true },
    onUnauthenticated: '401',
    csrf: true,
    mode: 'enforce',
  }));
  const compiled = compileRoutes(config);
  if (!compiled.ok) throw new Error(compiled.problems[0]?.message);
  const lookups = Array.from({ length: 10 }, (_, at) => {
    const index = Math.floor((at * (size - 1)) / 9);
    return {
      host: hostOf(index).replace('*', 'any.example.org'),
      path: target(`/team-${index % 100}/service-${index}/items/4711`),
    };
  });
  return { table: compiled.table, lookups };
}

function spent({ table, lookups }: ReturnType<typeof build>): number {
  const start = performance.now();
  for (let round = 0; round < 1_000; round += 1) {
    for (const { host, path } of lookups) {
      if (typeof table.match(host, 'GET', path) !== 'object') throw new Error('no match');
    }
  }
  return performance.now() - start;
}

describe('H2 a lookup among 10,000 routes costs what one among 10 costs', () => {
  it.each<[string, (index: number) => string]>([
    ['on one host', () => '*'],
    ['on a host each', (index) => `h${index}.example.com`],
    ['on a suffix each', (index) => `*.h${index}.example.com`],
  ])('%s', { timeout: 60_000 }, (_, hostOf) => {
    const [few, many] = [build(10, hostOf), build(10_000, hostOf)];
    spent(few);
    spent(many);
    const ratios = Array.from({ length: 31 }, () => spent(many) / spent(few)).sort((a, b) => a - b);
    // A search through the rules would make it several hundred.
    expect(ratios[15]).toBeLessThan(3);
  });
});
