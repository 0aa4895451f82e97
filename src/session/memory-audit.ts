/** The audit trail of the memory store: one list in order of time, bounded by length and by age. Hides its positions. */
import type { Sealer } from '../sealing/sealer.ts';
import { aboutSubject, entryOf, recordIn, type AuditEntry } from './audit-entry.ts';
import type { AuditNote, AuditPage, AuditQuery, AuditRecord, AuditTrail } from './audit.ts';
import type { SessionRef } from './ref.ts';

/** Whom an entry is about, as a session's record tells it. */
export type AuditOwner = Pick<AuditEntry, 'subject' | 'owner'>;

export interface AuditBounds {
  readonly maxEntries: number;
  readonly maxAgeMs: number;
}

export interface MemoryAudit {
  /** Adds the record of a change of a session, whose own record is (still) there. */
  add(note: AuditNote, ref: SessionRef, before: number, after: number): void;
  /** As in `AuditTrail`, at once. */
  record(...of: Parameters<AuditTrail['record']>): void;
  /** @throws RangeError where `after` is no position. */
  query(query: AuditQuery): AuditPage;
  clear(): void;
}

export interface MemoryAuditOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Asked for anew each time, as `sealer` is. */
  readonly bounds: () => AuditBounds;
  readonly sealer: () => Sealer;
  readonly ownerOf: (ref: SessionRef) => AuditOwner;
}

/** A page looks at no more entries than this, whether they fit or not: no long pause. */
const LOOKS_A_PAGE = 10_000;

const POSITION = /^(0|[1-9][0-9]{0,14})$/;

export function createMemoryAudit({ now, bounds, sealer, ownerOf }: MemoryAuditOptions): MemoryAudit {
  const entries = new Map<number, { readonly atMs: number; readonly entry: AuditEntry }>();
  /** The numbers in use are all from `first` on, below `next`. */
  let first = 1;
  let next = 1;

  function forgetOld(): void {
    const { maxEntries, maxAgeMs } = bounds();
    const keepFromMs = now() - maxAgeMs;
    for (; first < next; first += 1) {
      const oldest = entries.get(first);
      if (oldest && next - first <= maxEntries && oldest.atMs >= keepFromMs) return;
      entries.delete(first);
    }
  }

  function query(asked: AuditQuery): AuditPage {
    forgetOld();
    const records: AuditRecord[] = [];
    let at = asked.after === undefined ? first : positionOf(asked.after, first, next);
    const end = Math.min(next, at + LOOKS_A_PAGE);
    for (; at < end && records.length < asked.limit; at += 1) {
      const record = recordAt(at, asked);
      if (record) records.push(record);
    }
    return { records, position: String(at), more: at < next };
  }

  function recordAt(at: number, asked: AuditQuery): AuditRecord | undefined {
    const { atMs, entry } = entries.get(at) ?? {};
    if (atMs === undefined || entry === undefined) return undefined;
    const { fromMs = 0, beforeMs = Infinity } = asked;
    if (atMs < fromMs || atMs >= beforeMs) return undefined;
    return recordIn(entry, { id: String(at), atMs }, asked, sealer());
  }

  function append(
    note: AuditNote,
    ref: SessionRef | undefined,
    about: Pick<AuditEntry, 'subject' | 'owner' | 'before' | 'after'>,
  ): void {
    const entry = { ...entryOf(note, ref, sealer()), ...(ref !== undefined && { ref }), ...about };
    entries.set(next, { atMs: now(), entry });
    next += 1;
    forgetOld();
  }

  return {
    add(note, ref, before, after) {
      append(note, ref, { ...ownerOf(ref), before: String(before), after: String(after) });
    },
    record(note, { ref, subject } = {}) {
      const owner = subject && aboutSubject(subject, ref, sealer());
      append(note, ref, owner ?? (ref === undefined ? {} : ownerOf(ref)));
    },
    query,
    clear: () => entries.clear(),
  };
}

/** What was forgotten since is passed over; a trail that began anew goes on at its end. */
function positionOf(text: string, first: number, next: number): number {
  if (!POSITION.test(text)) throw new RangeError('`after` must be a position that a page of the trail gave');
  return Math.min(Math.max(Number(text), first), next);
}
