/** What one configuration compiles to: everything that a reload swaps, built as a whole or not at all. */
import { compilePolicy, type Policy } from '../authz/policy.ts';
import { compileRoutes } from '../authz/routes.ts';
import type { Config } from '../config/schema.ts';
import { IdentityConfigError } from '../identity/identity-config-error.ts';
import type { OperatorAuthenticator } from '../identity/identity.ts';
import type { IssuerKeysOptions } from '../identity/issuer-keys.ts';
import { createOperatorAuthenticator } from '../identity/operator.ts';
import { createIdentityProvider, type ConfiguredIdentityProvider } from '../identity/provider.ts';
import { createAssertionSigner } from '../token/assertion.ts';
import { createSessionTokenMinter, type SessionTokenMinter } from '../token/mint.ts';
import { loadKeyRing, type KeyRing } from '../token/signing-keys.ts';
import { createSessionTokenVerifier } from '../token/verify.ts';

export interface Runtime {
  readonly config: Config;
  readonly policy: Policy;
  readonly keyRing: KeyRing;
  readonly minter: SessionTokenMinter;
  readonly identityProviders: ReadonlyMap<string, ConfiguredIdentityProvider>;
  readonly operators: OperatorAuthenticator;
}

export type BuiltRuntime =
  | { readonly ok: true; readonly runtime: Runtime; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** How long an identity provider may take for discovery and keys together; a call of the Session API may wait for it twice. */
const FETCH_TIMEOUT_MS = 4_000;

export interface RuntimeOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** An identity provider could not be asked: for the log. */
  readonly onFetchFailure: (problem: string, cause: unknown) => void;
}

/** Reads the files that the configuration names. Asks no network: identity providers are asked when they are needed. */
export async function buildRuntime(
  config: Config,
  { now, onFetchFailure }: RuntimeOptions,
): Promise<BuiltRuntime> {
  const identity = { nowMs: now, fetchTimeoutMs: FETCH_TIMEOUT_MS, onFetchFailure };
  const routes = compileRoutes(config.routes);
  const keys = await loadKeyRing(config.token.keysDir, now());
  const operators = await createOperatorAuthenticator(config.operators, identity).catch(identityProblems);
  const providers = createProviders(config, identity);
  if (!routes.ok || !keys.ok || isProblems(operators) || isProblems(providers)) {
    return {
      ok: false,
      problems: [
        ...(routes.ok ? [] : routes.problems.map(({ index, message }) => `routes[${index}]: ${message}`)),
        ...(keys.ok ? [] : keys.problems),
        ...(isProblems(operators) ? operators : []),
        ...(isProblems(providers) ? providers : []),
      ],
    };
  }
  const keyRing = () => keys.ring;
  const { issuer, audience = issuer, cacheSize } = config.token;
  const policy = compilePolicy(config, {
    routes: routes.table,
    tokens: createSessionTokenVerifier({ keyRing, issuer, audience, cacheSize }),
    assertions: createAssertionSigner({ keyRing, issuer, ttlMs: config.assertion.ttl }),
  });
  const minter = createSessionTokenMinter({ keyRing, issuer, audience });
  const runtime = { config, policy, keyRing: keys.ring, minter, identityProviders: providers, operators };
  return { ok: true, runtime, warnings: keys.warnings };
}

function createProviders(config: Config, options: IssuerKeysOptions) {
  try {
    return new Map(
      config.identityProviders.map((provider) => [provider.name, createIdentityProvider(provider, options)]),
    );
  } catch (error) {
    return identityProblems(error);
  }
}

type Problems = readonly string[];

function isProblems(outcome: object): outcome is Problems {
  return Array.isArray(outcome);
}

function identityProblems(error: unknown): Problems {
  if (error instanceof IdentityConfigError) return error.problems;
  throw error;
}
