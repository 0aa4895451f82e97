/** The session that a new one takes the place of: whether anything of it moves to the new one, and how it ends (A7). */
import type { SessionRef, Subject } from '../session/ref.ts';
import type { Session } from '../session/store.ts';
import { validate } from '../session/validity.ts';
import type { LifecycleDependencies } from './dependencies.ts';

export type Predecessor =
  /** There is none, or it has ended: nothing is left to end, nor to take over. */
  | { readonly kind: 'none' }
  /** The same subject's: it ends in the step that makes the new one, which takes its configured parts over. */
  | { readonly kind: 'to_replace'; readonly session: Session }
  /** Another subject's, or one that this replica can't read: it ends before, and nothing is taken over. */
  | { readonly kind: 'to_end'; readonly ref: SessionRef };

export async function findPredecessor(
  ref: SessionRef | undefined,
  subject: Subject,
  nowMs: number,
  { store, limits }: LifecycleDependencies,
): Promise<Predecessor> {
  if (ref === undefined) return { kind: 'none' };
  const lookup = await store.read(ref);
  // A document of a newer schema may be sound for another replica, so that its tokens would go on being good there.
  if (lookup.state === 'corrupt') return { kind: 'to_end', ref };
  const validity = validate(lookup, nowMs, limits.idleTimeoutMs);
  if (!validity.valid) return { kind: 'none' };
  const { identity } = validity.session.document;
  const isSame = identity.issuer === subject.issuer && identity.subject === subject.subject;
  return isSame ? { kind: 'to_replace', session: validity.session } : { kind: 'to_end', ref };
}
