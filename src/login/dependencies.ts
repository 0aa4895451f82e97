/** What the browser's routes are given to work with; nothing in src/login looks for it elsewhere. */
import type { Config } from '../config/schema.ts';
import type { LoginProvider, LogoutTokenVerifier } from '../identity/login.ts';
import type { LifecycleDependencies } from '../lifecycle/dependencies.ts';
import type { Log } from '../ops/log.ts';
import type { Sealer } from '../sealing/sealer.ts';
import type { SessionTokenVerifier } from '../token/session-token.ts';

/** Every member is read anew in each request, so that a getter lets a reload swap it. */
export interface LoginDependencies extends LifecycleDependencies {
  /** Without `login` there are no routes but that for back-channel logout. */
  readonly config: Pick<Config, 'login' | 'csrf'> & { readonly token: Pick<Config['token'], 'cookie'> };
  readonly tokens: SessionTokenVerifier;
  /** In the order in which a page offers them. */
  readonly loginProviders: readonly LoginProvider[];
  readonly logoutTokens: LogoutTokenVerifier;
  /** Seals the state of a login in the browser's hands. What is not sealed is not accepted, whatever the sealer says. */
  readonly sealer: Sealer;
  readonly log: Pick<Log, 'info' | 'error'>;
}

export type LoginConfig = NonNullable<Config['login']>;

/** A request to one of the configured origins. */
export interface BrowserRequest {
  readonly request: Request;
  readonly url: URL;
  /** Where the browser is, as `login.origins` has it. */
  readonly origin: string;
  readonly login: LoginConfig;
}
