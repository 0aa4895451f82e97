/** The browser's routes with all that they stand on: the memory store, real keys and seals, and what is logged and counted. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IdentityProviderConfig } from '../../src/config/schema.ts';
import { createIdentityProviders } from '../../src/identity/providers.ts';
import type { LoginDependencies } from '../../src/login/dependencies.ts';
import { createLoginRoutes } from '../../src/login/routes.ts';
import { createLog } from '../../src/ops/log.ts';
import { createSealer } from '../../src/sealing/aes-gcm-sealer.ts';
import { createSealingJwk, importSealingKey } from '../../src/sealing/key-files.ts';
import { createSealingRing } from '../../src/sealing/sealing-keys.ts';
import type { AuditRecord } from '../../src/session/audit.ts';
import { createMemoryStore, type MemoryRecord } from '../../src/session/memory-store.ts';
import type { SessionLookup } from '../../src/session/store.ts';
import { createSessionTokenMinter } from '../../src/token/mint.ts';
import { createSessionTokenVerifier } from '../../src/token/verify.ts';
import { createTestRing } from './key-rings.ts';
import { createTestBrowser, type Site, type TestBrowser } from './test-browser.ts';

export const APP = 'https://app.example.com';
export const OTHER_APP = 'https://other.example.com';
export const SESSION_COOKIE = '__Host-session';
export const CSRF_COOKIE = '__Host-csrf';

const ISSUER = 'https://sessions.test';
const MINUTE_MS = 60_000;

export interface LoginRig {
  /** What the routes use; a test may swap a member for another, as a reload would. */
  readonly deps: { -readonly [Name in keyof LoginDependencies]: LoginDependencies[Name] };
  /** Answers under `/auth/`; any other path of an app shows that it was reached. */
  readonly site: Site;
  newBrowser(): TestBrowser;
  /** The session that a browser's cookie names, as the store has it. */
  sessionOf(browser: TestBrowser, origin?: string): Promise<SessionLookup>;
  readonly records: Map<string, MemoryRecord>;
  /** What was counted, oldest first. */
  readonly counted: string[];
  /** The log so far, as text and as fields. */
  readonly log: { readonly text: string; lines(): Record<string, unknown>[] };
  audited(action: AuditRecord['action']): Promise<readonly AuditRecord[]>;
  /** Added to the clock of everything but the identity provider. */
  skipMs: number;
}

export async function createLoginRig(): Promise<LoginRig> {
  const { ring } = await createTestRing();
  const keyRing = () => ring;
  const tokenOptions = { keyRing, issuer: ISSUER, audience: ISSUER };
  const minter = createSessionTokenMinter(tokenOptions);
  const tokens = createSessionTokenVerifier({ ...tokenOptions, cacheSize: 100 });
  const sealingRing = createSealingRing([importSealingKey(createSealingJwk(0))]);
  const records = new Map<string, MemoryRecord>();
  const counted: string[] = [];
  const written = { text: '' };
  const now = () => Date.now() + rig.skipMs;
  const sealer = createSealer(sealingRing, now);
  const store = createMemoryStore({ now, records, sealer: () => sealer });
  const deps: LoginRig['deps'] = {
    config: {
      login: { origins: [APP, OTHER_APP], timeout: 10 * MINUTE_MS },
      csrf: { header: 'x-csrf-token', cookie: CSRF_COOKIE },
      token: { cookie: { name: SESSION_COOKIE, sameSite: 'Lax' } },
    },
    tokens,
    loginProviders: [],
    logoutTokens: (await createIdentityProviders([], fetching(now, counted))).logoutTokens,
    sealer,
    log: createLog({
      level: 'debug',
      decisions: 'all',
      stream: { write: (line) => void (written.text += line) },
    }),
    store,
    limits: {
      idleTimeoutMs: 30 * MINUTE_MS,
      absoluteTimeoutMs: 60 * MINUTE_MS,
      maxBytes: 16_384,
      carryOver: { slices: [], attributes: [] },
      refreshGraceMs: 10_000,
    },
    mint: (request) => minter.mintSessionToken({ ...request, ttlMs: 5 * MINUTE_MS }),
    nowMs: now,
    onCreated: (name) => counted.push(`created ${name}`),
    onEnded: (cause, count) => counted.push(`ended ${cause} ${count}`),
    onTokenIssued: (cause) => counted.push(`token ${cause}`),
  };
  const routes = createLoginRoutes(deps);
  const site: Site = async (request) => {
    const { pathname } = new URL(request.url);
    const route = routes.get(pathname);
    const peer = { address: '127.0.0.1', certificateNames: [] };
    if (route !== undefined) return route(request, peer);
    return new Response('the app', { status: pathname.startsWith('/auth/') ? 404 : 200 });
  };
  const rig: LoginRig = {
    deps,
    site,
    newBrowser: () => createTestBrowser({ [APP]: site, [OTHER_APP]: site }),
    async sessionOf(browser, origin = APP) {
      const verdict = await tokens.verify(browser.cookies(origin).get(SESSION_COOKIE) ?? '', now());
      return verdict.valid ? store.read(verdict.claims.ref) : { state: 'absent' };
    },
    records,
    counted,
    log: {
      get text() {
        return written.text;
      },
      lines: () =>
        written.text
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Record<string, unknown>),
    },
    audited: async (action) => (await store.audit({ action, limit: 100 })).records,
    skipMs: 0,
  };
  return rig;
}

function fetching(nowMs: () => number, counted: string[]) {
  return { nowMs, fetchTimeoutMs: 2_000, onFetchFailure: () => counted.push('fetch failed') };
}

/** Makes these providers the rig's, as start-up would. */
export async function useProviders(
  rig: LoginRig,
  issuers: readonly (Pick<IdentityProviderConfig, 'name' | 'issuer'> & Partial<IdentityProviderConfig>)[],
  clientSecret: string,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'singlestate-login-'));
  try {
    const clientSecretFile = join(folder, 'secret');
    await writeFile(clientSecretFile, `${clientSecret}\n`);
    const claims = { scopes: 'roles', attributes: { email_domain: 'email_domain' } };
    const defaults = { clientId: 'singlestate', clientSecretFile, scopes: ['openid'], claims };
    const configs = issuers.map((config) => ({ ...defaults, ...config }));
    const made = await createIdentityProviders(configs, fetching(rig.deps.nowMs, rig.counted));
    rig.deps.loginProviders = made.login;
    rig.deps.logoutTokens = made.logoutTokens;
  } finally {
    await rm(folder, { recursive: true });
  }
}
