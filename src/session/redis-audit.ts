/** The audit trail in Redis: a stream for each partition, and one for what belongs to none. Hides that there are many. */
import { aboutSubject, recordIn, type AuditEntry } from './audit-entry.ts';
import type { AuditNote, AuditPage, AuditQuery, AuditRecord, AuditTrail } from './audit.ts';
import type { RedisAccess } from './redis-access.ts';
import { NO_PARTITION, PARTITIONS, type Place } from './redis-keys.ts';
import { partitionOf, partitionOfRef, type SessionRef, type Subject } from './ref.ts';
import { mergeSorted, type FetchAfter } from './sorted-merge.ts';

/** An entry of one of the streams. */
interface Placed extends EntryId {
  readonly place: Place;
  readonly fields: readonly string[];
}

/** The id of a stream's entry: Unix milliseconds of the server's clock, and a number among those of one millisecond. */
interface EntryId {
  readonly ms: number;
  readonly seq: number;
}

/** How far a reader has come in each stream; nothing for one of which it has seen nothing. */
type Positions = Map<Place, EntryId>;

const EVERYWHERE: readonly Place[] = [...PARTITIONS, NO_PARTITION];

/** How many entries a page looks at before it is given as it is, so that a filter that fits little takes no longer. */
const MOST_SCANNED = 5_000;

const FIRST_BATCH = 8;
const LATER_BATCH = 128;
const BATCH_OF_ONE = 512;

export function createRedisAudit(access: RedisAccess): AuditTrail {
  const { keys, sealer, run, ask } = access;

  async function record(
    note: AuditNote,
    about: { readonly subject?: Subject; readonly ref?: SessionRef } = {},
  ): Promise<void> {
    const { subject, ref } = about;
    const place = placeOf(about) ?? NO_PARTITION;
    await run('record', 'append', {
      keys: ref === undefined ? [keys.audit(place)] : [keys.audit(place), keys.session(ref)],
      given: {
        ...access.partition(place),
        ...access.note('told', note, ref),
        ref,
        ...(subject && aboutSubject(subject, ref, sealer())),
      },
    });
  }

  async function audit(query: AuditQuery): Promise<AuditPage> {
    const positions = decodePosition(query.after);
    const only = placeOf(query);
    const places = only === undefined ? EVERYWHERE : [only];
    const sources = places.map((place) => entries(place, positions.get(place), query, places.length));
    const records: AuditRecord[] = [];
    const page = (more: boolean): AuditPage => ({ records, position: encodePosition(positions), more });
    let scanned = 0;
    for await (const chunk of mergeSorted(sources, compare)) {
      for (const entry of chunk) {
        if (records.length >= query.limit || scanned >= MOST_SCANNED) return page(true);
        scanned += 1;
        positions.set(entry.place, { ms: entry.ms, seq: entry.seq });
        const found = recordIn(fieldsOf(entry), identify(entry), query, sealer());
        if (found) records.push(found);
      }
    }
    return page(false);
  }

  function entries(
    place: Place,
    from: EntryId | undefined,
    { fromMs, beforeMs }: AuditQuery,
    streams: number,
  ): FetchAfter<Placed> {
    const key = keys.audit(place);
    const end = beforeMs === undefined ? '+' : streamTime(beforeMs - 1);
    return async (last, round) => {
      const after = last ?? from;
      const start = after === undefined ? streamTime(fromMs ?? 0) : `(${idOf(after)}`;
      const count = streams === 1 ? BATCH_OF_ONE : round === 0 ? FIRST_BATCH : LATER_BATCH;
      const reply = (await ask(
        'audit',
        (redis, answered) => void redis.xrange(key, start, end, 'COUNT', count, answered),
      )) as [id: string, fields: string[]][];
      const items = reply.map(([id, fields]) => ({ ...entryIdIn(id), place, fields }));
      return { items, isLast: items.length < count };
    };
  }

  return { record, audit };
}

/** Where the records about that are; undefined where they are everywhere. */
function placeOf({ subject, ref }: Pick<AuditQuery, 'subject' | 'ref'>): Place | undefined {
  if (ref !== undefined) return partitionOfRef(ref);
  return subject && partitionOf(subject.issuer, subject.subject);
}

function compare(a: Placed, b: Placed): number {
  if (a.ms !== b.ms) return a.ms - b.ms;
  if (a.seq !== b.seq) return a.seq - b.seq;
  return a.place < b.place ? -1 : Number(a.place > b.place);
}

function fieldsOf({ fields }: Placed): Partial<AuditEntry> {
  const pairs = Array.from({ length: fields.length / 2 }, (_, at) => fields.slice(2 * at, 2 * at + 2));
  return Object.fromEntries(pairs) as Partial<AuditEntry>;
}

function identify({ place, ms, seq }: Placed): { readonly id: string; readonly atMs: number } {
  return { id: `${place}.${idOf({ ms, seq })}`, atMs: ms };
}

function idOf({ ms, seq }: EntryId): string {
  return `${ms}-${seq}`;
}

/** A stream knows whole milliseconds since 1970. */
function streamTime(ms: number): string {
  return String(Math.max(0, Math.ceil(ms)));
}

function entryIdIn(id: string): EntryId {
  const [ms, seq] = id.split('-').map(Number);
  return { ms: ms ?? 0, seq: seq ?? 0 };
}

/** Names this form of positions, so that another one can be told from it. */
const POSITION_FORM = '1';
const POSITION_PART = /^(none|[0-9a-f]{2})([0-9a-z]{1,9})(?:\.([0-9a-z]{1,9}))?$/;

/** At most about 3,500 characters: for each stream its place, then milliseconds and number in base 36. */
function encodePosition(positions: Positions): string {
  const parts = [...positions].map(([place, { ms, seq }]) => {
    const number = seq === 0 ? '' : `.${seq.toString(36)}`;
    return `${place}${ms.toString(36)}${number}`;
  });
  return [POSITION_FORM, ...parts].join('~');
}

/** @throws RangeError for what is no position. */
function decodePosition(text: string | undefined): Positions {
  const positions: Positions = new Map();
  const [form, ...parts] = (text ?? POSITION_FORM).split('~');
  if (form !== POSITION_FORM) throw noPosition();
  for (const part of parts) {
    const [, place, ms, seq = '0'] = POSITION_PART.exec(part) ?? [];
    if (place === undefined || ms === undefined) throw noPosition();
    positions.set(place as Place, { ms: parseInt(ms, 36), seq: parseInt(seq, 36) });
  }
  return positions;
}

function noPosition(): RangeError {
  return new RangeError('`after` must be a position that a page of the audit trail gave');
}
