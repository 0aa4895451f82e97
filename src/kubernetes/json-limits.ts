/** How large a JSON Schema of an app team may be: it is compiled, and run, by the process that answers checks (C4). */

export interface JsonLimits {
  /** Of its text, UTF-8. */
  readonly bytes: number;
  /** Of every kind, all together: mappings, lists, and what is in them. */
  readonly values: number;
  /** The schema itself is the first level. */
  readonly depth: number;
  /** `$ref` and `$dynamicRef`: what they lead to is compiled for each. */
  readonly references: number;
}

/** Compiling the worst that was found takes a quarter of a second, on a slow machine. */
export const SCHEMA_LIMITS: JsonLimits = { bytes: 16 * 1024, values: 500, depth: 32, references: 16 };

/** Whether a JSON value is no larger. It may be of any depth: what recurses into it must come after this. */
export function isWithin(limits: JsonLimits): (value: unknown) => boolean {
  return (value) => {
    let level: readonly unknown[] = [value];
    let [values, references] = [0, 0];
    for (let depth = 1; level.length > 0; depth += 1) {
      const inner = level.filter((one): one is object => typeof one === 'object' && one !== null);
      values += level.length;
      references += inner.filter((one) => '$ref' in one || '$dynamicRef' in one).length;
      const isTooMuch = values > limits.values || references > limits.references;
      if (isTooMuch || (inner.length > 0 && depth > limits.depth)) return false;
      level = inner.flatMap((one): unknown[] => Object.values(one));
    }
    return Buffer.byteLength(JSON.stringify(value)) <= limits.bytes;
  };
}

export function sayLimits({ bytes, values, depth, references }: JsonLimits): string {
  return `at most ${bytes / 1024} KiB, ${values} values, ${depth} levels and ${references} references`;
}
