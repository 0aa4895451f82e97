/** What the platform team's policies let one namespace ask for. No grant is nothing. */
import { covers } from '../session/view.ts';
import type { Namespace, OpenRoute, SessionRoutePolicySpec } from './resources.ts';

export interface Grants {
  /** Whether its routes may be for this host, or this `*.SUFFIX`. */
  host(host: string): boolean;
  /** Whether one policy grants the host and such routes on it. */
  openRoute(host: string, kind: OpenRoute): boolean;
  readsScope(pattern: string): boolean;
  readsAttribute(name: string): boolean;
  readsSlice(name: string): boolean;
  writesAttribute(name: string): boolean;
  writesSlice(name: string): boolean;
}

/** `namespace` is undefined where nothing is known of it but its name: then no selector selects it. */
export function grantsOf(
  name: string,
  namespace: Namespace | undefined,
  policies: readonly SessionRoutePolicySpec[],
): Grants {
  const own = policies.filter((policy) => isFor(policy, name, namespace));
  const some = (test: (policy: SessionRoutePolicySpec) => boolean) => own.some(test);
  const grantsHost = (policy: SessionRoutePolicySpec, host: string) =>
    policy.hosts.some((granted) => coversHost(granted, host));
  return {
    host: (host) => some((policy) => grantsHost(policy, host)),
    openRoute: (host, kind) => some((policy) => grantsHost(policy, host) && policy.openRoutes.includes(kind)),
    readsScope: (pattern) => some(({ reads }) => reads.scopes.some((granted) => covers(granted, pattern))),
    readsAttribute: (part) => some(({ reads }) => reads.attributes.includes(part)),
    readsSlice: (part) => some(({ reads }) => reads.slices.includes(part)),
    writesAttribute: (part) => some(({ writesAttributes }) => writesAttributes.includes(part)),
    writesSlice: (part) => some(({ writes }) => writes.includes(part)),
  };
}

function isFor(policy: SessionRoutePolicySpec, name: string, namespace: Namespace | undefined): boolean {
  if (policy.namespaces !== undefined) return policy.namespaces.includes(name);
  if (policy.namespaceSelector === undefined || namespace === undefined) return false;
  const { labels = {} } = namespace.metadata;
  const { matchLabels, matchExpressions } = policy.namespaceSelector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    matchExpressions.every((expression) => holds(expression, labelOf(labels, expression.key)))
  );
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

type Expression = NonNullable<SessionRoutePolicySpec['namespaceSelector']>['matchExpressions'][number];

/** As Kubernetes' label selectors have it: a label that is not there is `NotIn` everything. */
function holds({ operator, values }: Expression, label: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return label !== undefined && values.includes(label);
    case 'NotIn':
      return label === undefined || !values.includes(label);
    case 'Exists':
      return label !== undefined;
    case 'DoesNotExist':
      return label === undefined;
  }
}

/** `*.SUFFIX` is everything below the suffix, `*.` patterns included, and not the suffix itself. */
function coversHost(granted: string, host: string): boolean {
  return granted === host || (granted.startsWith('*.') && host.endsWith(granted.slice(1)));
}
