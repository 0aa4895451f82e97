/** The first document of a session: what the identity provider said, and what it takes over from the one before (A6, A7). */
import type { VerifiedIdentity } from '../identity/identity.ts';
import { SCHEMA_VERSION, type SessionDocument } from '../session/document.ts';
import type { SessionLimits } from './dependencies.ts';

/** What moves from one document to the next, by name. */
export interface CarriedOver {
  readonly slices: SessionDocument['slices'];
  readonly attributes: SessionDocument['attributes'];
}

export const NOTHING_CARRIED_OVER: CarriedOver = { slices: {}, attributes: {} };

/** The configured parts of `before`; of the attributes those that the new ID token does not set. */
export function carriedOver(
  before: SessionDocument,
  identity: VerifiedIdentity,
  { carryOver }: SessionLimits,
): CarriedOver {
  return {
    slices: pick(before.slices, carryOver.slices),
    attributes: pick(
      before.attributes,
      carryOver.attributes.filter((name) => !Object.hasOwn(identity.attributes, name)),
    ),
  };
}

export function newDocument(
  identity: VerifiedIdentity,
  carried: CarriedOver,
  limits: SessionLimits,
  nowMs: number,
): SessionDocument {
  const { provider, issuer, subject, providerSession, authenticatedAtMs, acr, amr } = identity;
  return {
    schema: SCHEMA_VERSION,
    identity: { provider, issuer, subject, ...(providerSession !== undefined && { providerSession }) },
    authentication: {
      atMs: authenticatedAtMs,
      ...(acr !== undefined && { acr }),
      ...(amr !== undefined && { amr: [...amr] }),
    },
    scopes: [...identity.scopes],
    attributes: { ...carried.attributes, ...identity.attributes },
    slices: { ...carried.slices },
    createdAtMs: nowMs,
    expiresAtMs: nowMs + limits.absoluteTimeoutMs,
  };
}

function pick<Value>(from: Readonly<Record<string, Value>>, names: readonly string[]): Record<string, Value> {
  const isNamed = new Set(names);
  return Object.fromEntries(Object.entries(from).filter(([name]) => isNamed.has(name)));
}
