/** Scopes: what a session was granted, what a route requires, and when the one covers the other. */
import { covers, isScopeToken } from '../session/view.ts';

export { covers, isScopeToken };

/** A path parameter's value may not bring its own `:` or `*` into a scope: that would reach into another's. */
const PARAMETER_VALUE = /^[A-Za-z0-9._~@-]+$/;

const PARAMETER = /\{([a-z_][a-zA-Z0-9_]*)\}/g;

/** As one header or claim holds them (RFC 6749 section 3.3). What is no scope token is left out: it could read as several. */
export function scopeList(scopes: readonly string[]): string {
  return scopes.filter(isScopeToken).join(' ');
}

export function anyCovers(granted: readonly string[], required: string): boolean {
  return granted.some((scope) => covers(scope, required));
}

/** A required scope, which may hold path parameters: `tenant:{tenant}:read`. */
export interface ScopeTemplate {
  readonly text: string;
  readonly parameters: readonly string[];
}

export function scopeTemplate(text: string): ScopeTemplate {
  return { text, parameters: Array.from(text.matchAll(PARAMETER), ([, name = '']) => name) };
}

/** The scope for one request's parameters; undefined when a value can't be part of a scope, which nothing covers. */
export function fillScope(
  template: ScopeTemplate,
  parameters: Readonly<Record<string, string>>,
): string | undefined {
  if (template.parameters.length === 0) return template.text;
  const values = template.parameters.map((name) => parameters[name] ?? '');
  if (!values.every((value) => PARAMETER_VALUE.test(value))) return undefined;
  return template.text.replace(PARAMETER, (_, name: string) => parameters[name] ?? '');
}

/** What a route asks of a session beyond being valid. Both lists empty: any valid session will do. */
export interface ScopeRequirement {
  /** Every one of these. */
  readonly all: readonly ScopeTemplate[];
  /** At least one of these, unless empty. */
  readonly any: readonly ScopeTemplate[];
}

/** The scopes that `granted` lacks, as the requirement writes them; empty when it is met. */
export function missingScopes(
  granted: readonly string[],
  requirement: ScopeRequirement,
  parameters: Readonly<Record<string, string>>,
): readonly string[] {
  const lacks = (template: ScopeTemplate) => {
    const required = fillScope(template, parameters);
    return required === undefined || !anyCovers(granted, required);
  };
  const missing = requirement.all.filter(lacks);
  if (requirement.any.length > 0 && requirement.any.every(lacks)) missing.push(...requirement.any);
  return missing.map((template) => template.text);
}
