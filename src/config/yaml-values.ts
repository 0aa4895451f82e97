/** Reads a YAML text into plain values, `${ENV}` expanded, and remembers where each value stands. Hides aliases and nodes. */
import { isAlias, isMap, isScalar, isSeq, Scalar } from 'yaml';
import type { Alias, ParsedNode, YAMLMap, YAMLSeq } from 'yaml';
import { expandEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import type { ConfigPath, ConfigProblem, Finding, Position } from './problem.ts';
import { parseYaml } from './yaml-syntax.ts';

/** Far more than any key of the schema needs; it keeps recursion far from the end of the stack. */
const MAX_DEPTH = 32;

/** How many values all aliases of a file may stand for; a file that nests aliases grows exponentially. */
const MAX_ALIASED_VALUES = 10_000;

/** Where a value stands, and what is below it. */
interface Place {
  /** Of the value; undefined for a key with nothing after it. */
  readonly offset: number | undefined;
  /** Of its key, for the values of a mapping. */
  readonly keyOffset: number | undefined;
  readonly isScalar: boolean;
  /** Written without quotes, and holding a variable: its text may stand for a number or a boolean. */
  readonly mayBeTyped: boolean;
  readonly children: ReadonlyMap<string | number, Place>;
}

/** Something wrong with a value itself. */
export interface SourceFault extends Finding {
  readonly position: Position;
  /** The value is not what its writer meant, so whatever else is said about it would mislead. */
  readonly valueUnknown: boolean;
}

export interface YamlValues {
  readonly ok: true;
  /** Mappings have no prototype; numbers, booleans and null are YAML 1.2's. */
  readonly value: unknown;
  readonly faults: readonly SourceFault[];
  /** Where the value is; for a mapping or a list, where its key is; for a path that is not in the file, where its nearest ancestor is. */
  readonly locate: (path: ConfigPath) => Position;
  readonly locateKey: (path: ConfigPath) => Position;
  readonly isWritten: (path: ConfigPath) => boolean;
  /** Whether the text came out of an unquoted `${ENV}`. */
  readonly mayBeTyped: (path: ConfigPath) => boolean;
}

export type YamlReading = YamlValues | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Never throws. Faults in single values leave the rest readable; syntax errors do not. */
export function readYaml(text: string, env: Environment): YamlReading {
  const parsed = parseYaml(text);
  if (!parsed.ok) return parsed;
  const reader = new ValueReader(parsed.positionOf, env);
  const { value, place } = reader.read(parsed.root, []);
  const find = (path: ConfigPath) =>
    path.reduce<Place | undefined>((at, step) => at?.children.get(step), place);
  const locateBy = (path: ConfigPath, offsetOf: (place: Place) => number | undefined): Position => {
    if (path.length === 0) return { line: 1, column: 1 };
    const found = find(path);
    const offset = found && offsetOf(found);
    return offset === undefined ? locateBy(path.slice(0, -1), keyOrValue) : parsed.positionOf(offset);
  };
  return {
    ok: true,
    value,
    faults: reader.faults,
    locate: (path) => locateBy(path, (at) => (at.isScalar ? (at.offset ?? at.keyOffset) : keyOrValue(at))),
    locateKey: (path) => locateBy(path, keyOrValue),
    isWritten: (path) => find(path) !== undefined,
    mayBeTyped: (path) => find(path)?.mayBeTyped ?? false,
  };
}

function keyOrValue(place: Place): number | undefined {
  return place.keyOffset ?? place.offset;
}

interface Read {
  readonly value: unknown;
  readonly place: Place;
}

/** Walks the nodes of one file. */
class ValueReader {
  readonly faults: SourceFault[] = [];
  readonly #positionOf: (offset: number) => Position;
  readonly #env: Environment;
  readonly #anchors = new Map<string, ParsedNode>();
  /** What each alias meant where it stands, whatever its anchor's name is given to later. */
  readonly #targets = new Map<ParsedNode, ParsedNode>();
  /** The anchored nodes that are being read; an alias of one of them would be within itself. */
  readonly #open = new Set<ParsedNode>();
  #aliasDepth = 0;
  #aliasedValues = 0;

  constructor(positionOf: (offset: number) => Position, env: Environment) {
    this.#positionOf = positionOf;
    this.#env = env;
  }

  read(node: ParsedNode | null, path: ConfigPath, keyOffset?: number): Read {
    if (node === null) return leaf(null, undefined, keyOffset);
    const [offset] = node.range;
    if (path.length > MAX_DEPTH) return this.#refuse(path, offset, keyOffset, 'is nested too deeply');
    if (this.#aliasDepth > 0) this.#aliasedValues += 1;
    if (isAlias(node)) return this.#readAlias(node, path, keyOffset);
    if (node.anchor === undefined) return this.#readPlain(node, path, keyOffset);
    if (this.#aliasDepth === 0) this.#anchors.set(node.anchor, node);
    this.#open.add(node);
    const read = this.#readPlain(node, path, keyOffset);
    this.#open.delete(node);
    return read;
  }

  #readPlain(node: Exclude<ParsedNode, Alias.Parsed>, path: ConfigPath, keyOffset?: number): Read {
    if (isMap(node)) return this.#readMap(node, path, keyOffset);
    if (isSeq(node)) return this.#readList(node, path, keyOffset);
    return this.#readScalar(node, path, keyOffset);
  }

  #fault(path: ConfigPath, offset: number, message: string, valueUnknown = true): void {
    this.faults.push({ path, message, position: this.#positionOf(offset), valueUnknown });
  }

  #refuse(path: ConfigPath, offset: number, keyOffset: number | undefined, message: string): Read {
    this.#fault(path, offset, message);
    return leaf(null, offset, keyOffset);
  }

  #readAlias(node: Alias.Parsed, path: ConfigPath, keyOffset?: number): Read {
    const [offset] = node.range;
    const target = this.#targets.get(node) ?? this.#anchors.get(node.source);
    if (target === undefined) return this.#refuse(path, offset, keyOffset, NO_ANCHOR);
    if (this.#open.has(target)) return this.#refuse(path, offset, keyOffset, ALIAS_OF_ITSELF);
    if (this.#aliasedValues > MAX_ALIASED_VALUES)
      return this.#refuse(path, offset, keyOffset, TOO_MANY_ALIASED);
    this.#targets.set(node, target);
    this.#aliasDepth += 1;
    const { value, place } = this.read(target, path);
    this.#aliasDepth -= 1;
    return { value, place: { ...place, offset, keyOffset } };
  }

  #readMap(node: YAMLMap.Parsed, path: ConfigPath, keyOffset?: number): Read {
    const value = Object.create(null) as Record<string, unknown>;
    const children = new Map<string | number, Place>();
    for (const pair of node.items) {
      const key = this.#readKey(pair.key, path, children);
      if (key === undefined) continue;
      const entry = this.read(pair.value, [...path, key], pair.key.range[0]);
      value[key] = entry.value;
      children.set(key, entry.place);
    }
    return { value, place: branch(node.range[0], keyOffset, children) };
  }

  /** Undefined for a key that can't be taken; of two equal ones the first counts. */
  #readKey(
    node: ParsedNode,
    parent: ConfigPath,
    siblings: ReadonlyMap<string | number, Place>,
  ): string | undefined {
    const [offset] = node.range;
    if (!isScalar(node)) {
      this.#fault(parent, offset, 'must have a text as its key', false);
      return undefined;
    }
    const key = String(node.value);
    const path = [...parent, key];
    const first = siblings.get(key)?.keyOffset;
    if (first !== undefined) {
      this.#fault(path, offset, `is given twice: first in line ${this.#positionOf(first).line}`, false);
      return undefined;
    }
    const refusal = UNUSABLE_KEYS.get(key);
    if (refusal !== undefined) this.#fault(path, offset, refusal);
    return refusal === undefined ? key : undefined;
  }

  #readList(node: YAMLSeq.Parsed, path: ConfigPath, keyOffset?: number): Read {
    const items = node.items as (ParsedNode | null)[];
    const entries = items.map((item, index) => this.read(item, [...path, index]));
    const children = new Map<string | number, Place>(entries.map(({ place }, index) => [index, place]));
    return {
      value: entries.map((entry) => entry.value),
      place: branch(node.range[0], keyOffset, children),
    };
  }

  #readScalar(node: Scalar.Parsed, path: ConfigPath, keyOffset?: number): Read {
    const { value, type, source } = node;
    const [offset] = node.range;
    if (value === null && source === '') return leaf(null, undefined, keyOffset);
    if (typeof value !== 'string') return leaf(value, offset, keyOffset);
    const { text, expanded, faults } = expandEnvironment(value, this.#env);
    for (const message of faults) this.#fault(path, offset, message);
    return leaf(text, offset, keyOffset, expanded && type === Scalar.PLAIN);
  }
}

const NO_ANCHOR =
  'is a YAML alias of an anchor that does not exist: put a text that begins with "*" in quotes';
const ALIAS_OF_ITSELF = 'is an alias of something that holds it';
const TOO_MANY_ALIASED = `is one alias too many: together they stand for more than ${MAX_ALIASED_VALUES} values`;

const UNUSABLE_KEYS: ReadonlyMap<string, string> = new Map([
  [
    '<<',
    'is a merge key, which YAML 1.2 does not have: write the keys out, or use an alias for the whole value',
  ],
  ['__proto__', 'is not a name that can be used'],
]);

function branch(
  offset: number,
  keyOffset: number | undefined,
  children: ReadonlyMap<string | number, Place>,
): Place {
  return { offset, keyOffset, isScalar: false, mayBeTyped: false, children };
}

function leaf(value: unknown, offset?: number, keyOffset?: number, mayBeTyped = false): Read {
  return { value, place: { offset, keyOffset, isScalar: true, mayBeTyped, children: new Map() } };
}
