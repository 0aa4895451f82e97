/** What Envoy's per-route `context_extensions` may change about a route (H2): by default only to tighten it. */
import type { Config } from '../config/schema.ts';
import type { Route, RouteMatch } from './routes.ts';
import { isScopeToken, scopeTemplate } from './scopes.ts';

export const APP_EXTENSION = 'singlestate.app';
export const REQUIRE_EXTENSION = 'singlestate.require';

export type Ruling =
  { readonly ok: true; readonly match: RouteMatch } | { readonly ok: false; readonly detail: string };

const refused = (detail: string): Ruling => ({ ok: false, detail });

/** The route that decides about one request: the matched one and the extensions together, or why there is none. */
export function ruleFor(
  match: RouteMatch | undefined,
  extensions: ReadonlyMap<string, string>,
  policy: {
    readonly contextExtensions: Config['contextExtensions'];
    readonly apps: ReadonlyMap<string, unknown>;
  },
): Ruling {
  const heeded = policy.contextExtensions === 'ignore' ? NO_EXTENSIONS : readExtensions(extensions);
  if (!heeded.ok) return heeded;
  if (match !== undefined) return narrowed(match, heeded);
  if (policy.contextExtensions !== 'trust') return refused('no route matches');
  return trusted(heeded, policy.apps);
}

interface Extensions {
  readonly ok: true;
  readonly app: string | undefined;
  readonly scopes: readonly string[];
}

const OURS = /^\W*singlestate\b/i;

const NO_EXTENSIONS: Extensions = { ok: true, app: undefined, scopes: [] };

/** A key that begins like ours and is not known is a mistyped restriction, so it denies, and so does an empty one. */
function readExtensions(
  extensions: ReadonlyMap<string, string>,
): Extensions | Extract<Ruling, { ok: false }> {
  if (extensions.size === 0) return NO_EXTENSIONS;
  for (const key of extensions.keys()) {
    if (OURS.test(key) && key !== APP_EXTENSION && key !== REQUIRE_EXTENSION) {
      return { ok: false, detail: `context_extensions has the unknown key ${key}` };
    }
  }
  const app = extensions.get(APP_EXTENSION);
  const required = extensions.get(REQUIRE_EXTENSION);
  if (required === undefined) return { ok: true, app, scopes: [] };
  const scopes = required.split(' ').filter((scope) => scope !== '');
  if (scopes.length === 0 || !scopes.every(isScopeToken)) {
    return { ok: false, detail: `${REQUIRE_EXTENSION} is no list of scopes` };
  }
  return { ok: true, app, scopes };
}

/** The route as it is, with more scopes required; a public or optional one then needs a session. */
function narrowed(match: RouteMatch, { app, scopes }: Extensions): Ruling {
  const { route } = match;
  if (app !== undefined && app !== route.app) {
    return refused(`${APP_EXTENSION} is ${app}, the route's app is ${route.app ?? 'none'}`);
  }
  if (scopes.length === 0) return { ok: true, match };
  const all = [...route.all, ...scopes.map(scopeTemplate)];
  return { ok: true, match: { ...match, route: { ...route, access: 'scopes', all } } };
}

function trusted({ app, scopes }: Extensions, apps: ReadonlyMap<string, unknown>): Ruling {
  if (app === undefined && scopes.length === 0)
    return refused('no route matches, and context_extensions name none');
  if (app !== undefined && !apps.has(app))
    return refused(`${APP_EXTENSION} is ${app}, which is no configured app`);
  const route: Route = {
    name: 'context_extensions',
    app,
    access: scopes.length > 0 ? 'scopes' : 'session',
    authentication: undefined,
    onUnauthenticated: '401',
    csrf: true,
    mode: 'enforce',
    all: scopes.map(scopeTemplate),
    any: [],
  };
  return { ok: true, match: { route, parameters: {} } };
}
