/**
 * A record of the audit trail as it is stored: what could name a person is sealed, the rest is plain, so that entries
 * are filtered without a key. Hides that encoding.
 */
import type { Sealer } from '../sealing/sealer.ts';
import type { Actor, AuditAction, AuditNote, AuditQuery, AuditRecord } from './audit.ts';
import { sealOwner, subjectHash, unsealOwner, wholeNumber } from './record.ts';
import { isSessionRef, type SessionRef, type Subject } from './ref.ts';
import type { RevocationCause } from './store.ts';

/** All values are text. */
export interface AuditEntry {
  action: string;
  /** The actor's kind. */
  by: string;
  /** The actor's name, the reason and the detail as JSON, sealed. */
  note: string;
  ref?: string;
  /** `subjectHash`. */
  subject?: string;
  /** As in the session's record. */
  owner?: string;
  before?: string;
  after?: string;
}

/**
 * What an entry says of the note alone. Sealed to action, kind of actor and session, so that it can't be moved below
 * others. `ref` is undefined for what is about no session, and for one note about many.
 */
export function entryOf(note: AuditNote, ref: SessionRef | undefined, sealer: Sealer): AuditEntry {
  const { action, actor, reason, detail } = note;
  const text = JSON.stringify({ name: actor.name, reason, detail });
  return { action, by: actor.kind, note: sealer.seal(text, noteContext(action, actor.kind, ref)) };
}

/** Whom an entry is about, where no session's record tells it. */
export function aboutSubject(subject: Subject, ref: SessionRef | undefined, sealer: Sealer) {
  return { subject: subjectHash(subject), owner: sealOwner(subject, ref, sealer) };
}

/** What the trail says of a session that ends because of another change, which `note` tells of. */
export function endNote(note: AuditNote, cause: RevocationCause): AuditNote {
  return { action: 'session_revoked', actor: note.actor, reason: cause };
}

/** Undefined where the entry is not among what is asked for; times are not looked at. */
export function recordIn(
  entry: Partial<AuditEntry>,
  place: { readonly id: string; readonly atMs: number },
  query: AuditQuery,
  sealer: Sealer,
): AuditRecord | undefined {
  if (!fitsPlainly(entry, query)) return undefined;
  const { action = '', by = '', ref } = entry;
  const words = wordsIn(entry, sealer);
  const actor: Actor = { kind: by as Actor['kind'], name: words.name };
  if (query.actor?.name !== undefined && (words.isLost || query.actor.name !== actor.name)) return undefined;
  const about = ref !== undefined && isSessionRef(ref) ? ref : undefined;
  const subject = unsealOwner(entry.owner, about, sealer);
  const [before, after] = [versionIn(entry.before), versionIn(entry.after)];
  return {
    ...place,
    action: action as AuditAction,
    actor,
    ...(words.reason !== undefined && { reason: words.reason }),
    ...(words.detail !== undefined && { detail: words.detail }),
    ...(about !== undefined && { ref: about }),
    ...(subject !== undefined && { subject }),
    ...(before !== undefined && { before }),
    ...(after !== undefined && { after }),
  };
}

function fitsPlainly(entry: Partial<AuditEntry>, { subject, ref, actor, action }: AuditQuery): boolean {
  if (action !== undefined && entry.action !== action) return false;
  if (ref !== undefined && entry.ref !== ref) return false;
  if (actor?.kind !== undefined && entry.by !== actor.kind) return false;
  return subject === undefined || entry.subject === subjectHash(subject);
}

interface Words {
  readonly name: string;
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
  readonly isLost: boolean;
}

function wordsIn({ note = '', action = '', by = '', ref }: Partial<AuditEntry>, sealer: Sealer): Words {
  const own = sealer.unseal(note, noteContext(action, by, ref));
  const unsealed = own.ok ? own : sealer.unseal(note, noteContext(action, by, undefined));
  if (!unsealed.ok) return { name: '', detail: `not readable here: ${unsealed.problem}`, isLost: true };
  try {
    const { name, reason, detail } = JSON.parse(unsealed.text) as Record<string, unknown>;
    return { name: wordIn(name) ?? '', reason: wordIn(reason), detail: wordIn(detail), isLost: false };
  } catch {
    return { name: '', detail: 'not readable: damaged', isLost: true };
  }
}

function wordIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function versionIn(text: string | undefined): number | undefined {
  return text === '0' ? 0 : wholeNumber(text);
}

function noteContext(action: string, by: string, ref: string | undefined): string {
  return `audit ${action} ${by} ${ref ?? 'any'}`;
}
