/** Which sessions the memory store holds: by age, by subject and by session at the identity provider. Hides their order. */
import type { SessionDocument } from './document.ts';
import type { SessionRef, Subject } from './ref.ts';
import type { ListPosition } from './store.ts';

export interface IndexedSession extends ListPosition {
  /** A copy of the document's. */
  readonly identity: SessionDocument['identity'];
}

/** Every list is oldest first, and a copy. */
export interface MemoryIndex {
  /** In place of the one with the same ref. */
  add(session: IndexedSession): void;
  remove(ref: SessionRef): void;
  get(ref: SessionRef): IndexedSession | undefined;
  ofSubject(subject: Subject): IndexedSession[];
  ofProviderSession(issuer: string, providerSession: string): IndexedSession[];
  /** All sessions; with `subject`, that subject's. `from` is the first that may be among them. */
  from(from: ListPosition, subject?: Subject): Iterable<IndexedSession>;
  all(): IndexedSession[];
  clear(): void;
}

export function createMemoryIndex(): MemoryIndex {
  const byRef = new Map<SessionRef, IndexedSession>();
  const everybody: IndexedSession[] = [];
  const bySubject = new Map<string, IndexedSession[]>();

  function ofSubject(subject: Subject): IndexedSession[] {
    return bySubject.get(subjectKey(subject)) ?? [];
  }

  function add(session: IndexedSession): void {
    // One of the same name may have been forgotten, and not swept out yet.
    remove(session.ref);
    const key = subjectKey(session.identity);
    const own = bySubject.get(key) ?? [];
    bySubject.set(key, own);
    byRef.set(session.ref, session);
    for (const list of [everybody, own]) list.splice(placeOf(session, list), 0, session);
  }

  function remove(ref: SessionRef): void {
    const session = byRef.get(ref);
    if (!session) return;
    const own = ofSubject(session.identity);
    byRef.delete(ref);
    for (const list of [everybody, own]) list.splice(placeOf(session, list), 1);
    if (own.length === 0) bySubject.delete(subjectKey(session.identity));
  }

  return {
    add,
    remove,
    get: (ref) => byRef.get(ref),
    ofSubject: (subject) => [...ofSubject(subject)],
    ofProviderSession: (issuer, providerSession) =>
      everybody.filter(
        ({ identity }) => identity.issuer === issuer && identity.providerSession === providerSession,
      ),
    *from(from, subject) {
      const list = subject === undefined ? everybody : ofSubject(subject);
      for (let place = placeOf(from, list); ; place += 1) {
        const session = list[place];
        if (!session) return;
        yield session;
      }
    },
    all: () => [...everybody],
    clear() {
      byRef.clear();
      bySubject.clear();
      everybody.length = 0;
    },
  };
}

function subjectKey({ issuer, subject }: Subject): string {
  return JSON.stringify([issuer, subject]);
}

/** The order of `SessionStore.list`. */
function isBefore(a: ListPosition, b: ListPosition): boolean {
  return a.createdAtMs < b.createdAtMs || (a.createdAtMs === b.createdAtMs && a.ref < b.ref);
}

/** Where it is in the list, or would be: by halving. */
function placeOf(position: ListPosition, list: readonly IndexedSession[]): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const session = list[middle];
    if (session && isBefore(session, position)) low = middle + 1;
    else high = middle;
  }
  return low;
}
