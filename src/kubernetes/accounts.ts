/** Which app a service account is at the Session API: one of the file, or that of the first SessionRoute that names it (C2). */
import type { AppConfig, Config } from '../config/schema.ts';

type Identities = AppConfig['identities'];

export interface Accounts {
  /** What keeps these of a namespace from being an app, each as `spec.app.serviceAccounts[0]: ...`. */
  problems(namespace: string, accounts: readonly string[]): readonly string[];
  /** None where the configuration does not say how they are verified. */
  identitiesOf(namespace: string, accounts: readonly string[]): Identities;
  /** From now on they are the app of this name. */
  take(identities: Identities, app: string): void;
}

export function createAccounts({ apps, kubernetes }: Pick<Config, 'apps' | 'kubernetes'>): Accounts {
  const verified = kubernetes?.serviceAccounts;
  const owners = new Map<string, string>();
  const take = (identities: Identities, app: string) => {
    for (const { issuer, subject } of identities) owners.set(JSON.stringify([issuer, subject]), app);
  };
  for (const [name, { identities }] of Object.entries(apps)) take(identities, name);
  const subjectOf = (namespace: string, account: string) => `system:serviceaccount:${namespace}:${account}`;
  return {
    take,
    problems: (namespace, accounts) =>
      accounts.flatMap((account, index) => {
        const at = `spec.app.serviceAccounts[${index}]`;
        if (verified === undefined) {
          return `${at}: Singlestate's configuration has no kubernetes.serviceAccounts, which says how they are verified`;
        }
        const owner = owners.get(JSON.stringify([verified.issuer, subjectOf(namespace, account)]));
        return owner === undefined ? [] : `${at}: ${account} is the app "${owner}" already`;
      }),
    identitiesOf: (namespace, accounts) =>
      verified === undefined
        ? []
        : accounts.map((account) => ({ ...verified, subject: subjectOf(namespace, account) })),
  };
}
