/** Why a SessionRoute counts or does not: the closed list of reasons of its condition `Accepted`. */

/** docs/reference/session-routes.md is generated from this table. */
export const REASONS = {
  Accepted: 'Its routes decide about requests.',
  Invalid: 'It says something that can not be. The message names each field and what would be right.',
  HostNotGranted: 'No SessionRoutePolicy grants this namespace the host of a route.',
  OpenRouteNotGranted:
    'A route would let requests pass without a session (`public`, `optional`, or the mode `shadow`), and no policy that grants its host allows that.',
  PartNotGranted: 'The app asks to read or write parts of sessions that no policy grants to this namespace.',
  ServiceAccountUnavailable:
    'The app names service accounts, and Singlestate is not told how to verify them (`kubernetes.serviceAccounts`), or one of them is an app already.',
  Conflict:
    'A route ties with one of the configuration file, or of an older SessionRoute: neither is more specific.',
} as const;

export type VerdictReason = keyof typeof REASONS;

export interface Verdict {
  /** Of what it is about: another generation needs another verdict. */
  readonly uid: string;
  readonly generation: number;
  readonly reason: VerdictReason;
  /** One sentence or more, for the app team. */
  readonly message: string;
}

export function isAccepted({ reason }: Pick<Verdict, 'reason'>): boolean {
  return reason === 'Accepted';
}
