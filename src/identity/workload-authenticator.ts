/**
 * Tells which app is calling: by a JWT of its platform (a Kubernetes service account token, a SPIFFE JWT-SVID) or by the
 * names of its client certificate.
 */
import type { AppConfig } from '../config/schema.ts';
import { IdentityConfigError } from './identity-config-error.ts';
import { createJwtIdentities, type JwtIdentity, type RecognizingOptions } from './jwt-identities.ts';
import type { WorkloadAuthenticator, WorkloadVerdict } from './workload.ts';

/** Kubernetes writes no `typ`; SPIFFE allows `JWT` and `JOSE` (JWT-SVID section 2.3). */
const TYPES = ['jwt', 'jose'];

const NOBODY = refusal('unauthenticated', 'A workload identity of an app is required.');
const UNKNOWN_TOKEN = refusal(
  'unauthenticated',
  'The bearer token is not a valid token of an app: issuer, subject, audience, end and signature count.',
);
const UNKNOWN_CERTIFICATE = refusal('unauthenticated', 'The client certificate is not that of one app.');
const KEYS_UNAVAILABLE = refusal(
  'keys_unavailable',
  "The keys of the bearer token's issuer can't be fetched; try again shortly.",
);

/**
 * Reads the files that the configuration names, and no more of the outside. Rejects with `IdentityConfigError`, all
 * problems in one; an identity that two apps have is one.
 *
 * A bearer token, where there is one, decides alone: one that does not hold is not mended by a certificate.
 */
export async function createWorkloadAuthenticator(
  apps: Readonly<Record<string, AppConfig>>,
  options: RecognizingOptions,
): Promise<WorkloadAuthenticator> {
  const problems = sharedIdentities(apps);
  if (problems.length > 0) throw new IdentityConfigError(problems);
  const tokens = await createJwtIdentities(jwtIdentities(apps), TYPES, options);
  const appOfName = certificateApps(apps);
  return {
    async authenticate({ bearer, certificateNames }) {
      if (bearer === undefined || bearer === '') return byCertificate(certificateNames, appOfName);
      const recognition = await tokens.recognize(bearer);
      switch (recognition.outcome) {
        case 'known':
          return { authenticated: true, app: recognition.name };
        case 'unknown':
          return UNKNOWN_TOKEN;
        case 'keys_unavailable':
          return KEYS_UNAVAILABLE;
      }
    },
  };
}

/** A certificate with the names of two apps is nobody's. */
function byCertificate(names: readonly string[], appOfName: ReadonlyMap<string, string>): WorkloadVerdict {
  if (names.length === 0) return NOBODY;
  const [app, ...others] = new Set(names.flatMap((name) => appOfName.get(name) ?? []));
  return app === undefined || others.length > 0 ? UNKNOWN_CERTIFICATE : { authenticated: true, app };
}

function jwtIdentities(apps: Readonly<Record<string, AppConfig>>): readonly JwtIdentity[] {
  return identitiesOf(apps).flatMap(([name, identity]) => {
    const { issuer, subject, audience, jwksFile, jwksUrl, caFile, tokenFile } = identity;
    if (issuer === undefined || subject === undefined) return [];
    const title = `The app "${name}"`;
    return [{ name, title, issuer, subject, audience, jwksFile, jwksUrl, caFile, tokenFile }];
  });
}

function certificateApps(apps: Readonly<Record<string, AppConfig>>): ReadonlyMap<string, string> {
  return new Map(
    identitiesOf(apps).flatMap(([app, { certificate }]) =>
      certificate === undefined ? [] : [[certificate, app]],
    ),
  );
}

/** What an app may change is by its name, so no identity can be two apps'. */
function sharedIdentities(apps: Readonly<Record<string, AppConfig>>): readonly string[] {
  const owners = Map.groupBy(identitiesOf(apps), ([, { issuer, subject, audience, certificate }]) =>
    JSON.stringify(certificate === undefined ? { issuer, subject, audience } : { certificate }),
  );
  return [...owners].flatMap(([identity, entries]) => {
    const names = [...new Set(entries.map(([name]) => `"${name}"`))];
    if (names.length < 2) return [];
    return [`The apps ${names.join(' and ')} have the same identity ${identity}; each must have its own`];
  });
}

function identitiesOf(apps: Readonly<Record<string, AppConfig>>) {
  return Object.entries(apps).flatMap(([name, app]) =>
    app.identities.map((identity) => [name, identity] as const),
  );
}

function refusal(cause: 'unauthenticated' | 'keys_unavailable', problem: string): WorkloadVerdict {
  return { authenticated: false, cause, problem };
}
