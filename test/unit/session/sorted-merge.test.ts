import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeSorted, type FetchAfter } from '../../../src/session/sorted-merge.ts';

const compare = (a: number, b: number) => a - b;

/** Hands out `items` a few at a time, as `sizes` say in turn. */
function sourceOf(items: readonly number[], sizes: readonly number[]): FetchAfter<number> {
  return (last, round) => {
    const from = last === undefined ? 0 : items.indexOf(last) + 1;
    const count = sizes[round % sizes.length] ?? 1;
    return Promise.resolve({
      items: items.slice(from, from + count),
      isLast: from + count >= items.length,
    });
  };
}

async function readAll(sources: readonly FetchAfter<number>[]): Promise<number[]> {
  const all: number[] = [];
  for await (const chunk of mergeSorted(sources, compare)) all.push(...chunk);
  return all;
}

test('everything of all sources comes once and in order, however much is fetched at a time', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 });
  // Each item is of one source, as each entry is of one partition.
  const shares = fc.array(fc.tuple(fc.nat(4), fc.nat(1_000)), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(shares, sizes, async (drawn, batchSizes) => {
      const all = [...new Map(drawn.map(([source, item]) => [item, source]))];
      const sources = Array.from({ length: 5 }, (_, source) => {
        const items = all.filter(([, owner]) => owner === source).map(([item]) => item);
        return sourceOf(items.sort(compare), batchSizes);
      });
      expect(await readAll(sources)).toEqual(all.map(([item]) => item).sort(compare));
    }),
  );
});

test('no source is asked for more than it takes to be certain of what comes next', async () => {
  const asked = [0, 0];
  const counted =
    (source: number, fetch: FetchAfter<number>): FetchAfter<number> =>
    (last, round) => {
      asked[source] = (asked[source] ?? 0) + 1;
      return fetch(last, round);
    };
  const sources = [counted(0, sourceOf([1, 2, 3, 4], [1])), counted(1, sourceOf([50, 60], [1]))];
  const chunks = mergeSorted(sources, compare);
  for (let count = 0; count < 3; count += 1) await chunks.next();
  expect(asked).toEqual([3, 1]);
  await chunks.return(undefined);
});

test('no sources are nothing to read', async () => {
  expect(await readAll([])).toEqual([]);
});
