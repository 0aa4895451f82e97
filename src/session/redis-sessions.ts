/** What the Redis store does to one session, each in one script. Hides what the scripts are given and answer. */
import { endNote } from './audit-entry.ts';
import type { DocumentMemo } from './document-memo.ts';
import {
  encodeWholeNumber,
  identityHash,
  indexFieldsOf,
  lookupOf,
  otherExpires,
  otherIdentity,
  recordOf,
  requireOnePartition,
  sealDocument,
  unsealHint,
} from './record.ts';
import { unexpected, type Given, type RedisAccess } from './redis-access.ts';
import { memberOf, refOf } from './redis-keys.ts';
import { partitionOfRef } from './ref.ts';
import type {
  CreateOutcome,
  NewSession,
  Refresh,
  RefreshOutcome,
  Revocation,
  RevokeOutcome,
  SessionStore,
  SessionWrite,
  Touch,
  WriteOutcome,
} from './store.ts';

export type RedisSessions = Pick<SessionStore, 'create' | 'write' | 'revoke' | 'touch' | 'refresh'>;

export function createRedisSessions(
  access: RedisAccess,
  read: SessionStore['read'],
  decode: DocumentMemo,
): RedisSessions {
  const { keys, sealer, run } = access;

  async function create(session: NewSession): Promise<CreateOutcome> {
    requireOnePartition(session);
    const { ref, document, nowMs, idleTimeoutMs, proof, note } = session;
    const partition = partitionOfRef(ref);
    const [outcome, ...ended] = await run('create', 'create', {
      keys: [keys.session(ref), keys.proof(ref, proof.hash), keys.audit(partition)],
      given: {
        ...access.partition(partition),
        ...access.ending(nowMs),
        ...recordOf(session, sealer()),
        member: memberOf(ref),
        idle: encodeWholeNumber(idleTimeoutMs),
        proofUntil: encodeWholeNumber(proof.validUntilMs),
        ...access.note('created', note, ref),
        ...placeOf(session),
      },
    });
    switch (outcome) {
      case 'created':
        return {
          outcome,
          session: { ref, version: 1, lastSeenAtMs: nowMs, document },
          ended: ended.map((member) => refOf(partition, String(member))),
        };
      case 'replayed':
      case 'limited':
      case 'stale':
        return { outcome };
      default:
        throw unexpected('create');
    }
  }

  /** Whose place the session takes. */
  function placeOf({ replaces, limit, note }: NewSession): Given {
    return {
      ...(replaces && {
        replaces: memberOf(replaces.ref),
        replacesVersion: encodeWholeNumber(replaces.version),
        ...access.note('superseded', endNote(note, 'superseded'), replaces.ref),
      }),
      ...(limit && {
        limit: encodeWholeNumber(limit.max),
        onExceed: limit.onExceed,
        ...access.note('limit', endNote(note, 'limit'), undefined),
      }),
    };
  }

  async function write({ ref, expectedVersion, document, note }: SessionWrite): Promise<WriteOutcome> {
    const version = expectedVersion + 1;
    const [outcome, currentVersion] = await run('write', 'write', {
      keys: [keys.session(ref), keys.audit(partitionOfRef(ref))],
      given: {
        ...access.partition(partitionOfRef(ref)),
        ref,
        version: encodeWholeNumber(expectedVersion),
        nextVersion: encodeWholeNumber(version),
        document: sealDocument(document, ref, version, sealer()),
        expires: encodeWholeNumber(document.expiresAtMs),
        identity: identityHash(document.identity),
        ...access.note('written', note, ref),
      },
    });
    switch (outcome) {
      case 'written':
        return { outcome, version };
      case 'conflict':
        return { outcome, currentVersion: Number(currentVersion) };
      case 'absent':
      case 'revoked':
        return { outcome };
      case 'other_expires':
        throw otherExpires();
      case 'other_identity':
        throw otherIdentity();
      default:
        throw unexpected('write');
    }
  }

  async function revoke({ ref, cause, nowMs, note }: Revocation): Promise<RevokeOutcome> {
    const [outcome, hint] = await run('revoke', 'revoke', {
      keys: [keys.session(ref), keys.audit(partitionOfRef(ref))],
      given: {
        ...access.partition(partitionOfRef(ref)),
        ...access.ending(nowMs),
        ...access.note('ended', note, ref),
        member: memberOf(ref),
        cause,
      },
    });
    if (outcome === 'revoked') return { outcome, logoutHint: unsealHint(textIn(hint), ref, sealer()) };
    if (outcome === 'already_revoked' || outcome === 'absent') return { outcome };
    throw unexpected('revoke');
  }

  async function touch({ ref, seenAtMs, idleTimeoutMs, document }: Touch): Promise<void> {
    const key = keys.session(ref);
    const given = {
      ...access.partition(partitionOfRef(ref)),
      member: memberOf(ref),
      seen: encodeWholeNumber(seenAtMs),
      idle: encodeWholeNumber(idleTimeoutMs),
    };
    const [outcome] = await run('touch', 'touch', { keys: [key], given });
    if (outcome !== 'unindexed' || document === undefined) return;
    const indexed = { ...given, ...indexFieldsOf(ref, document, sealer()) };
    await run('touch', 'touch', { keys: [key], given: indexed });
  }

  /** Reads first: a token must not be used up for a session that is not readable here. */
  async function refresh(asked: Refresh): Promise<RefreshOutcome> {
    const { ref } = asked;
    if ((await read(ref)).state !== 'live') return { outcome: 'refused' };
    const [outcome, successor, ...fields] = await run('refresh', 'refresh', {
      keys: [keys.session(ref), keys.audit(partitionOfRef(ref))],
      given: rotationOf(asked),
    });
    if (outcome === 'refused' || outcome === 'reused') return { outcome };
    const [version, document, lastSeen] = fields.map(textIn);
    const lookup = lookupOf(ref, version, document, lastSeen, null, null, decode);
    if (lookup.state !== 'live') return { outcome: 'refused' };
    const { session } = lookup;
    if (outcome === 'rotated') return { outcome, session };
    if (outcome === 'repeated') return { outcome, successor: textIn(successor) ?? '', session };
    throw unexpected('refresh');
  }

  function rotationOf(asked: Refresh): Given {
    const { ref, nowMs } = asked;
    return {
      ...access.partition(partitionOfRef(ref)),
      ...access.ending(nowMs),
      ref,
      member: memberOf(ref),
      idle: encodeWholeNumber(asked.idleTimeoutMs),
      presented: asked.presentedHash,
      successorHash: asked.successorHash,
      successor: asked.successor,
      grace: String(asked.graceMs),
      ...access.note('refreshed', asked.note, ref),
      ...access.note('ended', asked.reuseNote, ref),
    };
  }

  return { create, write, revoke, touch, refresh };
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
