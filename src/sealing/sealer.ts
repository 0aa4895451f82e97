/** What sealing promises to those who store text where others may read or change it (E5). */

export type Unsealed =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      /** What is wrong; nothing of the text. */
      readonly problem: string;
      /** False where this replica lacks the key: another one may well have it. */
      readonly isDamaged: boolean;
    };

export interface Sealer {
  /**
   * Encrypts with the newest active key (AES-256-GCM, a fresh random nonce), bound to `context`: text that was sealed for
   * another context does not unseal. One line of printable ASCII.
   */
  seal(text: string, context: string): string;
  /** Never throws: what was cut, changed, swapped, sealed for another context or with no key of ours is an outcome. */
  unseal(sealed: string, context: string): Unsealed;
}

/** Marks sealed text, so that plain text is never taken for it nor the other way round. No JSON begins so. */
export const SEALED_MARK = 'sealed.';

/** Stores text as it is, where no sealing is configured. Sealed text needs a key that it does not have. */
export const unsealedText: Sealer = {
  seal: (text) => text,
  unseal: (text) =>
    text.startsWith(SEALED_MARK)
      ? { ok: false, problem: 'sealed, and no sealing is configured', isDamaged: false }
      : { ok: true, text },
};
