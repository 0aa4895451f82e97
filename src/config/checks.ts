/** The rules that tie one key of the configuration to another. Each takes what could be read, and is silent about the rest. */
import { identityChecks } from './identity-checks.ts';
import { loginChecks } from './login-checks.ts';
import { nearestWord } from './nearest.ts';
import { formatPath } from './problem.ts';
import type { ConfigPath, Finding, IsWritten } from './problem.ts';
import type { Readable } from './schema-shape.ts';
import type { Config } from './schema.ts';
import { tlsChecks } from './tls-checks.ts';
import { formatDuration } from './units.ts';

export function crossChecks(config: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  return [
    ...checkOrder(config, isWritten),
    ...checkListeners(config, isWritten),
    ...checkUnique('identityProviders', config.identityProviders, ['name']),
    ...checkUnique('identityProviders', config.identityProviders, ['issuer', 'clientId']),
    ...checkUnique('operators', config.operators, ['name']),
    ...checkUnique('operators', config.operators, ['issuer', 'subject', 'audience']),
    ...checkApps(config),
    ...checkHeaderNames(config),
    ...loginChecks(config, isWritten),
    ...identityChecks(config, isWritten),
    ...tlsChecks(config, isWritten),
  ];
}

/** A duration of the configuration, with its path. */
type Duration = readonly [path: ConfigPath, ms: number | undefined];

function checkOrder(
  { store, check, session, token }: Readable<Config>,
  isWritten: IsWritten,
): readonly Finding[] {
  const storeDeadline: Duration = [['store', 'deadline'], store?.deadline];
  const checkDeadline: Duration = [['check', 'deadline'], check?.deadline];
  const idle: Duration = [['session', 'idleTimeout'], session?.idleTimeout];
  const absolute: Duration = [['session', 'absoluteTimeout'], session?.absoluteTimeout];
  const ttl: Duration = [['token', 'ttl'], token?.ttl];
  const grace: Duration = [['token', 'refreshGrace'], token?.refreshGrace];
  return [
    ...checkPair(storeDeadline, checkDeadline, (less, more) => less < more, ['shorter', 'longer'], isWritten),
    ...checkPair(idle, absolute, (less, more) => less <= more, ['at most', 'at least'], isWritten),
    ...checkPair(ttl, absolute, (less, more) => less <= more, ['at most', 'at least'], isWritten),
    // Its default does no harm where tokens live for less.
    ...(isWritten(grace[0])
      ? checkPair(grace, ttl, (less, more) => less <= more, ['at most', 'at least'], isWritten)
      : []),
  ];
}

/** Reported at the lesser one where it is in the file, else at the other: nobody looks for a line that isn't there. */
function checkPair(
  [lessPath, less]: Duration,
  [morePath, more]: Duration,
  holds: (less: number, more: number) => boolean,
  [wantLess, wantMore]: readonly [string, string],
  isWritten: IsWritten,
): readonly Finding[] {
  if (less === undefined || more === undefined || holds(less, more)) return [];
  const atLess = isWritten(lessPath) || !isWritten(morePath);
  const [path, want, otherPath, other] = atLess
    ? [lessPath, wantLess, morePath, more]
    : [morePath, wantMore, lessPath, less];
  const than = want.startsWith('at ') ? '' : ' than';
  const origin = isWritten(otherPath) ? '' : ', its default';
  return [
    { path, message: `must be ${want}${than} ${formatPath(otherPath)} (${formatDuration(other)}${origin})` },
  ];
}

/** Two listeners can't share an address; port 0 is another one each time. */
function checkListeners({ listen }: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  const seen = new Map<string, string>();
  const inFileFirst = Object.entries(listen ?? {}).sort(
    ([a], [b]) => Number(isWritten(['listen', a])) - Number(isWritten(['listen', b])),
  );
  return inFileFirst.flatMap(([key, address]) => {
    if (address === undefined || address.endsWith(':0')) return [];
    const other = seen.get(address);
    seen.set(address, key);
    if (other === undefined) return [];
    return [
      { path: ['listen', key], message: `must differ from listen.${other}, which has the same address` },
    ];
  });
}

/** The later of two entries that agree in all of these keys is named, at the first of the keys. */
function checkUnique<K extends string>(
  list: string,
  entries: readonly (Readonly<Partial<Record<K, string | undefined>>> | undefined)[] | undefined,
  keys: readonly [K, ...K[]],
): readonly Finding[] {
  const seen = new Map<string, number>();
  return (entries ?? []).flatMap((entry, index) => {
    const values = keys.map((key) => entry?.[key]);
    if (values.includes(undefined)) return [];
    const identity = JSON.stringify(values);
    const first = seen.get(identity);
    if (first === undefined) {
      seen.set(identity, index);
      return [];
    }
    const message = `must differ from ${list}[${first}], which has the same ${keys.join(', ')}`;
    return [{ path: [list, index, keys[0]], message }];
  });
}

function checkApps({ routes, apps }: Readable<Config>): readonly Finding[] {
  if (apps === undefined) return [];
  const known = Object.keys(apps);
  return (routes ?? []).flatMap((route, index) => {
    if (route?.app === undefined || known.includes(route.app)) return [];
    const nearest = nearestWord(route.app, known);
    const hint = nearest === undefined ? sayApps(known) : `did you mean "${nearest}"?`;
    return [{ path: ['routes', index, 'app'], message: `must be a key of apps; ${hint}` }];
  });
}

function checkHeaderNames({ apps }: Readable<Config>): readonly Finding[] {
  return Object.entries(apps ?? {}).flatMap(([app, config]) =>
    (['attributes', 'slices'] as const).flatMap((kind) =>
      sameHeaders(config?.reads?.[kind] ?? []).map(({ index, message }) => ({
        path: ['apps', app, 'reads', kind, index],
        message,
      })),
    ),
  );
}

/** `a_b` and `a-b` are one header: no two attributes or slices of an app may be told apart by that alone. */
export function sameHeaders(
  names: readonly (string | undefined)[],
): readonly { readonly index: number; readonly message: string }[] {
  const seen = new Map<string, string>();
  return names.flatMap((name, index) => {
    if (name === undefined) return [];
    const header = name.replaceAll('_', '-');
    const other = seen.get(header);
    if (other === undefined) {
      seen.set(header, name);
      return [];
    }
    const message = `must differ from "${other}" in more than "_" and "-": both are the header ...-${header}`;
    return [{ index, message }];
  });
}

function sayApps(known: readonly string[]): string {
  const shown = known.slice(0, 10).join(', ');
  return known.length === 0 ? 'there are none' : `there are ${shown}${known.length > 10 ? ', ...' : ''}`;
}
