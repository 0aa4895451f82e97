/** The rules between keys that say who may call the Session API, and how callers are known. */
import { formatPath } from './problem.ts';
import type { ConfigPath, Finding, IsWritten } from './problem.ts';
import type { Readable } from './schema-shape.ts';
import type { AppConfig, Config } from './schema.ts';

type Identity = Readable<AppConfig['identities'][number]>;

interface AppIdentity {
  readonly app: string;
  readonly path: ConfigPath;
  readonly identity: Identity;
}

export function identityChecks(config: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  const identities = appIdentities(config);
  const operators = (config.operators ?? []).map((_, index): ConfigPath => ['operators', index]);
  return [
    ...[...operators, ...identities.map(({ path }) => path)].flatMap((path) => checkKeys(path, isWritten)),
    ...identities.flatMap((each) => checkCertificate(each, config, isWritten)),
    ...checkShared(identities),
  ];
}

function appIdentities({ apps }: Readable<Config>): readonly AppIdentity[] {
  return Object.entries(apps ?? {}).flatMap(([app, config]) =>
    (config?.identities ?? []).flatMap((identity, index) =>
      identity === undefined ? [] : [{ app, path: ['apps', app, 'identities', index], identity }],
    ),
  );
}

/** An issuer's keys are in a file, or they are fetched. */
function checkKeys(path: ConfigPath, isWritten: IsWritten): readonly Finding[] {
  if (!isWritten([...path, 'jwksFile'])) return [];
  const beside = (key: string, why: string): readonly Finding[] =>
    isWritten([...path, key])
      ? [{ path: [...path, key], message: `must not stand beside jwksFile: ${why}` }]
      : [];
  return [
    ...beside('jwksUrl', 'keep one of them'),
    ...beside('caFile', 'nothing is fetched then'),
    ...beside('tokenFile', 'nothing is fetched then'),
  ];
}

/** A client certificate is verified by the listener, so whatever is for verifying a JWT has no place beside it. */
function checkCertificate(
  { path, identity: { certificate } }: AppIdentity,
  { tls }: Readable<Config>,
  isWritten: IsWritten,
): readonly Finding[] {
  if (certificate === undefined) return [];
  const ofJwt = ['audience', 'jwksFile', 'jwksUrl', 'caFile', 'tokenFile']
    .filter((key) => isWritten([...path, key]))
    .map((key) => ({ path: [...path, key], message: 'must not stand beside certificate: it is for a JWT' }));
  const at = [...path, 'certificate'];
  if (!isWritten(['tls', 'api', 'clientCaFile'])) {
    const message = 'needs tls.api.clientCaFile: without it no client shows a certificate';
    return [...ofJwt, { path: at, message }];
  }
  const clients = tls?.api?.clients;
  if (clients === undefined || clients.includes(certificate)) return ofJwt;
  return [...ofJwt, { path: at, message: 'must be one of tls.api.clients: no other client can connect' }];
}

/** An audience tells no two callers apart: a token may have several. */
function checkShared(identities: readonly AppIdentity[]): readonly Finding[] {
  const owners = new Map<string, AppIdentity>();
  return identities.flatMap((each) => {
    const { issuer, subject, certificate } = each.identity;
    const isJwt = certificate === undefined;
    if (isJwt && (issuer === undefined || subject === undefined)) return [];
    const key = JSON.stringify(isJwt ? [issuer, subject] : [certificate]);
    const first = owners.get(key) ?? each;
    owners.set(key, first);
    if (first.app === each.app) return [];
    const message = `must differ from ${formatPath(first.path)}: what an app may do goes by who it is`;
    return [{ path: [...each.path, isJwt ? 'subject' : 'certificate'], message }];
  });
}
