/** The path template of a route, `/a/{id}/{rest*}`: its syntax, and how the router is told of it. */
import { encodeSegment } from './path.ts';

export interface PathTemplate {
  /** In find-my-way's syntax. */
  readonly pattern: string;
  /** The pattern with every parameter alike: two templates with one shape match the same paths. */
  readonly shape: string;
  readonly parameters: readonly string[];
  /** For a template that ends in `{rest*}`: pattern and shape of what is before it, which it matches too. */
  readonly stem: { readonly pattern: string; readonly shape: string } | undefined;
}

export type ParsedTemplate =
  ({ readonly ok: true } & PathTemplate) | { readonly ok: false; readonly problem: string };

const PARAMETER_SEGMENT = /^\{([a-z_][a-zA-Z0-9_]*)(\*?)\}$/;
const BAD_LITERAL = /[\x00-\x20\x7f?#%*;\\{}]/;

/** Never throws: what is wrong with a template is told in a sentence that goes on from its name. */
export function parseTemplate(path: string): ParsedTemplate {
  const segments = path.slice(1).split('/');
  if (segments.at(-1) === '') segments.pop();
  const parameters: string[] = [];
  const [patterns, shapes]: [string[], string[]] = [[], []];
  for (const [at, segment] of segments.entries()) {
    const [, name, rest] = PARAMETER_SEGMENT.exec(segment) ?? [];
    if (name === undefined) {
      const problem = literalProblem(segment);
      if (problem !== undefined) return { ok: false, problem };
      patterns.push(encodeSegment(segment).replaceAll(':', '::'));
      shapes.push(segment);
      continue;
    }
    if (rest === '*' && at !== segments.length - 1)
      return { ok: false, problem: `{${name}*} must be the last segment` };
    if (parameters.includes(name)) return { ok: false, problem: `{${name}} is there twice` };
    if (rest === '') parameters.push(name);
    patterns.push(rest === '*' ? '*' : `:${name}`);
    shapes.push(rest === '*' ? '{*}' : '{}');
  }
  const join = (parts: readonly string[]) => `/${parts.join('/')}`;
  const isRest = shapes.at(-1) === '{*}';
  const stem = isRest
    ? { pattern: join(patterns.slice(0, -1)), shape: join(shapes.slice(0, -1)) }
    : undefined;
  return { ok: true, pattern: join(patterns), shape: join(shapes), parameters, stem };
}

function literalProblem(segment: string): string | undefined {
  if (segment === '') return 'has an empty segment ("//"); paths are matched with single slashes';
  if (segment === '.' || segment === '..') return `has a "${segment}" segment, which never matches`;
  if (BAD_LITERAL.test(segment)) {
    return (
      `segment "${segment}" must be plain text, written decoded (no % ? # * ; \\ or spaces), ` +
      'or one whole "{name}", or at the end "{name*}"'
    );
  }
  return undefined;
}
