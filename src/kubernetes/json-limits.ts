/** How large a JSON Schema of an app team may be: it is compiled, and run, by the process that answers checks (C4). */

export interface JsonLimits {
  /** Of its text, UTF-8. */
  readonly bytes: number;
  /** Mappings and lists, all together. */
  readonly nodes: number;
  /** The schema itself is the first. */
  readonly depth: number;
}

/** Compiling one takes 200 ms at the worst, on a slow machine. */
export const SCHEMA_LIMITS: JsonLimits = { bytes: 16 * 1024, nodes: 128, depth: 32 };

/** Whether a JSON value is no larger. It may be of any depth: what recurses into it must come after this. */
export function isWithin({ bytes, nodes, depth }: JsonLimits): (value: unknown) => boolean {
  return (value) => {
    let level: readonly unknown[] = [value];
    let seen = 0;
    for (let depthNow = 0; level.length > 0; depthNow += 1) {
      const inner = level.filter((one): one is object => typeof one === 'object' && one !== null);
      seen += inner.length;
      if (seen > nodes || (inner.length > 0 && depthNow >= depth)) return false;
      level = inner.flatMap((one): unknown[] => Object.values(one));
    }
    return Buffer.byteLength(JSON.stringify(value)) <= bytes;
  };
}

export function sayLimits({ bytes, nodes, depth }: JsonLimits): string {
  return `must be at most ${bytes / 1024} KiB, ${nodes} mappings and lists, and ${depth} levels deep`;
}
