/**
 * Writes verdicts back: the condition `Accepted` of each SessionRoute, and an event where it is refused. Every replica does,
 * and all come to the same verdicts: hides how they keep from writing over each other.
 */
import { createHash } from 'node:crypto';
import type { Cluster, WriteOutcome } from './cluster.ts';
import { isAccepted, type Verdict } from './reasons.ts';
import { titleOf, type Condition, type SessionRoute } from './resources.ts';

export const WRITTEN_OBJECTS = ['status', 'event'] as const;
export type WrittenObject = (typeof WRITTEN_OBJECTS)[number];

export const REPORT_OUTCOMES = ['written', 'superseded', 'failed'] as const;
export type ReportOutcome = (typeof REPORT_OUTCOMES)[number];

export interface ReportingOptions {
  readonly cluster: Pick<Cluster, 'writeConditions' | 'createEvent'>;
  /** The name of this replica, for events. */
  readonly instance: string;
  readonly onWrite: (object: WrittenObject, outcome: ReportOutcome) => void;
  readonly onFailure: (title: string, error: unknown) => void;
  readonly now: () => number;
  /** From 0 to below 1. Default `Math.random`. */
  readonly random?: () => number;
  readonly delays?: Partial<ReportingDelays>;
}

export interface ReportingDelays {
  /** A replica waits up to so long before it writes, so that most see what another one has written, and write nothing. */
  readonly spreadMs: number;
  /** And so long before it overrules what was said of the same generation: perhaps it is the one that is behind. */
  readonly overruleMs: number;
  /** Somebody wrote something else than this replica did: it says so again after this, and twice as long each time. */
  readonly contestedMs: number;
  readonly longestMs: number;
}

const DELAYS: ReportingDelays = {
  spreadMs: 1_000,
  overruleMs: 3_000,
  contestedMs: 30_000,
  longestMs: 600_000,
};

export interface Reporting {
  /** Whatever of the routes does not say what its verdict is gets written soon; each call supersedes the one before. */
  report(routes: readonly SessionRoute[], verdicts: ReadonlyMap<string, Verdict>): void;
  stop(): void;
}

/** What is to be written, and how often the same was before. */
interface Entry {
  route: SessionRoute;
  verdict: Verdict;
  timer: NodeJS.Timeout | undefined;
  /** Times that this verdict was written, or could not be. */
  attempts: number;
  /** Whether it has been waited for long enough to overrule what was said of the same generation. */
  mayOverrule: boolean;
}

export function createReporting(options: ReportingOptions): Reporting {
  const { random = Math.random } = options;
  const delays = { ...DELAYS, ...options.delays };
  const entries = new Map<string, Entry>();
  /** One write at a time: at a start there may be thousands. */
  let tail = Promise.resolve();
  let isStopped = false;

  const schedule = (title: string, entry: Entry) => {
    if (entry.timer !== undefined) return;
    const { spreadMs, overruleMs, contestedMs, longestMs } = delays;
    entry.mayOverrule = isAnswered(entry) || entry.attempts > 0;
    const firstMs = entry.mayOverrule ? overruleMs : 0;
    const restMs =
      entry.attempts === 0 ? firstMs : Math.min(contestedMs * 2 ** (entry.attempts - 1), longestMs);
    entry.timer = setTimeout(
      () => {
        tail = tail.then(() => write(title, entry));
      },
      restMs + random() * spreadMs,
    ).unref();
  };
  const write = async (title: string, entry: Entry) => {
    entry.timer = undefined;
    if (isStopped || entries.get(title) !== entry || isSaid(entry.route, entry.verdict)) return;
    if (isAnswered(entry) && !entry.mayOverrule) {
      schedule(title, entry);
      return;
    }
    entry.attempts += 1;
    const outcome = await writeOne(entry, title, options);
    if (outcome === 'written' || entries.get(title) !== entry) return;
    // Of what superseded it the watch tells, or has told already.
    if (outcome === 'superseded') entry.attempts -= 1;
    const isTold = isScheduled(entry);
    clearTimeout(entry.timer);
    entry.timer = undefined;
    if (isTold || outcome === 'failed') schedule(title, entry);
  };

  return {
    report(routes, verdicts) {
      const present = new Set<string>();
      for (const route of routes) {
        const title = titleOf(route);
        const verdict = verdicts.get(title);
        if (verdict === undefined || !isAbout(verdict, route)) continue;
        present.add(title);
        const before = entries.get(title);
        const entry =
          before !== undefined && isSame(before.verdict, verdict) ? before : renewed(before, route, verdict);
        entry.route = route;
        entries.set(title, entry);
        if (!isSaid(route, verdict)) schedule(title, entry);
      }
      for (const [title, { timer }] of entries) {
        if (present.has(title)) continue;
        clearTimeout(timer);
        entries.delete(title);
      }
    },
    stop() {
      isStopped = true;
      for (const { timer } of entries.values()) clearTimeout(timer);
    },
  };
}

/** Whether somebody has said something of the resource as it is now. */
function isAnswered({ route, verdict }: Entry): boolean {
  const said = route.status?.conditions?.find(({ type }) => type === TYPE);
  return said?.observedGeneration === verdict.generation;
}

function isScheduled({ timer }: Entry): boolean {
  return timer !== undefined;
}

function renewed(before: Entry | undefined, route: SessionRoute, verdict: Verdict): Entry {
  clearTimeout(before?.timer);
  return { route, verdict, timer: undefined, attempts: 0, mayOverrule: false };
}

/** Never rejects. */
async function writeOne(
  { route, verdict }: Pick<Entry, 'route' | 'verdict'>,
  title: string,
  options: ReportingOptions,
): Promise<ReportOutcome> {
  const { cluster, instance, now } = options;
  const tried = async (object: WrittenObject, written: Promise<WriteOutcome>) => {
    const outcome = await written.catch((error: unknown) => {
      options.onFailure(title, error);
      return 'failed' as const;
    });
    options.onWrite(object, outcome);
    return outcome;
  };
  const outcome = await tried(
    'status',
    cluster.writeConditions(route, conditionsWith(route, verdict, now())),
  );
  // Whoever wrote the status tells of it.
  if (outcome !== 'written' || isAccepted(verdict)) return outcome;
  const { reason, message } = verdict;
  const event = { name: eventName(route, verdict), reason, note: message, instance };
  await tried('event', cluster.createEvent(route, event));
  return outcome;
}

const TYPE = 'Accepted';

/** The conditions of others stay. The time is that of the last change of `status`, not of the reason. */
function conditionsWith(route: SessionRoute, verdict: Verdict, nowMs: number): readonly Condition[] {
  const before = route.status?.conditions ?? [];
  const status = isAccepted(verdict) ? 'True' : 'False';
  const old = before.find(({ type }) => type === TYPE);
  const since = old?.status === status ? old.lastTransitionTime : undefined;
  const condition: Condition = {
    type: TYPE,
    status,
    reason: verdict.reason,
    message: verdict.message,
    observedGeneration: verdict.generation,
    lastTransitionTime: since ?? new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z'),
  };
  return [...before.filter(({ type }) => type !== TYPE), condition];
}

function isSaid(route: SessionRoute, verdict: Verdict): boolean {
  const said = route.status?.conditions?.find(({ type }) => type === TYPE);
  return (
    said !== undefined &&
    (said.status === 'True') === isAccepted(verdict) &&
    said.reason === verdict.reason &&
    said.message === verdict.message &&
    said.observedGeneration === verdict.generation
  );
}

function isAbout(verdict: Verdict, { metadata }: SessionRoute): boolean {
  return verdict.uid === metadata.uid && verdict.generation === metadata.generation;
}

function isSame(a: Verdict, b: Verdict): boolean {
  return a.uid === b.uid && a.generation === b.generation && a.reason === b.reason && a.message === b.message;
}

/** The same on every replica, so that the API server refuses a second one. */
function eventName(
  { metadata: { name, uid, generation } }: SessionRoute,
  { reason, message }: Verdict,
): string {
  const what = createHash('sha256')
    .update(JSON.stringify([uid, generation, reason, message]))
    .digest('hex');
  return `${name.slice(0, 200).replace(/[^a-z0-9]+$/, '')}.${what.slice(0, 16)}`;
}
