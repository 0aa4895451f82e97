/** HTML text in which everything that was put in is escaped; the one place that makes any. */

export interface Markup {
  readonly html: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

type Piece = string | Markup | readonly Markup[];

/** A template tag. What is put in is text, safe in content and in quoted attributes; what is markup already stays. */
export function markup(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  return { html: strings.map((text, at) => text + htmlOf(pieces[at] ?? '')).join('') };
}

function htmlOf(piece: Piece): string {
  if (typeof piece === 'string') return piece.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
  return 'html' in piece ? piece.html : piece.map(({ html }) => html).join('\n');
}
