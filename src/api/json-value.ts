/** JSON out of a protobuf Value, as far as it can be kept in a session and given back the same. */
import type { JsonValue } from '@bufbuild/protobuf';
import type { Value } from '@bufbuild/protobuf/wkt';

export type JsonReading =
  | { readonly ok: true; readonly json: JsonValue }
  /** `problem` goes on from the name of the field. */
  | { readonly ok: false; readonly problem: string };

/** Objects and lists within each other. Each takes up to three messages of the 100 that protobuf decoders take. */
export const MAX_DEPTH = 30;

class NotJson extends Error {}

/** Never throws. Names such as `__proto__` are names like any other. */
export function readJson(value: Value): JsonReading {
  try {
    return { ok: true, json: jsonOf(value, 0) };
  } catch (error) {
    if (error instanceof NotJson) return { ok: false, problem: error.message };
    throw error;
  }
}

function jsonOf({ kind }: Value, depth: number): JsonValue {
  switch (kind.case) {
    case 'structValue': {
      const inner = deeper(depth);
      return Object.fromEntries(
        Object.entries(kind.value.fields).map(([name, value]) => [text(name), jsonOf(value, inner)]),
      );
    }
    case 'listValue': {
      const inner = deeper(depth);
      return kind.value.values.map((value) => jsonOf(value, inner));
    }
    case 'stringValue':
      return text(kind.value);
    case 'numberValue':
      if (!Number.isFinite(kind.value)) throw new NotJson('holds a number that JSON does not have');
      return kind.value;
    case 'boolValue':
      return kind.value;
    case 'nullValue':
      return null;
    case undefined:
      throw new NotJson('holds a Value without a kind');
  }
}

function deeper(depth: number): number {
  if (depth >= MAX_DEPTH) throw new NotJson(`is nested deeper than ${MAX_DEPTH} levels`);
  return depth + 1;
}

function text(value: string): string {
  if (!value.isWellFormed()) throw new NotJson('holds text that is not Unicode: half of a surrogate pair');
  return value;
}
