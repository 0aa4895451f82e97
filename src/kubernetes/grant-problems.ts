/** What a SessionRoute asks for and no policy grants, in words for the app team. */
import type { Grants } from './grants.ts';
import type { VerdictReason } from './reasons.ts';
import type { OpenRoute, SessionRouteSpec } from './resources.ts';

export interface Problem {
  readonly reason: VerdictReason;
  /** `spec.FIELD: what is wrong`. */
  readonly message: string;
}

/** `unreadable` are policies that grant nothing as they are written: perhaps what is missing was meant to be in them. */
export function grantProblems(
  spec: SessionRouteSpec,
  grants: Grants,
  unreadable: readonly string[],
): readonly Problem[] {
  const problems = [
    ...hostProblems(spec, grants),
    ...openRouteProblems(spec, grants),
    ...partProblems(spec, grants),
  ];
  return problems.map(({ reason, message }) => ({ reason, message: message + noteOf(unreadable) }));
}

/** The same on every replica, whatever the order in which policies came. */
function noteOf(unreadable: readonly string[]): string {
  const [name, ...others] = unreadable.toSorted();
  if (name === undefined) return '';
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return ` (and the SessionRoutePolicy ${name}${more} can't be read)`;
}

function hostProblems(spec: SessionRouteSpec, grants: Grants): readonly Problem[] {
  return spec.routes.flatMap(({ match: { host } }, index) =>
    grants.host(host)
      ? []
      : [
          {
            reason: 'HostNotGranted',
            message: `spec.routes[${index}].match.host: no SessionRoutePolicy grants ${host} to this namespace`,
          },
        ],
  );
}

function openRouteProblems(spec: SessionRouteSpec, grants: Grants): readonly Problem[] {
  return spec.routes.flatMap((route, index) =>
    openKinds(route)
      .filter((kind) => grants.host(route.match.host) && !grants.openRoute(route.match.host, kind))
      .map((kind) => ({
        reason: 'OpenRouteNotGranted',
        message: `spec.routes[${index}].${kind === 'shadow' ? 'mode' : 'require'}: no SessionRoutePolicy that grants ${route.match.host} has ${kind} in openRoutes`,
      })),
  );
}

/** Every way in which a route lets requests pass that have no session. */
function openKinds({ require, mode }: SessionRouteSpec['routes'][number]): readonly OpenRoute[] {
  return [
    ...(require.public === true ? (['public'] as const) : []),
    ...(require.optional === true ? (['optional'] as const) : []),
    ...(mode === 'shadow' ? (['shadow'] as const) : []),
  ];
}

function partProblems({ app }: SessionRouteSpec, grants: Grants): readonly Problem[] {
  if (app === undefined) return [];
  const { reads, writes, writesAttributes } = app;
  const asked: readonly (readonly [field: string, name: string, isGranted: boolean])[] = [
    ...reads.scopes.map((name) => ['reads.scopes', name, grants.readsScope(name)] as const),
    ...reads.attributes.map((name) => ['reads.attributes', name, grants.readsAttribute(name)] as const),
    ...reads.slices.map((name) => ['reads.slices', name, grants.readsSlice(name)] as const),
    ...Object.keys(writes).map((name) => ['writes', name, grants.writesSlice(name)] as const),
    ...Object.keys(writesAttributes).map(
      (name) => ['writesAttributes', name, grants.writesAttribute(name)] as const,
    ),
  ];
  return asked
    .filter(([, , isGranted]) => !isGranted)
    .map(([field, name]) => ({
      reason: 'PartNotGranted',
      message: `spec.app.${field}: no SessionRoutePolicy grants ${name} to this namespace`,
    }));
}
