/** `singlestate explain`: what the server would decide about a request, by which route and why, without a server. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { authorize, type DecisionStore, type SessionReader } from '../authz/authorize.ts';
import type { Decision } from '../authz/decision.ts';
import type { Policy } from '../authz/policy.ts';
import type { AuthzRequest } from '../authz/request.ts';
import { isScopeToken } from '../authz/scopes.ts';
import type { Environment } from '../config/environment.ts';
import { loadRuntime } from '../server/load-runtime.ts';
import { openStore, storeSurroundings } from '../server/open-store.ts';
import type { Runtime } from '../server/runtime.ts';
import { SCHEMA_VERSION, type SessionDocument } from '../session/document.ts';
import { createSessionId, partitionOf, sessionRef } from '../session/ref.ts';
import { StoreError } from '../session/store.ts';
import { CliError, EXIT } from './cli-error.ts';
import { explanation } from './explanation.ts';

export interface ExplainIo {
  readonly env: Environment;
  write(text: string): void;
}

interface ExplainOptions {
  readonly config: string;
  readonly url: RequestUrl;
  readonly method: string;
  readonly token?: string;
  readonly scopes?: readonly string[];
  readonly acr?: string;
  readonly amr?: readonly string[];
  readonly context: ReadonlyMap<string, string>;
}

/**
 * With `--token` the session is read from the configured store; with `--scopes`, `--acr` or `--amr` one is supposed that
 * has them; without any the request has no credential. Nothing is counted towards a rate limit. Exit codes: 0 allow, 1 deny or
 * a wrong configuration, 69 the store fails.
 */
export function explainCommand(io: ExplainIo): Command {
  return new Command('explain')
    .description('which route matches a request, what it requires, and the decision')
    .requiredOption('--config <file>', 'the configuration file')
    .requiredOption('--url <url>', 'the URL of the request', parseUrl)
    .option('--method <method>', 'its method', 'GET')
    .addOption(new Option('--token <token>', 'its session token').conflicts(['scopes', 'acr', 'amr']))
    .option('--scopes <scopes>', 'suppose a valid session with these scopes', parseScopes)
    .option('--acr <acr>', 'suppose a session whose login had this acr')
    .option('--amr <methods>', 'suppose a session whose login had these amr', parseMethods)
    .addOption(
      new Option('--context <entry>', 'one of the context_extensions, "key=value"; may be repeated')
        .argParser(addContext)
        .default(new Map(), 'none'),
    )
    .action(async (options: ExplainOptions) => {
      const built = await loadRuntime(options.config, io.env, {
        now: Date.now,
        onFetchFailure: () => undefined,
      });
      if (!built.ok) throw new CliError(EXIT.refused, built.problems.join('\n'));
      const request = requestOf(options);
      const decision = await decide(request, built.runtime, options);
      const { policy } = built.runtime;
      io.write(explanation({ decision, request, policy, isSupposed: isSupposed(options) }));
      if (decision.decision !== 'allow') throw new CliError(EXIT.refused, `not allowed: ${decision.reason}`);
    });
}

async function decide(request: AuthzRequest, runtime: Runtime, options: ExplainOptions): Promise<Decision> {
  if (isSupposed(options)) {
    const { policy, sessions } = supposing(options, runtime.policy);
    return authorize(request, policy, uncounted(sessions), Date.now());
  }
  const surroundings = storeSurroundings(
    () => runtime,
    () => undefined,
  );
  const store = await openStore(runtime.config.store, surroundings);
  try {
    if (options.token !== undefined) await store.ping();
    return await authorize(request, runtime.policy, uncounted(store), Date.now());
  } catch (error) {
    if (error instanceof StoreError) throw new CliError(EXIT.unavailable, error.message, { cause: error });
    throw error;
  } finally {
    await store.close();
  }
}

function isSupposed({ scopes, acr, amr }: ExplainOptions): boolean {
  return scopes !== undefined || acr !== undefined || amr !== undefined;
}

/** An explanation uses up nobody's limit. */
function uncounted(sessions: SessionReader): DecisionStore {
  return { sessions, rates: { take: () => Promise.resolve({ allowed: true }) } };
}

interface RequestUrl {
  readonly host: string;
  /** Path and query as they would be on the request line: a URL parser would tidy up what is to be explained. */
  readonly target: string;
}

const URL_PARTS = /^https?:\/\/(?<host>[^/?#]+)(?<target>.*)$/;

function requestOf(options: ExplainOptions): AuthzRequest {
  const { url, method, token, context } = options;
  const credential = token ?? (isSupposed(options) ? 'supposed' : undefined);
  return {
    transport: 'grpc',
    method,
    host: url.host,
    path: url.target.startsWith('/') ? url.target : `/${url.target}`,
    address: undefined,
    headers: new Map(credential === undefined ? [] : [['authorization', `Bearer ${credential}`]]),
    contextExtensions: context,
  };
}

/** The policy and a store for which any token is that of a session with these scopes, authenticated so just now. */
function supposing(
  { scopes = [], acr, amr }: ExplainOptions,
  policy: Policy,
): { policy: Policy; sessions: SessionReader } {
  const nowMs = Date.now();
  const identity = { provider: 'explain', issuer: 'explain', subject: 'explain' };
  const sessionId = createSessionId(partitionOf(identity.issuer, identity.subject));
  const [ref, expiresAtMs] = [sessionRef(sessionId), nowMs + policy.idleTimeoutMs];
  const document: SessionDocument = {
    schema: SCHEMA_VERSION,
    identity,
    authentication: { atMs: nowMs, ...(acr !== undefined && { acr }), ...(amr !== undefined && { amr }) },
    scopes: [...scopes],
    attributes: {},
    slices: {},
    createdAtMs: nowMs,
    expiresAtMs,
  };
  const session = { ref, version: 1, lastSeenAtMs: nowMs, document };
  const claims = { sessionId, ref, issuedAtMs: nowMs, expiresAtMs };
  return {
    policy: { ...policy, tokens: { verify: () => ({ valid: true, claims }) } },
    sessions: { read: () => Promise.resolve({ state: 'live', session }) },
  };
}

function parseUrl(text: string): RequestUrl {
  const { host, target } = URL_PARTS.exec(text)?.groups ?? {};
  if (host === undefined || target === undefined)
    throw new InvalidArgumentError('It must be a URL, such as https://app.example.com/path.');
  return { host, target };
}

function parseScopes(text: string): string[] {
  const scopes = text.split(' ').filter((scope) => scope !== '');
  const wrong = scopes.find((scope) => !isScopeToken(scope));
  if (wrong !== undefined)
    throw new InvalidArgumentError(`"${wrong}" is no scope token (RFC 6749 section 3.3).`);
  return scopes;
}

function parseMethods(text: string): string[] {
  return text.split(' ').filter((method) => method !== '');
}

function addContext(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be a key, "=" and a value.');
  return new Map([...before, [text.slice(0, at), text.slice(at + 1)]]);
}
