/** Reads the rules of routes, one group after another, and says what is wrong with them: what can't be, and what ties. */
import type { RouteConfig } from '../config/schema.ts';
import { parseTemplate, type PathTemplate } from './path-template.ts';
import { scopeTemplate } from './scopes.ts';

export interface RouteProblem {
  /** Which of the routes. */
  readonly index: number;
  readonly field: 'match' | 'require' | 'app';
  readonly message: string;
  /** Whether the route is right by itself, and another one has what it asks for. */
  readonly isTie: boolean;
}

/** A route whose path was read. */
export interface Rule {
  readonly index: number;
  readonly config: RouteConfig;
  readonly template: PathTemplate;
}

export type ReadRules =
  | { readonly ok: true; readonly rules: readonly Rule[] }
  | { readonly ok: false; readonly problems: readonly RouteProblem[] };

export interface RuleBook {
  /**
   * All problems of a group at once, also with the groups before it; where there is one, nothing of it is taken. `owner`
   * says in problems of later groups whose routes these are: ` of the configuration`.
   */
  add(routes: readonly RouteConfig[], owner?: string): ReadRules;
}

interface OwnedRule extends Rule {
  readonly owner: string;
}

export function createRuleBook(): RuleBook {
  const taken = new Map<string, OwnedRule>();
  return {
    add(routes, owner = '') {
      const problems: RouteProblem[] = [];
      const rules = routes.flatMap((config, index) => {
        const template = parseTemplate(config.match.path);
        if (!template.ok) {
          problems.push({ index, field: 'match', message: template.problem, isTie: false });
          return [];
        }
        problems.push(...parameterProblems(config, index, template.parameters));
        return [{ index, config, template }];
      });
      const own = new Map<string, OwnedRule>();
      for (const rule of rules) problems.push(...takePlaces({ ...rule, owner }, own, taken));
      if (problems.length > 0) return { ok: false, problems: problems.sort((a, b) => a.index - b.index) };
      for (const [place, rule] of own) taken.set(place, rule);
      return { ok: true, rules };
    },
  };
}

function parameterProblems(config: RouteConfig, index: number, known: readonly string[]): RouteProblem[] {
  const scopes = [...(config.require.all ?? []), ...(config.require.any ?? [])];
  return scopes.flatMap((scope) =>
    scopeTemplate(scope)
      .parameters.filter((name) => !known.includes(name))
      .map((name) => ({
        index,
        field: 'require' as const,
        message: `scope "${scope}" uses {${name}}, which is no one-segment parameter of the path ${config.match.path}`,
        isTie: false,
      })),
  );
}

/** Two rules tie when a request exists for which neither is more specific; many apps ignore case, so it is ignored here. */
function takePlaces(
  rule: OwnedRule,
  own: Map<string, OwnedRule>,
  others: ReadonlyMap<string, OwnedRule>,
): RouteProblem[] {
  const { methods = ['*'], host, path } = rule.config.match;
  const placeOf = (method: string) => `${method} ${host}${rule.template.shape.toLowerCase()}`;
  const holder = (method: string) => own.get(placeOf(method)) ?? others.get(placeOf(method));
  const all = [...new Set(methods)];
  const clash = all.filter((method) => holder(method) !== undefined);
  const other = clash[0] === undefined ? undefined : holder(clash[0]);
  for (const method of all) if (!clash.includes(method)) own.set(placeOf(method), rule);
  if (other === undefined) return [];
  const overlap = clash[0] === '*' ? 'every method' : clash.join(', ');
  const inCase = other.template.shape === rule.template.shape ? '' : ', if case is ignored';
  const message = `ties with routes[${other.index}]${other.owner} (${other.config.match.path}) for ${overlap}: both match ${host}${path}${inCase}`;
  return [{ index: rule.index, field: 'match', message, isTie: true }];
}
