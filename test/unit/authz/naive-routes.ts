/** "The most specific rule wins", written as plainly as it is said: every rule is tried, and the best one is taken. */
import type { RouteInput } from './scene.ts';

export interface NaiveRequest {
  readonly host: string;
  readonly method: string;
  /** Decoded. */
  readonly segments: readonly string[];
}

export interface NaiveMatch {
  /** Which of the routes. */
  readonly index: number;
  /** The one-segment parameters. */
  readonly parameters: Readonly<Record<string, string>>;
}

export function naiveMatch(
  routes: readonly RouteInput[],
  { host, method, segments }: NaiveRequest,
): NaiveMatch | undefined {
  const found = routes.flatMap(({ match }, index) => {
    const [hostRank, path, methodRank] = [
      rankHost(match.host ?? '*', host),
      matchPath(segmentsOf(match.path), segments),
      rankMethod(match.methods, method),
    ];
    if (hostRank === undefined || path === undefined || methodRank === undefined) return [];
    return [{ index, parameters: path.parameters, rank: [hostRank, ...path.rank, methodRank] }];
  });
  return found.sort((a, b) => compareRanks(a.rank, b.rank))[0];
}

export function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

/** Less is more specific. */
function rankHost(pattern: string, host: string): number | undefined {
  if (pattern === host) return -10_000;
  if (pattern === '*') return 0;
  return pattern.startsWith('*') && host.endsWith(pattern.slice(1)) ? -pattern.length : undefined;
}

function rankMethod(methods: readonly string[] | undefined, method: string): number | undefined {
  if (methods === undefined) return 2;
  if (methods.includes(method)) return 0;
  return method === 'HEAD' && methods.includes('GET') ? 1 : undefined;
}

/** How deep paths and templates may be here; ranks are of one length, so that they compare. */
const DEPTH = 8;

function matchPath(template: readonly string[], segments: readonly string[]) {
  const parameters: Record<string, string> = {};
  const rank: number[] = [];
  for (let at = 0; at < DEPTH; at += 1) {
    const [wanted, segment] = [template[at], segments[at]];
    if (wanted?.endsWith('*}')) return { parameters, rank: pad([...rank, 2]) };
    if (wanted === undefined && segment === undefined) return { parameters, rank: pad(rank) };
    if (wanted === undefined || segment === undefined) return undefined;
    if (wanted.startsWith('{')) parameters[wanted.slice(1, -1)] = segment;
    else if (wanted !== segment) return undefined;
    rank.push(wanted.startsWith('{') ? 1 : 0);
  }
  return undefined;
}

function pad(rank: readonly number[]): number[] {
  return [...rank, ...Array<number>(DEPTH - rank.length).fill(0)];
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
