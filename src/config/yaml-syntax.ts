/** Parses YAML 1.2 and says each syntax error in a user's words with its line. Hides the YAML library's errors. */
import { isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, ErrorCode, ParsedNode, YAMLError } from 'yaml';
import type { ConfigProblem, Position } from './problem.ts';

export interface ParsedYaml {
  readonly ok: true;
  readonly root: ParsedNode | null;
  readonly positionOf: (offset: number) => Position;
}

export type YamlParsing = ParsedYaml | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * One document of YAML 1.2, core schema, keys as text. After a syntax error nothing else of the file is trusted, so
 * the problems are those of its syntax alone, the first of each line. Never throws.
 */
export function parseYaml(text: string): YamlParsing {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    stringKeys: true,
    resolveKnownTags: false,
    // Said by the reader of values, which knows where the first one is.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
  });
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems = [...syntaxProblems(text, document, positionOf), ...directiveProblems(document)];
  return problems.length > 0 ? { ok: false, problems } : { ok: true, root: document.contents, positionOf };
}

function syntaxProblems(
  text: string,
  document: Document.Parsed,
  positionOf: (offset: number) => Position,
): readonly ConfigProblem[] {
  const firstOfLine = new Map<number, ConfigProblem>();
  // The library ends the document at an unexpected token, and finds everything after it unexpected too.
  const end = document.errors.find(({ code }) => code === 'UNEXPECTED_TOKEN');
  for (const error of [...document.errors, ...document.warnings]) {
    if (error.code === 'UNEXPECTED_TOKEN' && error !== end) continue;
    const position = positionOf(startOf(error, document));
    if (firstOfLine.has(position.line)) continue;
    firstOfLine.set(position.line, { ...position, path: '', message: sayError(error, text) });
  }
  return [...firstOfLine.values()];
}

/** The library reports an open quote where the file ends; its reader looks for where it began. */
function startOf(error: YAMLError, document: Document.Parsed): number {
  const [offset] = error.pos;
  if (error.code !== 'MISSING_CHAR' || !error.message.includes('quote')) return offset;
  let start = offset;
  visit(document, {
    Scalar(_key, node) {
      const [from, to] = node.range ?? [offset, offset];
      if (isScalar(node) && node.type?.startsWith('QUOTE') === true && to === offset) start = from;
    },
  });
  return start;
}

/** `%YAML 1.1` would change what `yes` and `0777` mean. */
function directiveProblems(document: Document.Parsed): readonly ConfigProblem[] {
  const { explicit, version } = document.directives.yaml;
  if (explicit !== true || version === '1.2') return [];
  return [{ line: 1, column: 1, path: '', message: 'must be YAML 1.2: remove the %YAML directive' }];
}

const QUOTE_IN_FLOW = 'inside { } and [ ], a text that holds any of { } [ ] , must be in quotes';

/** What would be right, by the library's error code; `character` is where the error begins. */
const WORDS: Partial<Record<ErrorCode, (character: string, message: string) => string>> = {
  UNEXPECTED_TOKEN: (character) =>
    ['{', '}', '[', ']', ','].includes(character)
      ? `has an unexpected "${character}" here; ${QUOTE_IN_FLOW}`
      : 'does not fit here: look for wrong indentation or a missing quote, bracket or ":" before it',
  BAD_INDENT: (_, message) =>
    message.startsWith('Flow')
      ? `ends a { or [ that was not closed; ${QUOTE_IN_FLOW}`
      : 'must begin at the same column as the keys or items beside it',
  TAB_AS_INDENT: () => 'must be indented with spaces, not with tabs',
  BAD_SCALAR_START: (character) => sayReserved(character),
  BAD_ALIAS: () => sayReserved('*'),
  BLOCK_AS_IMPLICIT_KEY: () =>
    'has a second key or item on one line: put it on the next line, or put a text that holds ": " in quotes',
  MULTILINE_IMPLICIT_KEY: () => 'is not a key: look for a missing ":" or a missing space after ":"',
  MULTIPLE_DOCS: () => 'begins a second document ("---"): the file must hold one',
  TAG_RESOLVE_FAILED: () =>
    'has a tag ("!"), which is not supported: remove it, or put a text that begins with "!" in quotes',
  NON_STRING_KEY: () => 'must have a text as its key',
  MISSING_CHAR: (_, message) =>
    message.includes('quote') ? 'opens a quote that is never closed' : `is not valid YAML: ${message}`,
  BAD_DQ_ESCAPE: () => 'has an unknown escape in a "text": write \\\\ for a backslash, or use single quotes',
  RESOURCE_EXHAUSTION: () => 'is nested too deeply',
};

function sayReserved(character: string): string {
  return `begins with "${character}", which has a meaning in YAML: put the text in quotes`;
}

function sayError(error: YAMLError, text: string): string {
  const say = WORDS[error.code];
  return say?.(text[error.pos[0]] ?? '', error.message) ?? `is not valid YAML: ${error.message}`;
}
