/** What the memory store does to sessions, each change with its audit record. Hides how sessions are found and judged. */
import type { AuditNote } from './audit.ts';
import { endNote } from './audit-entry.ts';
import type { SessionDocument } from './document.ts';
import type { MemoryAudit } from './memory-audit.ts';
import type { IndexedSession } from './memory-index.ts';
import type { LiveRecord, MemoryRecords } from './memory-records.ts';
import {
  encodeWholeNumber,
  identityHash,
  otherExpires,
  otherIdentity,
  requireOnePartition,
  wholeNumber,
  type RecordFields,
} from './record.ts';
import type { SessionRef, Subject } from './ref.ts';
import {
  RETENTION_MS,
  type CreateOutcome,
  type ListedSession,
  type MassRevocation,
  type NewSession,
  type Refresh,
  type RefreshOutcome,
  type RevocationCause,
  type RevocationTarget,
  type Revocation,
  type RevokeOutcome,
  type Session,
  type SessionQuery,
  type SessionWrite,
  type Touch,
  type WriteOutcome,
} from './store.ts';

/** As in `SessionStore`, at once. */
export interface MemorySessions {
  create(session: NewSession): CreateOutcome;
  write(write: SessionWrite): WriteOutcome;
  revoke(revocation: Revocation): RevokeOutcome;
  revokeMany(revocation: MassRevocation): number;
  touch(touch: Touch): void;
  refresh(refresh: Refresh): RefreshOutcome;
  list(query: SessionQuery): ListedSession[];
}

export function createMemorySessions(
  records: MemoryRecords,
  trail: MemoryAudit,
  now: () => number,
): MemorySessions {
  const { index } = records;

  function create(session: NewSession): CreateOutcome {
    requireOnePartition(session);
    const { ref, document, proof, replaces, limit, nowMs, note } = session;
    const proofName = { hash: proof.hash, ref };
    if (records.find(ref) || records.isUsed(proofName)) return { outcome: 'replayed' };
    if (replaces && !isReplaceable(replaces, document.identity)) return { outcome: 'stale' };
    const others = countedSessions(session);
    const surplus = limit ? Math.max(0, others.length - limit.max + 1) : 0;
    if (surplus > 0 && limit?.onExceed === 'refuse') return { outcome: 'limited' };
    records.add(session);
    records.use(proofName, proof.validUntilMs);
    trail.add(note, ref, 0, 1);
    const ended = others.slice(0, surplus);
    if (replaces) end(replaces.ref, 'superseded', nowMs, endNote(note, 'superseded'));
    for (const other of ended) end(other, 'limit', nowMs, endNote(note, 'limit'));
    return { outcome: 'created', session: { ref, version: 1, lastSeenAtMs: nowMs, document }, ended };
  }

  function isReplaceable(
    { ref, version }: NonNullable<NewSession['replaces']>,
    { issuer, subject }: Subject,
  ): boolean {
    const owner = index.get(ref)?.identity;
    const isOwn = owner?.issuer === issuer && owner.subject === subject;
    return isOwn && records.findLive(ref)?.version === version;
  }

  /** The subject's sessions that a limit counts, oldest first. */
  function countedSessions({ document, replaces, idleTimeoutMs, nowMs }: NewSession): SessionRef[] {
    const refs = index.ofSubject(document.identity).map(({ ref }) => ref);
    return refs.filter((ref) => {
      const live = records.findLive(ref);
      return live && ref !== replaces?.ref && !isOver(live, nowMs, idleTimeoutMs);
    });
  }

  function write({ ref, expectedVersion, document, note }: SessionWrite): WriteOutcome {
    if (records.find(ref)?.fields.revoked !== undefined) return { outcome: 'revoked' };
    const live = records.findLive(ref);
    if (!live) return { outcome: 'absent' };
    const { version } = live;
    if (version !== expectedVersion) return { outcome: 'conflict', currentVersion: version };
    if (live.expiresAtMs !== document.expiresAtMs) throw otherExpires();
    if (isOfAnother(live, document)) throw otherIdentity();
    records.rewrite(ref, live, document);
    trail.add(note, ref, version, version + 1);
    return { outcome: 'written', version: version + 1 };
  }

  /** Undefined where there was nothing to end. */
  function end(ref: SessionRef, cause: RevocationCause, nowMs: number, note: AuditNote) {
    const record = records.find(ref);
    if (!record || record.fields.revoked !== undefined) return undefined;
    const version = wholeNumber(record.fields.version) ?? 0;
    const logoutHint = records.end(ref, record, cause, nowMs);
    trail.add(note, ref, version, 0);
    return { logoutHint };
  }

  function revoke({ ref, cause, nowMs, note }: Revocation): RevokeOutcome {
    if (!records.find(ref)) return { outcome: 'absent' };
    const ended = end(ref, cause, nowMs, note);
    return ended ? { outcome: 'revoked', ...ended } : { outcome: 'already_revoked' };
  }

  function revokeMany({ target, cause, nowMs, note }: MassRevocation): number {
    return targeted(target).filter(({ ref }) => end(ref, cause, nowMs, note)).length;
  }

  function targeted(target: RevocationTarget): readonly IndexedSession[] {
    switch (target.kind) {
      case 'all':
        return index.all();
      case 'subject':
        return index.ofSubject(target.subject);
      case 'provider_session': {
        const { issuer, providerSession, subject } = target;
        const sessions = index.ofProviderSession(issuer, providerSession);
        return sessions.filter(({ identity }) => subject === undefined || identity.subject === subject);
      }
    }
  }

  function touch({ ref, seenAtMs, idleTimeoutMs }: Touch): void {
    const live = records.findLive(ref);
    if (!live || seenAtMs <= live.lastSeenAtMs || isOver(live, seenAtMs, idleTimeoutMs)) return;
    records.slide(live, seenAtMs, idleTimeoutMs);
  }

  function refresh(asked: Refresh): RefreshOutcome {
    const { ref, presentedHash, idleTimeoutMs, graceMs, nowMs } = asked;
    const live = records.findLive(ref);
    const lookup = records.lookup(ref);
    if (!live || lookup.state !== 'live' || isOver(live, nowMs, idleTimeoutMs)) return { outcome: 'refused' };
    const { session } = lookup;
    const { refresh: current, refreshed, refreshedAt, successor } = live.record.fields;
    if (current === undefined) return { outcome: 'refused' };
    if (presentedHash === current) return { outcome: 'rotated', session: rotate(live, session, asked) };
    const isRepeated = presentedHash === refreshed && nowMs < Number(refreshedAt) + graceMs;
    if (isRepeated && successor !== undefined) return { outcome: 'repeated', successor, session };
    end(ref, 'refresh_reuse', nowMs, asked.reuseNote);
    return { outcome: 'reused' };
  }

  function rotate(live: LiveRecord, session: Session, asked: Refresh): Session {
    const { ref, presentedHash, successorHash, successor, idleTimeoutMs, nowMs, note } = asked;
    const lastSeenAtMs = Math.max(nowMs, live.lastSeenAtMs);
    Object.assign(live.record.fields, {
      refresh: successorHash,
      refreshed: presentedHash,
      refreshedAt: encodeWholeNumber(nowMs),
      successor,
    } satisfies RecordFields);
    records.slide(live, lastSeenAtMs, idleTimeoutMs);
    trail.add(note, ref, live.version, live.version);
    return { ...session, lastSeenAtMs };
  }

  function list({ subject, createdFromMs = 0, createdBeforeMs = Infinity, after, limit }: SessionQuery) {
    const listed: ListedSession[] = [];
    const start =
      after && after.createdAtMs >= createdFromMs ? after : { createdAtMs: createdFromMs, ref: FIRST_REF };
    for (const { ref, createdAtMs } of index.from(start, subject)) {
      if (listed.length >= limit || createdAtMs >= createdBeforeMs) break;
      const record = records.find(ref);
      if (ref === after?.ref || !record || now() >= record.forgetAtMs - RETENTION_MS) continue;
      listed.push({ ref, createdAtMs, lookup: records.lookup(ref) });
    }
    return listed;
  }

  return { create, write, revoke, revokeMany, touch, refresh, list };
}

/** Before every ref. */
const FIRST_REF = '' as SessionRef;

/** Whether one of its timeouts has come (see `validate`). */
function isOver({ lastSeenAtMs, expiresAtMs }: LiveRecord, atMs: number, idleTimeoutMs: number): boolean {
  return atMs >= expiresAtMs || atMs >= lastSeenAtMs + idleTimeoutMs;
}

function isOfAnother({ record }: LiveRecord, { identity }: SessionDocument): boolean {
  return record.fields.identity !== undefined && record.fields.identity !== identityHash(identity);
}
