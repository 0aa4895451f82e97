/** What the Session API is given to work with; nothing in src/api looks for it elsewhere. */
import type { IdentityProvider, OperatorAuthenticator } from '../identity/identity.ts';
import type { WorkloadAuthenticator } from '../identity/workload.ts';
import type { LifecycleDependencies } from '../lifecycle/dependencies.ts';
import type { Log } from '../ops/log.ts';
import type { ViewOf } from '../session/view.ts';
import type { PublicJwks } from '../token/jwks.ts';
import type { SessionTokenVerifier } from '../token/session-token.ts';
import type { WriteRules } from './write-rules.ts';

export type ApiLog = Pick<Log, 'info' | 'error'>;

/** How an app's write can end, as the metric has it. */
export const WRITE_OUTCOMES = [
  'written',
  /** The session was at another version. */
  'conflict',
  /** A part that the app may not write. */
  'not_permitted',
  /** A value that does not fit its JSON Schema, or a request that makes no sense. */
  'invalid',
  /** Larger than `session.maxBytes`. */
  'too_large',
  /** There is no such session, or it has ended. */
  'no_session',
  /** A fault, such as a store that does not answer: whether it was written is unknown. */
  'failed',
] as const;

export type AppWriteOutcome = (typeof WRITE_OUTCOMES)[number];

/** Every member is read anew in each call, so that a getter lets a reload swap it. */
export interface ApiDependencies extends LifecycleDependencies {
  /** By configured name. */
  readonly identityProviders: ReadonlyMap<string, IdentityProvider>;
  readonly operators: OperatorAuthenticator;
  readonly workloads: WorkloadAuthenticator;
  readonly tokens: SessionTokenVerifier;
  /** `iss` of the session tokens. */
  readonly tokenIssuer: string;
  /** What each app may see, by its configured name. */
  readonly views: ReadonlyMap<string, ViewOf>;
  readonly writeRules: WriteRules;
  /** An app's UpdateSession has ended. */
  onWritten(app: string, outcome: AppWriteOutcome): void;
  /** The public keys of session tokens and assertions (RFC 7517 section 5). */
  jwks(): PublicJwks;
  readonly log: ApiLog;
}
