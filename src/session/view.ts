/** The part of a session that an app is given, and no other (C1). One rule for headers, assertions and the Session API. */
import type { SessionDocument } from './document.ts';

/** What an app may see, as its configuration names it. */
export interface AppReads {
  /** Exact, or everything under `PREFIX:*`. */
  readonly scopes: readonly string[];
  readonly attributes: readonly string[];
  readonly slices: readonly string[];
}

/** The parts of a session that one app may see. */
export interface SessionView {
  /** What is no scope token (RFC 6749 section 3.3) is left out: in a list with spaces it would read as several. */
  readonly scopes: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  readonly slices: Readonly<Record<string, unknown>>;
}

/** Compiled once for each app. */
export type ViewOf = (document: SessionDocument) => SessionView;

export function compileView({ scopes: patterns, attributes, slices }: AppReads): ViewOf {
  return (document) => ({
    scopes: visibleScopes(document.scopes, patterns),
    attributes: pick(document.attributes, attributes),
    slices: pick(document.slices, slices),
  });
}

/** RFC 6749 section 3.3 `scope-token`. */
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

export function isScopeToken(text: string): boolean {
  return SCOPE_TOKEN.test(text);
}

/** Exact, or `granted` is `PREFIX:*` and `required` begins with `PREFIX:`. A bare `*` is a scope like any other. */
export function covers(granted: string, required: string): boolean {
  if (granted === required) return true;
  return (
    granted.endsWith(':*') && required.length >= granted.length && required.startsWith(granted.slice(0, -1))
  );
}

/** The scopes that one of the patterns covers. */
export function visibleScopes(scopes: readonly string[], patterns: readonly string[]): readonly string[] {
  return scopes.filter((scope) => patterns.some((pattern) => covers(pattern, scope)) && isScopeToken(scope));
}

/** A part by its name, however the name is spelled: what objects inherit is no part. */
export function ownPart<T>(from: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(from, name) ? from[name] : undefined;
}

function pick<T>(from: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  const picked: Record<string, T> = {};
  for (const name of names) {
    const value = ownPart(from, name);
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}
