/** Which app is calling, by the identity that its platform gave it. */

/** What a caller of the Session API showed. */
export interface CallerCredentials {
  readonly bearer: string | undefined;
  /** SPIFFE ids and DNS names of its client certificate. */
  readonly certificateNames: readonly string[];
}

export type WorkloadVerdict =
  /** The app, by its name under `apps`. */
  | { readonly authenticated: true; readonly app: string }
  | {
      readonly authenticated: false;
      readonly cause: 'unauthenticated' | 'keys_unavailable';
      readonly problem: string;
    };

export interface WorkloadAuthenticator {
  /** Never rejects; without a configured identity nobody is an app. */
  authenticate(credentials: CallerCredentials): Promise<WorkloadVerdict>;
}
