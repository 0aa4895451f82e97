/** Requests that go on over some connections, while a test does something to what they go through. */
import { waitUntil } from '../../quickstart/wait.ts';
import type { Bed } from './bed.ts';

export interface Load {
  /** What each request was answered, in the order in which they began. Those under way have holes here. */
  readonly statuses: readonly number[];
  /** Resolves once so many more were answered. */
  more(count: number): Promise<void>;
  /** Resolves once all of them are answered. */
  stop(): Promise<void>;
}

/** Asks for /me, which wants a session, again and again; `connections` requests are under way at a time. */
export function startLoad(bed: Bed, token: string, connections = 8): Load {
  const statuses: number[] = [];
  let [begun, answered] = [0, 0];
  let on = true;
  const loops = Array.from({ length: connections }, async () => {
    while (on) {
      const turn = begun;
      begun += 1;
      statuses[turn] = (await bed.ask('/me', { token })).status;
      answered += 1;
    }
  });
  return {
    statuses,
    more: (count) => {
      const wanted = answered + count;
      const isThere = () => Promise.resolve(answered >= wanted);
      return waitUntil(isThere, { what: 'more load', timeoutMs: 60_000 });
    },
    async stop() {
      on = false;
      await Promise.all(loops);
    },
  };
}
