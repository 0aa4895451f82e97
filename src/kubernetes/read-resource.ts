/** Reads the `spec` of a resource, whatever the API server let through. Remembers what it read of each object. */
import type { z } from 'zod';
import { deepFreeze } from '../config/freeze.ts';
import { formatPath } from '../config/problem.ts';
import { sayIssue, schemaFindings } from '../config/schema-findings.ts';

export type Reading<T> =
  | { readonly ok: true; readonly spec: T }
  /** Each as `spec.routes[0].match.path: what would be right`. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Objects of the API server are never changed, only replaced: one that was read once need not be read again. */
export function createReader<T>(schema: z.ZodType<T>): (resource: { readonly spec?: unknown }) => Reading<T> {
  const known = new WeakMap<object, Reading<T>>();
  return (resource) => {
    const before = known.get(resource);
    if (before !== undefined) return before;
    const reading = readSpec(schema, resource.spec);
    known.set(resource, reading);
    return reading;
  };
}

function readSpec<T>(schema: z.ZodType<T>, spec: unknown): Reading<T> {
  const parsed = schema.safeParse(spec, { error: sayIssue });
  if (parsed.success) return { ok: true, spec: deepFreeze(parsed.data) };
  const findings = schemaFindings(schema, spec, parsed.error.issues);
  return {
    ok: false,
    problems: findings.map(({ path, message }) => `${formatPath(['spec', ...path])}: ${message}`),
  };
}
