/** All identity providers of a configuration, each for all that it is there for: ID tokens, browser logins, logouts. */
import { readFile } from 'node:fs/promises';
import type { BreakerChange, CircuitBreaker } from '../breaker/circuit-breaker.ts';
import type { IdentityProviderConfig } from '../config/schema.ts';
import { IdentityConfigError } from './identity-config-error.ts';
import { createFetchBreaker, createTokenEndpointBreaker } from './issuer-breakers.ts';
import { createDiscoveredIssuer, type IssuerKeysOptions } from './issuer-keys.ts';
import { createLoginProvider } from './login-provider.ts';
import type { LoginProvider, LogoutTokenVerifier } from './login.ts';
import { createLogoutTokenVerifier, type LogoutIssuer } from './logout-token.ts';
import { createIdentityProvider, type ConfiguredIdentityProvider } from './provider.ts';
import { rootMessage } from './root-message.ts';

export interface IdentityProviders {
  /** By configured name. */
  readonly byName: ReadonlyMap<string, ConfiguredIdentityProvider>;
  /** Those with a client secret, in the order of the configuration. */
  readonly login: readonly LoginProvider[];
  readonly logoutTokens: LogoutTokenVerifier;
  readonly breakers: readonly ProviderBreaker[];
}

export interface ProviderBreaker {
  /** `identity_provider/NAME` for discovery and keys, `identity_provider/NAME/token_endpoint` for browser logins. */
  readonly dependency: string;
  readonly breaker: CircuitBreaker;
}

export interface ProvidersOptions extends IssuerKeysOptions {
  /** A breaker opened or closed: for the log. `reason`: of what it opened. */
  readonly onBreaker?:
    ((dependency: string, state: BreakerChange['state'], reason?: string) => void) | undefined;
}

/**
 * Reads the client secrets, and no more of the outside. Discovery and keys of a provider are fetched when they are first
 * needed, once for all that it is there for. Rejects with `IdentityConfigError`, all problems in one.
 */
export async function createIdentityProviders(
  configs: readonly IdentityProviderConfig[],
  options: ProvidersOptions,
): Promise<IdentityProviders> {
  const made = await Promise.all(configs.map((config) => createOne(config, options)));
  const problems = made.filter((one) => typeof one === 'string');
  if (problems.length > 0) throw new IdentityConfigError(problems);
  const parts = made.filter((one) => typeof one !== 'string');
  return {
    byName: new Map(parts.map(({ provider }) => [provider.name, provider])),
    login: parts.flatMap(({ login }) => login ?? []),
    logoutTokens: createLogoutTokenVerifier(
      parts.map(({ logout }) => logout),
      options.nowMs,
    ),
    breakers: parts.flatMap(({ breakers }) => breakers),
  };
}

interface ProviderParts {
  readonly provider: ConfiguredIdentityProvider;
  readonly login: LoginProvider | undefined;
  readonly logout: LogoutIssuer;
  readonly breakers: readonly ProviderBreaker[];
}

/** A problem, as text, where there is one. */
async function createOne(
  config: IdentityProviderConfig,
  options: ProvidersOptions,
): Promise<ProviderParts | string> {
  const dependency = `identity_provider/${config.name}`;
  const fetching = breakerOf(dependency, createFetchBreaker, options);
  const redeeming = breakerOf(`${dependency}/token_endpoint`, createTokenEndpointBreaker, options);
  const issuer = createDiscoveredIssuer(config.issuer, options, fetching.breaker);
  const { clientSecretFile } = config;
  try {
    const provider = createIdentityProvider(config, options, issuer);
    const clientSecret =
      clientSecretFile === undefined ? undefined : await readSecret(config.name, clientSecretFile);
    const verifyIdToken = provider.verifyIdToken.bind(provider);
    const login =
      clientSecret === undefined
        ? undefined
        : createLoginProvider({
            config,
            clientSecret,
            issuer,
            tokenEndpoint: redeeming.breaker,
            verifyIdToken,
            options,
          });
    const breakers = login === undefined ? [fetching] : [fetching, redeeming];
    return { provider, login, logout: { config, keys: issuer }, breakers };
  } catch (error) {
    if (error instanceof IdentityConfigError) return error.message;
    throw error;
  }
}

function breakerOf(
  dependency: string,
  create: typeof createFetchBreaker,
  { nowMs, onBreaker }: ProvidersOptions,
): ProviderBreaker {
  const onChange = (change: BreakerChange) =>
    onBreaker?.(dependency, change.state, change.state === 'open' ? rootMessage(change.cause) : undefined);
  return { dependency, breaker: create({ nowMs, onChange }) };
}

/** The file system's own messages are left out; the line end that editors add is no part of a secret. */
async function readSecret(name: string, path: string): Promise<string> {
  const secret = await readFile(path, 'utf8').catch(() => undefined);
  const ended = secret?.replace(/\r?\n$/, '');
  if (ended !== undefined && ended !== '') return ended;
  const what = ended === undefined ? "can't be read" : 'is empty';
  throw new IdentityConfigError([
    `The identity provider "${name}": clientSecretFile ${path} ${what}; it must hold the client secret`,
  ]);
}
