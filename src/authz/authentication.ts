/** How strong and how recent a login must be (RFC 9470), and whether the one that a session came from was. */
import type { RouteConfig } from '../config/schema.ts';
import type { SessionDocument } from '../session/document.ts';

export interface AuthenticationRequirement {
  /** One of these authentication context classes (OIDC `acr`); any, where there are none. */
  readonly acr: readonly string[];
  /** All of these authentication methods (RFC 8176). */
  readonly amr: readonly string[];
  /** How long ago the user may have proved who they are. */
  readonly maxAgeMs: number;
}

export function authenticationRequirement({
  acr = [],
  amr = [],
  maxAge = Infinity,
}: NonNullable<RouteConfig['authentication']>): AuthenticationRequirement {
  return { acr, amr, maxAgeMs: maxAge };
}

export interface AuthenticationGap {
  /** What is missing, for the operator. */
  readonly detail: string;
  /**
   * Whether a new login can be asked for it. Not for methods, as OpenID Connect has no parameter for them, nor for
   * classes with a space: a provider that still knows the user would send the browser back as it came, for ever.
   */
  readonly loginHelps: boolean;
}

/** Undefined where the requirement is met. Asked so that a session without these facts never meets it. */
export function authenticationGap(
  authentication: SessionDocument['authentication'],
  requirement: AuthenticationRequirement,
  nowMs: number,
): AuthenticationGap | undefined {
  const { acr, amr = [], atMs } = authentication;
  const isStrong = requirement.acr.length === 0 || (acr !== undefined && requirement.acr.includes(acr));
  const isRecent = requirement.maxAgeMs === Infinity || nowMs - atMs <= requirement.maxAgeMs;
  const lacking = requirement.amr.filter((method) => !amr.includes(method));
  if (isStrong && isRecent && lacking.length === 0) return undefined;
  const gaps = [
    ...(isStrong ? [] : [`acr is ${acr ?? 'not known'}`]),
    ...(lacking.length === 0 ? [] : [`amr lacks ${lacking.join(' ')}`]),
    ...(isRecent ? [] : ['the login is too old']),
  ];
  const canBeAskedFor = isStrong || requirement.acr.some(isNameable);
  return { detail: gaps.join(', '), loginHelps: canBeAskedFor && !(isStrong && isRecent) };
}

/** Space-separated and quoted in a challenge, so that spaces and quotes have no place in it. */
const NAMEABLE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

function isNameable(value: string): boolean {
  return NAMEABLE.test(value);
}

/** `acr_values` and `max_age` as RFC 9470 section 3 and OIDC have them, for a challenge and for a login request alike. */
export function loginParameters({
  acr,
  maxAgeMs,
}: AuthenticationRequirement): [name: string, value: string][] {
  const parameters: [string, string][] = [];
  const acrValues = acr.filter(isNameable).join(' ');
  if (acrValues !== '') parameters.push(['acr_values', acrValues]);
  if (maxAgeMs !== Infinity) parameters.push(['max_age', String(Math.floor(maxAgeMs / 1000))]);
  return parameters;
}
