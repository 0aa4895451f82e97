/** A decision as the proxy is to carry it out, the same for every transport. */
import type { Decision } from './decision.ts';
import { requestMutations, type HeaderField } from './mutations.ts';
import type { Policy } from './policy.ts';
import { DECISION_ID_HEADER, refusal, type Refusal } from './refusal.ts';
import type { AuthzRequest } from './request.ts';
import { scopeList } from './scopes.ts';

/** Facts for the proxy's access log, RBAC and rate limits: Envoy's dynamic metadata, field by field. */
export type DecisionMetadata = Readonly<Record<string, string | number>>;

export interface Passage {
  readonly allowed: true;
  /** Set on the request to the app, in place of what it had under that name. */
  readonly set: readonly HeaderField[];
  /** Taken from the request to the app; none of them is in `set`. */
  readonly remove: readonly string[];
  /** Set on the response to the client. */
  readonly response: readonly HeaderField[];
  /** `set-cookie` values that are added to the response, beside those of the app. */
  readonly cookies?: readonly string[];
  readonly metadata: DecisionMetadata;
}

export type Answer = Passage | (Refusal & { readonly allowed: false; readonly metadata: DecisionMetadata });

/** `assertion` is what `assertionFor` made for an allow. */
export function answerFor(
  decision: Decision,
  decisionId: string,
  request: AuthzRequest,
  policy: Policy,
  assertion: string | undefined,
): Answer {
  if (decision.decision !== 'allow') return refusalAnswer(decision, decisionId, request);
  const { set, remove } = requestMutations(decision, request, policy, assertion);
  return {
    allowed: true,
    set,
    remove,
    response: [[DECISION_ID_HEADER, decisionId]],
    metadata: metadataOf(decision, decisionId),
  };
}

export function refusalAnswer(
  decision: Exclude<Decision, { decision: 'allow' }>,
  decisionId: string,
  request: AuthzRequest,
): Answer {
  const told = refusal(decision, decisionId, request);
  return { allowed: false, ...told, metadata: metadataOf(decision, decisionId) };
}

/**
 * The passage with cookies for the client. No cache may keep such a response, whatever the app says of it: one that is
 * shared would hand the cookie to somebody else (RFC 9111 section 7.3).
 */
export function withCookies(passage: Passage, cookies: readonly string[]): Passage {
  return { ...passage, cookies, response: [...passage.response, ['cache-control', 'no-store']] };
}

function metadataOf(decision: Decision, decisionId: string): DecisionMetadata {
  const session = decision.decision === 'error' ? undefined : decision.session;
  const { reason, route } = decision;
  const metadata: Record<string, string | number> = { decision: decision.decision, decision_id: decisionId };
  if (reason !== undefined) metadata['reason'] = reason;
  if (route !== undefined) metadata['route'] = route.name;
  if (route?.app !== undefined) metadata['app'] = route.app;
  if (session !== undefined) {
    metadata['ref'] = session.ref;
    metadata['subject'] = session.document.identity.subject;
    metadata['issuer'] = session.document.identity.issuer;
    metadata['scopes'] = scopeList(session.document.scopes);
    metadata['version'] = session.version;
  }
  return metadata;
}
