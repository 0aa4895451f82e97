/** Everything that decides about a request, compiled from one configuration and swapped as a whole at a reload. */
import type { Config } from '../config/schema.ts';
import type { AssertionSigner } from '../token/assertion.ts';
import type { CookieConfig } from '../token/session-cookie.ts';
import type { SessionTokenVerifier } from '../token/session-token.ts';
import {
  compileProjection,
  configurableHeaders,
  headerNames,
  type HeaderNames,
  type Projection,
} from './projection.ts';
import type { RateLimits } from './rate-limits.ts';
import type { RouteTable } from './routes.ts';

export interface Policy {
  readonly routes: RouteTable;
  readonly tokens: SessionTokenVerifier;
  readonly assertions: AssertionSigner;
  /** Differs between any two policies of one process. */
  readonly generation: number;
  readonly contextExtensions: Config['contextExtensions'];
  /** The cookie that holds a browser's session token. */
  readonly cookieName: string;
  /** How that cookie and the CSRF cookie are written. */
  readonly cookies: CookieConfig;
  /** The request header that holds the CSRF token, in lower case. */
  readonly csrfHeader: string;
  readonly rateLimits: RateLimits;
  readonly idleTimeoutMs: number;
  readonly headers: HeaderNames;
  /** Every session header that this configuration can set. */
  readonly configurableHeaders: readonly string[];
  readonly configurableHeaderSet: ReadonlySet<string>;
  readonly apps: ReadonlyMap<string, Projection>;
  /** What the app of a route is given; a route without an app, or with an unknown one, is given no scope or attribute. */
  projection(app: string | undefined): Projection;
}

let generations = 0;

export function compilePolicy(
  config: Config,
  parts: Pick<Policy, 'routes' | 'tokens' | 'assertions'>,
): Policy {
  const headers = headerNames(config.headers.prefix);
  const apps = new Map(
    Object.entries(config.apps).map(([name, app]) => [name, compileProjection(name, app, headers)]),
  );
  const noApp = compileProjection(undefined, undefined, headers);
  const removable = configurableHeaders(headers, config.apps);
  return {
    ...parts,
    generation: (generations += 1),
    contextExtensions: config.contextExtensions,
    cookieName: config.token.cookie.name,
    cookies: config,
    csrfHeader: config.csrf.header,
    rateLimits: config.rateLimits,
    idleTimeoutMs: config.session.idleTimeout,
    headers,
    configurableHeaders: removable,
    configurableHeaderSet: new Set(removable),
    apps,
    projection: (app) => (app === undefined ? noApp : (apps.get(app) ?? noApp)),
  };
}
