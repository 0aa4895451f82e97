/** What one configuration compiles to: everything that a reload swaps, built as a whole or not at all. */
import { compilePolicy, type Policy } from '../authz/policy.ts';
import type { RouteTable } from '../authz/routes.ts';
import type { ConfigPath, Finding } from '../config/problem.ts';
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
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** How long an identity provider may take for discovery and keys together; a call of the Session API may wait for it twice. */
const FETCH_TIMEOUT_MS = 4_000;

export interface RuntimeOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** An identity provider could not be asked: for the log. */
  readonly onFetchFailure: (problem: string, cause: unknown) => void;
}

/** Reads the keys that the configuration names. Asks no network: identity providers are asked when they are needed. */
export async function buildRuntime(
  config: Config,
  routes: RouteTable,
  { now, onFetchFailure }: RuntimeOptions,
): Promise<BuiltRuntime> {
  const identity = { nowMs: now, fetchTimeoutMs: FETCH_TIMEOUT_MS, onFetchFailure };
  const keys = await loadKeyRing(config.token.keysDir, now());
  const operators = await found(['operators'], () => createOperatorAuthenticator(config.operators, identity));
  const providers = await found(['identityProviders'], () => createProviders(config, identity));
  if (!keys.ok || !operators.ok || !providers.ok) {
    const ofKeys = keys.ok ? [] : keys.problems.map((message) => ({ path: ['token', 'keysDir'], message }));
    return { ok: false, findings: [...ofKeys, ...operators.findings, ...providers.findings] };
  }
  const keyRing = () => keys.ring;
  const { issuer, audience = issuer, cacheSize } = config.token;
  const policy = compilePolicy(config, {
    routes,
    tokens: createSessionTokenVerifier({ keyRing, issuer, audience, cacheSize }),
    assertions: createAssertionSigner({ keyRing, issuer, ttlMs: config.assertion.ttl }),
  });
  const runtime = {
    config,
    policy,
    keyRing: keys.ring,
    minter: createSessionTokenMinter({ keyRing, issuer, audience }),
    identityProviders: providers.value,
    operators: operators.value,
  };
  return { ok: true, runtime, warnings: keys.warnings };
}

function createProviders(config: Config, options: IssuerKeysOptions) {
  return new Map(
    config.identityProviders.map((provider) => [provider.name, createIdentityProvider(provider, options)]),
  );
}

type Found<T> =
  | { readonly ok: true; readonly value: T; readonly findings: readonly Finding[] }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** What is wrong with identities as findings at the key that names them. */
async function found<T>(path: ConfigPath, make: () => T | Promise<T>): Promise<Found<T>> {
  try {
    return { ok: true, value: await make(), findings: [] };
  } catch (error) {
    if (!(error instanceof IdentityConfigError)) throw error;
    return { ok: false, findings: error.problems.map((message) => ({ path, message })) };
  }
}
