/** Sessions for the load: real documents in the store, and a signed session token for each. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { SCHEMA_VERSION, type SessionDocument } from '../../src/session/document.ts';
import { createSessionId, partitionOf, sessionRef } from '../../src/session/ref.ts';
import { unsealedText } from '../../src/sealing/sealer.ts';
import { createRedisStore } from '../../src/session/redis-store.ts';
import { StoreError, type SessionStore } from '../../src/session/store.ts';
import { createSessionTokenMinter, type SessionTokenMinter } from '../../src/token/mint.ts';
import { loadKeyRing } from '../../src/token/signing-keys.ts';

export const REQUIRED_SCOPE = 'invoices:read';

/** Every session is of a user of its own, whose subject begins so. */
export const SUBJECT = 'bench-user';

const PROVIDER_ISSUER = 'https://idp.example.com/realms/main';
const HOUR_MS = 3_600_000;
const IDLE_TIMEOUT_MS = HOUR_MS / 2;
/** Longer than any run, so that no check fails for a token's age. */
const TOKEN_TTL_MS = 4 * HOUR_MS;
const SESSION_TTL_MS = 12 * HOUR_MS;
const STORE_DEADLINE_MS = 5_000;

export interface OpenSession {
  readonly token: string;
  readonly subject: string;
}

export interface SessionsRequest {
  readonly valkeyPort: number;
  /** `store.keyPrefix` of the server that shall find the sessions. */
  readonly keyPrefix: string;
  readonly keysDir: string;
  /** `iss` and `aud` of the tokens. */
  readonly tokenIssuer: string;
  readonly count: number;
}

/** @throws Error when the keys can't be used or the store refuses a session */
export async function openSessions(request: SessionsRequest): Promise<OpenSession[]> {
  const minter = await createMinter(request);
  const store = createRedisStore({
    url: `redis://127.0.0.1:${request.valkeyPort}`,
    deadlineMs: STORE_DEADLINE_MS,
    keyPrefix: request.keyPrefix,
    sealer: () => unsealedText,
    audit: () => ({ maxEntries: 1_000_000, maxAgeMs: 86_400_000 }),
  });
  try {
    await answering(store);
    const sessions: OpenSession[] = [];
    for (let index = 0; index < request.count; index += 1) {
      sessions.push(await openSession(store, minter, `${SUBJECT}-${index}`));
    }
    return sessions;
  } finally {
    await store.close();
  }
}

async function createMinter({ keysDir, tokenIssuer }: SessionsRequest): Promise<SessionTokenMinter> {
  const keys = await loadKeyRing(keysDir, Date.now());
  if (!keys.ok) throw new Error(keys.problems.join('\n'));
  return createSessionTokenMinter({ keyRing: () => keys.ring, issuer: tokenIssuer, audience: tokenIssuer });
}

/** The store connects in the background, and refuses operations until it has. */
export async function answering(store: SessionStore): Promise<void> {
  const deadline = Date.now() + STORE_DEADLINE_MS;
  for (;;) {
    try {
      await store.ping();
      return;
    } catch (error) {
      if (!(error instanceof StoreError) || Date.now() > deadline) throw error;
      await pause(20);
    }
  }
}

async function openSession(
  store: SessionStore,
  minter: SessionTokenMinter,
  subject: string,
): Promise<OpenSession> {
  const nowMs = Date.now();
  const document = documentOf(subject, nowMs);
  const sessionId = createSessionId(partitionOf(PROVIDER_ISSUER, subject));
  const { outcome } = await store.create({
    ref: sessionRef(sessionId),
    document,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    proof: { hash: randomUUID(), validUntilMs: nowMs + 1_000 },
    nowMs,
    note: { action: 'session_created', actor: { kind: 'singlestate', name: '' } },
  });
  if (outcome !== 'created') throw new Error(`the store answered "${outcome}" to a new session`);
  const { token } = await minter.mintSessionToken({
    sessionId,
    nowMs,
    ttlMs: TOKEN_TTL_MS,
    notAfterMs: document.expiresAtMs,
  });
  return { token, subject };
}

/** A usual one, of about 700 bytes: what the reference reads is as long. */
export function documentOf(subject: string, nowMs: number): SessionDocument {
  return {
    schema: SCHEMA_VERSION,
    identity: {
      provider: 'main',
      issuer: PROVIDER_ISSUER,
      subject,
      providerSession: randomUUID(),
    },
    authentication: { atMs: nowMs, acr: 'urn:example:acr:two-factor', amr: ['pwd', 'otp'] },
    scopes: ['invoices:read', 'invoices:write', 'reports:read', 'profile:read'],
    attributes: { email_domain: 'example.com', department: 'accounts-receivable', locale: 'en-GB' },
    slices: {
      cart: {
        currency: 'EUR',
        items: [
          { sku: 'A-1001', count: 2 },
          { sku: 'B-2002', count: 1 },
        ],
      },
      workflow: { name: 'monthly-close', step: 'review-open-invoices', startedAtMs: nowMs },
    },
    createdAtMs: nowMs,
    expiresAtMs: nowMs + SESSION_TTL_MS,
  };
}
