/** A policy, a store and tokens, all of them the real ones, for tests to ask: who may pass, and as what. */
import { authorize, type SessionReader } from '../../../src/authz/authorize.ts';
import { answerFor, type Answer } from '../../../src/authz/answer.ts';
import { assertionFor } from '../../../src/authz/mutations.ts';
import type { Decision } from '../../../src/authz/decision.ts';
import { compilePolicy, type Policy } from '../../../src/authz/policy.ts';
import type { AuthzRequest } from '../../../src/authz/request.ts';
import { compileRoutes, type Route, type RouteTable } from '../../../src/authz/routes.ts';
import type { Config } from '../../../src/config/schema.ts';
import type { AuditNote } from '../../../src/session/audit.ts';
import { SCHEMA_VERSION, type SessionDocument } from '../../../src/session/document.ts';
import { createMemoryStore } from '../../../src/session/memory-store.ts';
import { createSessionId, partitionOf, sessionRef, type SessionRef } from '../../../src/session/ref.ts';
import type { RateCounter } from '../../../src/session/rate-limit.ts';
import type { SessionStore } from '../../../src/session/store.ts';
import { createAssertionSigner } from '../../../src/token/assertion.ts';
import { createSessionTokenMinter } from '../../../src/token/mint.ts';
import type { KeyRing } from '../../../src/token/signing-keys.ts';
import { createSessionTokenVerifier } from '../../../src/token/verify.ts';
import { createTestRing } from '../../parts/key-rings.ts';
import { configOf, MINIMAL } from '../config/minimal.ts';

export const NOW = Date.UTC(2030, 0, 1);
export const HOUR = 3_600_000;

export interface RouteInput {
  readonly match: { readonly path: string; readonly host?: string; readonly methods?: readonly string[] };
  readonly app?: string;
  readonly require: Readonly<Record<string, unknown>>;
  readonly authentication?: Readonly<Record<string, unknown>>;
  readonly onUnauthenticated?: 'login' | '401';
  readonly csrf?: boolean;
  readonly mode?: 'enforce' | 'shadow';
}

/** What a test says of a configuration; the rest is the default of the schema. */
export interface ConfigInput {
  readonly routes?: readonly RouteInput[];
  readonly apps?: Readonly<Record<string, unknown>>;
  readonly contextExtensions?: Config['contextExtensions'];
  readonly headers?: { readonly prefix: string };
  readonly csrf?: Readonly<Record<string, unknown>>;
  readonly rateLimits?: Readonly<Record<string, unknown>>;
  readonly login?: Readonly<Record<string, unknown>>;
  readonly sealing?: Readonly<Record<string, unknown>>;
  readonly identityProviders?: readonly unknown[];
}

/** What a configuration needs so that routes may send browsers to log in. */
export const WITH_LOGIN: ConfigInput = {
  login: { origins: ['https://app.example.com'] },
  sealing: { keysDir: 'sealing-keys' },
  identityProviders: [
    { name: 'main', issuer: 'https://idp.example.com', clientId: 'app', clientSecretFile: 'secret' },
  ],
};

/** JSON is YAML, so that the real loader reads it. */
export function configFrom(input: ConfigInput): Config {
  return configOf(
    MINIMAL +
      Object.entries(input)
        .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
        .join(''),
  );
}

export function tableOf(routes: readonly RouteInput[]): RouteTable {
  const compiled = compileRoutes(configFrom({ routes }).routes);
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join('\n'));
  return compiled.table;
}

/** A route that needs a valid session and nothing else, with changes. */
export function routeOf(changes: Partial<Route> = {}): Route {
  return {
    name: 'r',
    app: undefined,
    access: 'session',
    all: [],
    any: [],
    authentication: undefined,
    onUnauthenticated: '401',
    csrf: true,
    mode: 'enforce',
    ...changes,
  };
}

export function document(changes: Partial<SessionDocument> = {}): SessionDocument {
  return {
    schema: SCHEMA_VERSION,
    identity: { provider: 'main', issuer: 'https://idp.example.com', subject: 'alice' },
    authentication: { atMs: NOW },
    scopes: [],
    attributes: {},
    slices: {},
    createdAtMs: NOW,
    expiresAtMs: NOW + 12 * HOUR,
    ...changes,
  };
}

export function request(changes: Partial<Omit<AuthzRequest, 'headers'>> & Headers = {}): AuthzRequest {
  const { headers = {}, ...more } = changes;
  return {
    transport: 'grpc',
    method: 'GET',
    host: 'app.example.com',
    path: '/',
    address: '192.0.2.1',
    contextExtensions: new Map(),
    headers: new Map(Object.entries(headers)),
    ...more,
  };
}

interface Headers {
  readonly headers?: Readonly<Record<string, string>>;
}

export interface OpenedSession {
  readonly token: string;
  readonly ref: SessionRef;
  /** The header that carries the token of a program, and of a browser. */
  readonly bearer: { readonly authorization: string };
  readonly cookie: { readonly cookie: string };
}

export interface Scene {
  readonly policy: Policy;
  readonly store: SessionStore;
  readonly ring: KeyRing;
  open(changes?: Partial<SessionDocument>): Promise<OpenedSession>;
  /** Decides with the scene's parts, or with others in their place. */
  decide(
    asked: AuthzRequest,
    nowMs?: number,
    sessions?: SessionReader & Partial<RateCounter>,
    policy?: Policy,
  ): Promise<Decision>;
  /** What the proxy is told. */
  answer(asked: AuthzRequest): Promise<Answer>;
}

const NOTE: AuditNote = { action: 'session_created', actor: { kind: 'singlestate', name: '' } };

/** Ends a session. */
export async function revoke({ store }: Pick<Scene, 'store'>, ref: SessionRef): Promise<void> {
  const note: AuditNote = { ...NOTE, action: 'session_revoked' };
  await store.revoke({ ref, cause: 'operator', nowMs: NOW, note });
}

/** One key ring for all scenes of a test file: making keys takes longer than everything else. */
const RING = createTestRing();

export async function createScene(input: ConfigInput): Promise<Scene> {
  const { ring } = await RING;
  const config = configFrom(input);
  const compiled = compileRoutes(config.routes);
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join('\n'));
  const tokens = { keyRing: () => ring, issuer: config.token.issuer, audience: config.token.issuer };
  const policy = compilePolicy(config, {
    routes: compiled.table,
    tokens: createSessionTokenVerifier({ ...tokens, cacheSize: 100 }),
    assertions: createAssertionSigner({ ...tokens, ttlMs: config.assertion.ttl }),
  });
  const minter = createSessionTokenMinter(tokens);
  const store = createMemoryStore({ now: () => NOW });
  let proofs = 0;

  const decide: Scene['decide'] = (asked, nowMs = NOW, sessions = store, other = policy) => {
    const rates: RateCounter = {
      take: (takes) => (sessions.take ? sessions.take(takes) : store.take(takes)),
    };
    return authorize(asked, other, { sessions, rates }, nowMs);
  };
  return {
    policy,
    store,
    ring,
    decide,
    async open(changes) {
      const content = document(changes);
      const { issuer, subject } = content.identity;
      const sessionId = createSessionId(partitionOf(issuer, subject));
      const ref = sessionRef(sessionId);
      const proof = { hash: `proof-${(proofs += 1)}`, validUntilMs: NOW + HOUR };
      const { idleTimeoutMs } = policy;
      await store.create({ ref, document: content, idleTimeoutMs, proof, nowMs: NOW, note: NOTE });
      const { token } = await minter.mintSessionToken({
        sessionId,
        nowMs: NOW,
        ttlMs: HOUR,
        notAfterMs: content.expiresAtMs,
      });
      const cookie = `${policy.cookieName}=${token}`;
      return { token, ref, bearer: { authorization: `Bearer ${token}` }, cookie: { cookie } };
    },
    async answer(asked) {
      const decision = await decide(asked);
      const assertion = decision.decision === 'allow' ? await assertionFor(decision, policy, NOW) : undefined;
      return answerFor(decision, 'id', asked, policy, assertion);
    },
  };
}
