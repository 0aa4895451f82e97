/** What one configuration compiles to: everything that a reload swaps, built as a whole or not at all. */
import { compileWriteRules, type WriteRules } from '../api/write-rules.ts';
import { compilePolicy, type Policy } from '../authz/policy.ts';
import type { RouteTable } from '../authz/routes.ts';
import type { ConfigPath, Finding } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import type { ForwardAuthSettings } from '../forward-auth/forward-auth-server.ts';
import { compileTrustedPeers } from '../forward-auth/trusted-peers.ts';
import { IdentityConfigError } from '../identity/identity-config-error.ts';
import type { OperatorAuthenticator } from '../identity/identity.ts';
import { createSharedKeys, type SharedKeys } from '../identity/issuer-keys.ts';
import { issuerProblem } from '../identity/jwt-identities.ts';
import { createOperatorAuthenticator } from '../identity/operator.ts';
import {
  createIdentityProviders,
  type IdentityProviders,
  type ProvidersOptions,
} from '../identity/providers.ts';
import { createWorkloadAuthenticator } from '../identity/workload-authenticator.ts';
import type { WorkloadAuthenticator } from '../identity/workload.ts';
import { createSealer } from '../sealing/aes-gcm-sealer.ts';
import { unsealedText, type Sealer } from '../sealing/sealer.ts';
import { loadSealingRing } from '../sealing/sealing-keys.ts';
import { problemsOfTlsClient } from '../net/tls-material.ts';
import { compileView, type ViewOf } from '../session/view.ts';
import type { TracingSettings } from '../tracing/settings.ts';
import { createAssertionSigner } from '../token/assertion.ts';
import { createSessionTokenMinter, type SessionTokenMinter } from '../token/mint.ts';
import { loadKeyRing, type KeyRing } from '../token/signing-keys.ts';
import { createSessionTokenVerifier } from '../token/verify.ts';
import { loadListenerTls, type ListenerTls } from './listener-tls.ts';
import type { Part } from './part.ts';
import { loadTracingSettings } from './trace-export.ts';

export interface Runtime {
  readonly config: Config;
  readonly policy: Policy;
  readonly forwardAuth: ForwardAuthSettings;
  readonly keyRing: KeyRing;
  readonly minter: SessionTokenMinter;
  readonly sealer: Sealer;
  readonly identityProviders: IdentityProviders;
  readonly operators: OperatorAuthenticator;
  readonly workloads: WorkloadAuthenticator;
  /** Those that `workloads` knows. */
  readonly workloadApps: Config['apps'];
  /** What `operators` and `workloads` verify with, for others that are made beside them. */
  readonly issuerKeys: SharedKeys;
  /** What each app may write, and what it may see. */
  readonly writeRules: WriteRules;
  readonly views: ReadonlyMap<string, ViewOf>;
  readonly tls: ListenerTls;
  /** Undefined: off. */
  readonly tracing: TracingSettings | undefined;
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
  /** A circuit breaker around an identity provider opened or closed: for the log. */
  readonly onBreaker?: ProvidersOptions['onBreaker'];
  /** Of the issuers of apps and operators. Default: those of which nothing was fetched. */
  readonly issuerKeys?: SharedKeys | undefined;
}

/** Reads the files that the configuration names. Asks no network: identity providers are asked when they are needed. */
export async function buildRuntime(
  config: Config,
  routes: RouteTable,
  options: RuntimeOptions,
): Promise<BuiltRuntime> {
  const { now } = options;
  const fetching = fetchingOptions(options);
  const { issuerKeys = createSharedKeys(fetching) } = options;
  const recognizing = { nowMs: now, keysOf: issuerKeys.of };
  const identity = <T>(key: keyof Config, make: () => Promise<T>) => identityPart([key], make);
  const [keys, sealer, providers, operators, workloads, accounts, writes, tls, storeTls, tracing] =
    await Promise.all([
      keyRingPart(config, now),
      sealerPart(config, now),
      identity('identityProviders', () => createIdentityProviders(config.identityProviders, fetching)),
      identity('operators', () => createOperatorAuthenticator(config.operators, recognizing)),
      identity('apps', () => createWorkloadAuthenticator(config.apps, recognizing)),
      serviceAccountsPart(config),
      writeRulesPart(config),
      loadListenerTls(config.tls, now()),
      storeTlsPart(config, now),
      loadTracingSettings(config.tracing, now()),
    ]);
  const parts = [keys, sealer, providers, operators, workloads, accounts, writes, tls, storeTls, tracing];
  const isWhole = accounts.ok && storeTls.ok && tls.ok && writes.ok && tracing.ok;
  if (!keys.ok || !sealer.ok || !providers.ok || !operators.ok || !workloads.ok || !isWhole) {
    return { ok: false, findings: parts.flatMap((part) => (part.ok ? [] : part.findings)) };
  }
  const runtime = {
    ...tokenParts(config, routes, keys.value),
    forwardAuth: {
      gateway: config.http.gateway,
      peers: compileTrustedPeers(config.http.trustedPeers),
    },
    sealer: sealer.value,
    identityProviders: providers.value,
    operators: operators.value,
    workloads: workloads.value,
    workloadApps: config.apps,
    issuerKeys,
    writeRules: writes.value,
    views: viewsOf(config.apps),
    tls: tls.value,
    tracing: tracing.value,
  };
  return { ok: true, runtime, warnings: parts.flatMap((part) => (part.ok ? part.warnings : [])) };
}

export function viewsOf(apps: Config['apps']): Runtime['views'] {
  return new Map(Object.entries(apps).map(([name, app]) => [name, compileView(app.reads)]));
}

/** For everything that fetches keys. */
function fetchingOptions({ now, onFetchFailure, onBreaker }: RuntimeOptions): ProvidersOptions {
  return { nowMs: now, fetchTimeoutMs: FETCH_TIMEOUT_MS, onFetchFailure, onBreaker };
}

const DAY_MS = 86_400_000;

/**
 * How long the token in a cookie is valid. It is renewed in its second half, so twice the idle timeout is what keeps a
 * token from expiring before its session is idle for too long.
 */
export function cookieTokenTtlMs({ token, session }: Config): number {
  return token.cookie.ttl ?? Math.min(2 * session.idleTimeout, DAY_MS);
}

function tokenParts(config: Config, routes: RouteTable, ring: KeyRing) {
  const keyRing = () => ring;
  const { issuer, audience = issuer, cacheSize } = config.token;
  const policy = compilePolicy(config, {
    routes,
    tokens: createSessionTokenVerifier({ keyRing, issuer, audience, cacheSize }),
    assertions: createAssertionSigner({ keyRing, issuer, ttlMs: config.assertion.ttl }),
  });
  const minter = createSessionTokenMinter({ keyRing, issuer, audience });
  return { config, policy, keyRing: ring, minter };
}

async function keyRingPart({ token }: Config, now: () => number): Promise<Part<KeyRing>> {
  const keys = await loadKeyRing(token.keysDir, now());
  if (keys.ok) return { ok: true, value: keys.ring, warnings: keys.warnings };
  return { ok: false, findings: findingsAt(['token', 'keysDir'], keys.problems) };
}

async function sealerPart({ sealing, store }: Config, now: () => number): Promise<Part<Sealer>> {
  if (sealing === undefined) {
    const warning = 'sealing is not configured: sessions are stored in plain text';
    return { ok: true, value: unsealedText, warnings: store.url === 'memory:' ? [] : [warning] };
  }
  const { keysDir, acceptUnsealed } = sealing;
  const keys = await loadSealingRing(keysDir, now());
  if (!keys.ok) return { ok: false, findings: findingsAt(['sealing', 'keysDir'], keys.problems) };
  return { ok: true, value: createSealer(keys.ring, now, { acceptUnsealed }), warnings: keys.warnings };
}

/** The store reads the files itself, for each connection; here what is wrong with them is found before. */
async function storeTlsPart({ store }: Config, now: () => number): Promise<Part<undefined>> {
  const problems = await problemsOfTlsClient(store.tls ?? {}, now());
  if (problems.length === 0) return { ok: true, value: undefined, warnings: [] };
  return {
    ok: false,
    findings: problems.map(({ key, message }) => ({ path: ['store', 'tls', key], message })),
  };
}

/** SessionRoutes name accounts later; where their tokens' keys are has to be right before. */
async function serviceAccountsPart({ kubernetes }: Config): Promise<Part<undefined>> {
  const place = kubernetes?.serviceAccounts;
  const problem = place && (await issuerProblem(place));
  if (problem === undefined) return { ok: true, value: undefined, warnings: [] };
  return { ok: false, findings: findingsAt(['kubernetes', 'serviceAccounts'], [problem]) };
}

async function writeRulesPart(config: Config): Promise<Part<WriteRules>> {
  const compiled = await compileWriteRules(config);
  return compiled.ok ? { ok: true, value: compiled.rules, warnings: [] } : compiled;
}

/** What is wrong with identities as findings at the key that names them. */
async function identityPart<T>(path: ConfigPath, make: () => Promise<T>): Promise<Part<T>> {
  try {
    return { ok: true, value: await make(), warnings: [] };
  } catch (error) {
    if (!(error instanceof IdentityConfigError)) throw error;
    return { ok: false, findings: findingsAt(path, error.problems) };
  }
}

function findingsAt(path: ConfigPath, messages: readonly string[]): readonly Finding[] {
  return messages.map((message) => ({ path, message }));
}
