/** The JSON Schemas of app teams, compiled once for as long as some SessionRoute has them. */
import { createBoundedCheck, type BoundedCheck } from '../api/bounded-check.ts';
import { compileSchema, SCHEMA_BOUNDS, type CompiledSchema } from '../api/write-rules.ts';

export interface ResourceSchemas {
  /** Takes some milliseconds where it was not compiled before. Frozen or not, it is known by its text. */
  compile(namespace: string, schema: object): CompiledSchema;
  /** Forgets what was not compiled since the last call. */
  turnOver(): void;
}

interface Own {
  /** One for all schemas of a namespace: those that take long take it from each other, and not from other teams. */
  readonly bounded: BoundedCheck;
  readonly before: ReadonlyMap<string, CompiledSchema>;
  readonly now: Map<string, CompiledSchema>;
}

export function createResourceSchemas(): ResourceSchemas {
  let byNamespace = new Map<string, Own>();
  return {
    compile(namespace, schema) {
      const own = byNamespace.get(namespace) ?? {
        bounded: createBoundedCheck(SCHEMA_BOUNDS),
        before: new Map<string, CompiledSchema>(),
        now: new Map<string, CompiledSchema>(),
      };
      byNamespace.set(namespace, own);
      const text = JSON.stringify(schema);
      const compiled =
        own.now.get(text) ?? own.before.get(text) ?? compileSchema(schema, SCHEMA_BOUNDS, own.bounded);
      own.now.set(text, compiled);
      return compiled;
    },
    turnOver() {
      const inUse = [...byNamespace].filter(([, { now }]) => now.size > 0);
      byNamespace = new Map(
        inUse.map(([name, { bounded, now }]) => [name, { bounded, before: now, now: new Map() }]),
      );
    },
  };
}
