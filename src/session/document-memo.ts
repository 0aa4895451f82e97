/**
 * Remembers what stored texts came to, so that reading an unchanged session again costs a comparison in place of
 * unsealing and decoding. It stands in for no read: the text is what the store has just answered (A4).
 */
import { LRUCache } from 'lru-cache';
import type { Sealer } from '../sealing/sealer.ts';
import { decodeDocument, type DecodedDocument, documentContext } from './document.ts';
import type { SessionRef } from './ref.ts';

/** Unseals and decodes the text that is stored at `ref` with `version`. Never throws. */
export type DocumentMemo = (ref: SessionRef, version: number, text: string) => DecodedDocument;

/** How many characters of documents are remembered, about 20,000 sessions of a usual size. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

interface Remembered {
  readonly version: number;
  readonly text: string;
  readonly decoded: DecodedDocument;
}

/**
 * One text a session is remembered, the latest that was sound. Compared are all of its characters (E2), and the version
 * to which it is sealed (E5). `sealer` is asked each time: another sealer than before may lack a key, so everything is
 * forgotten with the one that it was unsealed by.
 */
export function createDocumentMemo(sealer: () => Sealer, maxCharacters = MAX_CHARACTERS): DocumentMemo {
  const remembered = new LRUCache<SessionRef, Remembered>({
    maxSize: maxCharacters,
    sizeCalculation: ({ text }) => text.length,
  });
  let unsealedBy = sealer();
  return (ref, version, text) => {
    const current = sealer();
    if (current !== unsealedBy) {
      unsealedBy = current;
      remembered.clear();
    }
    const known = remembered.get(ref);
    if (known?.version === version && known.text === text) return known.decoded;
    const decoded = openDocument(current, ref, version, text);
    if (decoded.ok) remembered.set(ref, { version, text, decoded });
    return decoded;
  };
}

/** What a `DocumentMemo` does, without remembering. */
export function openDocument(
  sealer: Sealer,
  ref: SessionRef,
  version: number,
  text: string,
): DecodedDocument {
  const unsealed = sealer.unseal(text, documentContext(ref, version));
  if (unsealed.ok) return decodeDocument(unsealed.text);
  return { ok: false, problem: unsealed.problem, removable: unsealed.isDamaged };
}
