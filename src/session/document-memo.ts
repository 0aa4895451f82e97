/**
 * Remembers what stored texts decoded to, so that reading an unchanged session again costs a comparison. It stands in for
 * no read: the text is what the store has just answered, and another text is decoded anew (A4).
 */
import { LRUCache } from 'lru-cache';
import { decodeDocument, type DecodedDocument } from './document.ts';
import type { SessionRef } from './ref.ts';

/** Like `decodeDocument`, for the text that is stored at `ref`. */
export type DocumentMemo = (ref: SessionRef, text: string) => DecodedDocument;

/** How many characters of documents are remembered, about 20,000 sessions of a usual size. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

interface Remembered {
  readonly text: string;
  readonly decoded: DecodedDocument;
}

/** One text a session is remembered, the latest that was sound. Compared are all of its characters (E2). */
export function createDocumentMemo(maxCharacters = MAX_CHARACTERS): DocumentMemo {
  const remembered = new LRUCache<SessionRef, Remembered>({
    maxSize: maxCharacters,
    sizeCalculation: ({ text }) => text.length,
  });
  return (ref, text) => {
    const known = remembered.get(ref);
    if (known?.text === text) return known.decoded;
    const decoded = decodeDocument(text);
    if (decoded.ok) remembered.set(ref, { text, decoded });
    return decoded;
  };
}
