/** What a runtime is built from: each part is there as a whole, or all that is wrong with it is told. */
import type { Finding } from '../config/problem.ts';

/** One part of a runtime, or all that is wrong with what it is made of. */
export type Part<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly findings: readonly Finding[] };
