/**
 * The compiled route table. Hides how the most specific rule is found: a radix tree (find-my-way) for each host
 * pattern and method, so that a lookup costs the same for ten routes and for ten thousand; and how a path is noticed
 * that an app could take for one of another rule.
 */
import findMyWay from 'find-my-way';
import type { HTTPVersion, Instance } from 'find-my-way';
import type { RouteConfig } from '../config/schema.ts';
import { atOnce, type Steps } from '../steps/steps.ts';
import { authenticationRequirement, type AuthenticationRequirement } from './authentication.ts';
import type { RequestPath } from './path.ts';
import { createRuleBook, type RouteProblem, type Rule } from './route-rules.ts';
import { scopeTemplate, type ScopeRequirement } from './scopes.ts';

/** `scopes` and `session` need a valid session, `optional` uses one if it is there, `public` never looks. */
export type Access = 'scopes' | 'session' | 'optional' | 'public';

export interface Route extends ScopeRequirement {
  /** `[METHODS ]HOST/PATH` as configured: the route's name in logs, metadata and `explain`. */
  readonly name: string;
  readonly app: string | undefined;
  readonly access: Access;
  /** What the login of the session must have been, beyond its scopes; undefined where any will do. */
  readonly authentication: AuthenticationRequirement | undefined;
  /** `login`: the page loads of browsers that a login would help are sent there. */
  readonly onUnauthenticated: 'login' | '401';
  /** Whether a request that changes something, with its session in a cookie, needs the session's CSRF token. */
  readonly csrf: boolean;
  /** A `shadow` route reports what it would deny, and lets it pass without a session. */
  readonly mode: 'enforce' | 'shadow';
}

export interface RouteMatch {
  readonly route: Route;
  /** Path parameters by name, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface RouteTable {
  /**
   * The most specific rule; `ambiguous` where another one applies in another reading of the path, or once case is
   * ignored: which of them the app means can't be known. A trailing slash is ignored, but for one thing: where `/a` may
   * be open and the rule for `/a/{rest*}` may not, the latter has `/a/`. `host` is from `canonicalHost`.
   */
  match(host: string, method: string, path: RequestPath): RouteMatch | 'ambiguous' | undefined;
  readonly size: number;
}

/** Whether a request may pass that has no session. */
export function mayBeOpen({ access, mode }: Route): boolean {
  return access === 'public' || access === 'optional' || mode === 'shadow';
}

export type CompiledRoutes =
  | { readonly ok: true; readonly table: RouteTable }
  | { readonly ok: false; readonly problems: readonly RouteProblem[] };

/** All problems at once: templates that can't be, unknown parameters in scopes, and rules that tie. */
export function compileRoutes(routes: readonly RouteConfig[]): CompiledRoutes {
  return atOnce(compileRoutesInSteps(routes));
}

/** The same, for whoever answers requests meanwhile. */
export function* compileRoutesInSteps(routes: readonly RouteConfig[]): Steps<CompiledRoutes> {
  const read = createRuleBook().add(routes);
  if (!read.ok) return read;
  yield;
  const table = yield* buildTable(read.rules.map((rule) => ({ ...rule, route: toRoute(rule.config) })));
  return { ok: true, table };
}

interface CompiledRule extends Rule {
  readonly route: Route;
}

function toRoute(config: RouteConfig): Route {
  const { match, require, app, authentication, onUnauthenticated, csrf, mode } = config;
  const methods = match.methods === undefined ? '' : `${match.methods.join(',')} `;
  return {
    name: `${methods}${match.host}${match.path}`,
    app,
    authentication: authentication && authenticationRequirement(authentication),
    onUnauthenticated,
    csrf,
    mode,
    access: require.public
      ? 'public'
      : require.optional
        ? 'optional'
        : require.session
          ? 'session'
          : 'scopes',
    all: (require.all ?? []).map(scopeTemplate),
    any: (require.any ?? []).map(scopeTemplate),
  };
}

/** A rule's route, filed under a pattern. */
interface Entry {
  readonly config: RouteConfig;
  readonly route: Route;
  readonly pattern: string;
  readonly shape: string;
  /** The pattern is what comes before a `{rest*}`, which matches it too, less specifically than a rule of that shape. */
  readonly isStem: boolean;
}

type HostRouters = ReadonlyMap<string, MethodRouters>;
/** The routers of one host pattern, by method; `*` holds the rules for all methods that no rule names. */
type MethodRouters = ReadonlyMap<string, Instance<HTTPVersion.V1>>;

function* buildTable(rules: readonly CompiledRule[]): Steps<RouteTable> {
  const entries = rules.flatMap(entriesOf);
  const exact = yield* buildHosts(entries);
  const inLowerCase = entries.every(({ shape }) => shape === shape.toLowerCase());
  const anyCase = inLowerCase ? exact : yield* buildHosts(entries.map(lowerCase));
  const closedBelow = yield* buildHosts(entries.filter(({ isStem, route }) => isStem && !mayBeOpen(route)));
  return {
    size: rules.length,
    match(host, method, { path, otherReadings, trailingSlash }) {
      const found = find(exact, host, method, path);
      const isSame = (hosts: HostRouters, reading: string) =>
        (hosts === exact && reading === path) || find(hosts, host, method, reading)?.route === found?.route;
      const sure = [path, ...otherReadings].every(
        (reading) => isSame(exact, reading) && isSame(anyCase, reading.toLowerCase()),
      );
      if (!sure) return 'ambiguous';
      if (!trailingSlash || found === undefined || !mayBeOpen(found.route)) return found;
      return find(closedBelow, host, method, path) ?? found;
    },
  };
}

function entriesOf({ config, route, template }: CompiledRule): Entry[] {
  const { pattern, shape, stem } = template;
  const whole = { config, route, pattern, shape, isStem: false };
  return stem === undefined ? [whole] : [whole, { config, route, ...stem, isStem: true }];
}

function lowerCase(entry: Entry): Entry {
  return { ...entry, pattern: entry.pattern.toLowerCase(), shape: entry.shape.toLowerCase() };
}

function find(hosts: HostRouters, host: string, method: string, path: string): RouteMatch | undefined {
  for (const pattern of hostPatterns(host)) {
    const routers = hosts.get(pattern);
    const found = (routers?.get(method) ?? routers?.get('*'))?.find('GET', path);
    if (found === null || found === undefined) continue;
    const parameters = found.params as Record<string, string>;
    // The router lets `/{id}` match `/`, with nothing as the id.
    if (path !== '/' || Object.keys(parameters).length === 0)
      return { route: found.store as Route, parameters };
  }
  return undefined;
}

/** The host patterns that cover a host, the most specific first: itself, `*.SUFFIX` from long to short, `*`. */
function* hostPatterns(host: string): Generator<string> {
  yield host;
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) yield `*${host.slice(dot)}`;
  yield '*';
}

function* buildHosts(entries: readonly Entry[]): Steps<HostRouters> {
  const hosts = new Map<string, MethodRouters>();
  for (const [host, own] of Map.groupBy(entries, (entry) => entry.config.match.host)) {
    hosts.set(host, yield* buildMethods(own));
  }
  return hosts;
}

function* buildMethods(entries: readonly Entry[]): Steps<MethodRouters> {
  const routers = new Map<string, Instance<HTTPVersion.V1>>();
  for (const method of new Set(['*', ...entries.flatMap((entry) => entry.config.match.methods ?? [])])) {
    routers.set(method, yield* buildRouter(entries, method));
  }
  const get = routers.get('GET');
  // Apps answer HEAD by what they have for GET (RFC 9110 section 9.3.2).
  if (get !== undefined && !routers.has('HEAD')) routers.set('HEAD', get);
  return routers;
}

/** Routes that are put into a tree in one step. */
const ROUTES_A_STEP = 32;

/**
 * One method's tree: for each shape the rule that names the method, else (for HEAD) the one that names GET, else the one
 * for every method. All are filed under GET: the tree is the method's.
 */
function* buildRouter(entries: readonly Entry[], method: string): Steps<Instance<HTTPVersion.V1>> {
  const router = findMyWay({ caseSensitive: true, maxParamLength: Number.MAX_SAFE_INTEGER });
  const naming = (name: string) => entries.filter((entry) => entry.config.match.methods?.includes(name));
  const ranked = [
    ...naming(method),
    ...(method === 'HEAD' ? naming('GET') : []),
    ...entries.filter((entry) => entry.config.match.methods === undefined),
  ].sort((a, b) => Number(a.isStem) - Number(b.isStem));
  const taken = new Set<string>();
  for (const { shape, pattern, route } of ranked) {
    if (taken.has(shape)) continue;
    taken.add(shape);
    router.on('GET', pattern, () => undefined, route);
    if (taken.size % ROUTES_A_STEP === 0) yield;
  }
  yield;
  return router;
}
