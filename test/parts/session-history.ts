/** What one session is after each operation, and clients that work on sessions at random, whatever the sessions are kept in. */
import { createHash } from 'node:crypto';
import type { HistoryWriter } from './history.ts';
import type { SequentialModel } from './linearizability.ts';

export type SessionInput =
  | { readonly kind: 'create'; readonly value: string }
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly expectedVersion: number; readonly value: string }
  | { readonly kind: 'touch'; readonly seenAtMs: number }
  | { readonly kind: 'revoke' };

export type SessionOutput =
  | { readonly outcome: 'created' | 'replayed' | 'revoked' | 'already_revoked' | 'absent' | 'touched' }
  | { readonly outcome: 'written' | 'conflict'; readonly version: number }
  /** What no order of operations explains. */
  | { readonly outcome: 'corrupt'; readonly problem: string }
  | LiveSession;

interface LiveSession {
  readonly outcome: 'live';
  readonly version: number;
  readonly value: string;
  readonly lastSeenAtMs: number;
}

type SessionState = { readonly outcome: 'absent' } | { readonly outcome: 'revoked' } | LiveSession;

/** A session that is created with `lastSeenAtMs` 0 and has no timeout within the times that are used. */
export const sessionModel: SequentialModel<SessionState, SessionInput, SessionOutput> = {
  initial: { outcome: 'absent' },
  apply(state, input) {
    if (state.outcome === 'live') return applyToLive(state, input);
    switch (input.kind) {
      case 'create': {
        if (state.outcome === 'revoked') return { state, output: { outcome: 'replayed' } };
        const { value } = input;
        return {
          state: { outcome: 'live', version: 1, value, lastSeenAtMs: 0 },
          output: { outcome: 'created' },
        };
      }
      case 'read':
      case 'write':
        return { state, output: state };
      case 'touch':
        return { state, output: { outcome: 'touched' } };
      case 'revoke': {
        const outcome = state.outcome === 'revoked' ? 'already_revoked' : 'absent';
        return { state, output: { outcome } };
      }
    }
  },
  isPassive({ kind }, { outcome }) {
    if (kind === 'touch') return false;
    return outcome !== 'created' && outcome !== 'written' && (kind !== 'revoke' || outcome !== 'revoked');
  },
};

function applyToLive(
  state: LiveSession,
  input: SessionInput,
): { state: SessionState; output: SessionOutput } {
  const { version } = state;
  switch (input.kind) {
    case 'create':
      return { state, output: { outcome: 'replayed' } };
    case 'read':
      return { state, output: state };
    case 'write': {
      if (input.expectedVersion !== version) return { state, output: { outcome: 'conflict', version } };
      const written = { ...state, version: version + 1, value: input.value };
      return { state: written, output: { outcome: 'written', version: version + 1 } };
    }
    case 'touch': {
      const lastSeenAtMs = Math.max(state.lastSeenAtMs, input.seenAtMs);
      return { state: { ...state, lastSeenAtMs }, output: { outcome: 'touched' } };
    }
    case 'revoke':
      return { state: { outcome: 'revoked' }, output: { outcome: 'revoked' } };
  }
}

/** The same for sessions that are there at the start, and that nobody touches. */
export const openedSessionModel: SequentialModel<SessionState, SessionInput, SessionOutput> = {
  ...sessionModel,
  initial: { outcome: 'live', version: 1, value: '', lastSeenAtMs: 0 },
};

export interface Workload {
  /** Names the client, and every value that it writes. */
  readonly client: string;
  readonly seed: string;
  readonly operations: number;
  readonly sessions: number;
  /** Each kind of operation, and how often it is chosen in relation to the others. */
  readonly mix: Readonly<Partial<Record<SessionInput['kind'], number>>>;
  /** Performs one operation; throws where its outcome is unknown. */
  readonly perform: (session: number, input: SessionInput) => Promise<SessionOutput>;
  /** Called after an outcome that is unknown; resolves once it makes sense to go on. */
  readonly recover: () => Promise<void>;
}

/** A client works on so many sessions at a time, and moves on by one after so many operations, round and round. */
const WINDOW = 3;
const OPERATIONS_PER_MOVE = 18;

/** Operations chosen by the seed, one after the other. What they meet depends on the other clients. */
export async function runWorkload(
  history: HistoryWriter<SessionInput, SessionOutput>,
  { client, seed, operations, sessions, mix, perform, recover }: Workload,
): Promise<void> {
  const random = createRandom(`${seed}/${client}`);
  const versions = new Map<number, number>();
  for (let count = 0; count < operations; count += 1) {
    const session = (Math.floor(count / OPERATIONS_PER_MOVE) + Math.floor(random() * WINDOW)) % sessions;
    const input = chooseInput(mix, random, versions.get(session) ?? 1, `${client}/${count}`);
    const output = await history.record(client, session, input, () => perform(session, input));
    if (output === undefined) await recover();
    else if ('version' in output) versions.set(session, output.version);
  }
}

function chooseInput(
  mix: Workload['mix'],
  random: () => number,
  version: number,
  value: string,
): SessionInput {
  const kind = chooseKind(mix, random());
  switch (kind) {
    case 'create':
      return { kind, value };
    case 'write':
      return { kind, value, expectedVersion: random() < 0.9 ? version : Math.max(1, version - 1) };
    case 'touch':
      return { kind, seenAtMs: 1 + Math.floor(random() * 60_000) };
    case 'read':
    case 'revoke':
      return { kind };
  }
}

function chooseKind(mix: Workload['mix'], random: number): SessionInput['kind'] {
  const kinds = Object.entries(mix) as [SessionInput['kind'], number][];
  let rest = random * kinds.reduce((sum, [, share]) => sum + share, 0);
  return kinds.find(([, share]) => (rest -= share) < 0)?.[0] ?? 'read';
}

/** Numbers from 0 to below 1, the same for the same seed. */
function createRandom(seed: string): () => number {
  let count = 0;
  return () => {
    count += 1;
    const digest = createHash('sha256').update(`${seed}/${count}`).digest();
    return digest.readUInt32BE(0) / 2 ** 32;
  };
}
