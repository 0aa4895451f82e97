/** Everything that a span says: the names are OpenTelemetry's where it has one, else below `singlestate.`; no others are set. */
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_SYSTEM_NAME,
  ATTR_ERROR_TYPE,
  ATTR_NETWORK_PROTOCOL_NAME,
  ATTR_RPC_METHOD,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  RPC_SYSTEM_NAME_VALUE_GRPC,
} from '@opentelemetry/semantic-conventions';
import type { TracingOptions } from './settings.ts';
import type { CheckFacts, StoreCallFacts } from './tracer.ts';

const ATTR_DECISION = 'singlestate.decision';
const ATTR_DECISION_ID = 'singlestate.decision_id';
const ATTR_REASON = 'singlestate.reason';
const ATTR_SHADOW = 'singlestate.shadow';
const ATTR_ROUTE = 'singlestate.route';
const ATTR_APP = 'singlestate.app';
const ATTR_STORE_OUTCOME = 'singlestate.store.outcome';

/** The closed lists: docs/how-to/trace-checks.md has them too. */
export const CHECK_ATTRIBUTES = [
  ...[ATTR_RPC_SYSTEM_NAME, ATTR_RPC_METHOD, ATTR_NETWORK_PROTOCOL_NAME],
  ...[ATTR_DECISION, ATTR_REASON, ATTR_SHADOW, ATTR_DECISION_ID, ATTR_ROUTE, ATTR_APP, ATTR_ERROR_TYPE],
] as const;
export const STORE_CALL_ATTRIBUTES = [
  ...[ATTR_DB_SYSTEM_NAME, ATTR_DB_OPERATION_NAME, ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT],
  ...[ATTR_STORE_OUTCOME, ATTR_ERROR_TYPE],
] as const;

const CHECK_METHOD = 'envoy.service.auth.v3.Authorization/Check';

/** What is known of a check when it begins, by how it came. */
export const CHECKS = {
  grpc: {
    name: CHECK_METHOD,
    attributes: { [ATTR_RPC_SYSTEM_NAME]: RPC_SYSTEM_NAME_VALUE_GRPC, [ATTR_RPC_METHOD]: CHECK_METHOD },
  },
  http: { name: 'check', attributes: { [ATTR_NETWORK_PROTOCOL_NAME]: 'http' } },
} as const satisfies Record<string, { readonly name: string; readonly attributes: Attributes }>;

export function checkOutcome(facts: CheckFacts): Attributes {
  const { decision, reason, shadow, decisionId, route, app } = facts;
  return {
    [ATTR_DECISION]: decision,
    [ATTR_DECISION_ID]: decisionId,
    ...(reason !== 'none' && { [ATTR_REASON]: reason }),
    ...(shadow && { [ATTR_SHADOW]: true }),
    ...(route !== undefined && { [ATTR_ROUTE]: route }),
    ...(app !== undefined && { [ATTR_APP]: app }),
    ...(decision === 'error' && { [ATTR_ERROR_TYPE]: reason }),
  };
}

/** What is known of a call of the store when it begins. */
export interface StoreCall {
  readonly name: string;
  readonly attributes: Attributes;
}

/** Redis and Valkey speak one protocol, which has one name. */
export function storeCall(operation: string, store: TracingOptions['store']): StoreCall {
  if (store === undefined) return { name: operation, attributes: { [ATTR_DB_OPERATION_NAME]: operation } };
  return {
    name: `${operation} ${store.host}:${store.port}`,
    attributes: {
      [ATTR_DB_SYSTEM_NAME]: 'redis',
      [ATTR_DB_OPERATION_NAME]: operation,
      [ATTR_SERVER_ADDRESS]: store.host,
      [ATTR_SERVER_PORT]: store.port,
    },
  };
}

export function storeCallOutcome({ outcome, failed }: StoreCallFacts): Attributes {
  return { [ATTR_STORE_OUTCOME]: outcome, ...(failed && { [ATTR_ERROR_TYPE]: outcome }) };
}
