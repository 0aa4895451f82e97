/** What SessionRoutes of the cluster add to the runtime of a configuration: routes, apps, who these are, what they may write. */
import type { AppWriteRules } from '../api/write-rules.ts';
import { compilePolicy } from '../authz/policy.ts';
import { compileRoutesInSteps } from '../authz/routes.ts';
import type { AppConfig, Config } from '../config/schema.ts';
import type { RecognizingOptions } from '../identity/jwt-identities.ts';
import { createWorkloadAuthenticator } from '../identity/workload-authenticator.ts';
import { judge, type Judgement, type ResourceApp } from '../kubernetes/judge.ts';
import type { Snapshot } from '../kubernetes/resources.ts';
import { amongOthers } from '../steps/steps.ts';
import type { ResourceSchemas } from './resource-schemas.ts';
import { viewsOf, type Runtime, type RuntimeOptions } from './runtime.ts';

export interface Extended {
  readonly runtime: Runtime;
  readonly judgement: Judgement;
}

export interface ExtendingOptions extends Pick<RuntimeOptions, 'now'> {
  readonly schemas: ResourceSchemas;
  /** Of a SessionRoute, which is refused for it. */
  readonly onFault: (title: string, error: unknown) => void;
}

/**
 * `base` is the runtime of the file alone, and `before` one that was made of the same `base`. Asks no network. Rejects
 * where a file that the configuration names can't be read any more.
 */
export async function withSessionRoutes(
  base: Runtime,
  snapshot: Snapshot,
  before: Runtime,
  options: ExtendingOptions,
): Promise<Extended> {
  const { schemas, onFault } = options;
  schemas.turnOver();
  const schemaProblem = (namespace: string, schema: object) => {
    const compiled = schemas.compile(namespace, schema);
    return compiled.ok ? undefined : compiled.problem;
  };
  const judgement = await amongOthers(judge(base.config, snapshot, { schemaProblem, onFault }));
  const { routes, apps } = judgement;
  const config = extended(base.config, apps);
  const table = await amongOthers(compileRoutesInSteps([...config.routes, ...routes]));
  if (!table.ok)
    throw new TypeError(`accepted routes do not go together: ${table.problems[0]?.message ?? ''}`);
  const { tokens, assertions } = base.policy;
  const runtime = {
    ...base,
    policy: compilePolicy(config, { routes: table.table, tokens, assertions }),
    workloads: await workloadsOf(config, before, { nowMs: options.now, keysOf: base.issuerKeys.of }),
    workloadApps: config.apps,
    writeRules: new Map([
      ...base.writeRules,
      ...apps.map((app) => [app.name, writeRulesOf(app, schemas)] as const),
    ]),
    views: viewsOf(config.apps),
  };
  return { runtime, judgement };
}

function extended(config: Config, apps: readonly ResourceApp[]): Config {
  const own = Object.fromEntries(apps.map((app) => [app.name, app.config]));
  return { ...config, apps: { ...config.apps, ...own } };
}

/** Those in use stay where nobody came or went: the files that the configuration names are not read again for it. */
async function workloadsOf(config: Config, before: Runtime, options: RecognizingOptions) {
  return identitiesOf(config.apps) === identitiesOf(before.workloadApps)
    ? before.workloads
    : createWorkloadAuthenticator(config.apps, options);
}

function identitiesOf(apps: Readonly<Record<string, AppConfig>>): string {
  return JSON.stringify(Object.entries(apps).map(([name, { identities }]) => [name, identities]));
}

/** A schema that does not compile is not in here, so that nothing can be written by it; its resource was refused. */
function writeRulesOf(
  { namespace, schemas: { writes, writesAttributes } }: ResourceApp,
  compiler: ResourceSchemas,
): AppWriteRules {
  const checks = (parts: Readonly<Record<string, object>>) =>
    new Map(
      Object.entries(parts).flatMap(([name, schema]) => {
        const compiled = compiler.compile(namespace, schema);
        return compiled.ok ? [[name, compiled.check] as const] : [];
      }),
    );
  return { slice: checks(writes), attribute: checks(writesAttributes) };
}
