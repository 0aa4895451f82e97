/** What SessionRoutes of the cluster add to the runtime of a configuration: routes, apps, who these are, what they may write. */
import { compileSchema, type AppWriteRules, type CompiledSchema } from '../api/write-rules.ts';
import { compilePolicy } from '../authz/policy.ts';
import { compileRoutes } from '../authz/routes.ts';
import type { AppConfig, Config } from '../config/schema.ts';
import { createWorkloadAuthenticator } from '../identity/workload-authenticator.ts';
import { judge, type Judgement, type ResourceApp } from '../kubernetes/judge.ts';
import type { Snapshot } from '../kubernetes/resources.ts';
import { compileView } from '../session/view.ts';
import { fetchingOptions, type Runtime, type RuntimeOptions } from './runtime.ts';

export interface Extended {
  readonly runtime: Runtime;
  readonly verdicts: Judgement['verdicts'];
}

/** A JSON Schema of an app team is compiled by the server that answers checks: a large one takes its time. */
const LARGEST_SCHEMA = 16 * 1024;

const compiledSchemas = new WeakMap<object, CompiledSchema>();

/**
 * `base` is the runtime of the file alone, and `before` the one in use. Asks no network. Rejects where a file that the
 * configuration names can't be read any more.
 */
export async function withSessionRoutes(
  base: Runtime,
  snapshot: Snapshot,
  before: Runtime,
  options: RuntimeOptions,
): Promise<Extended> {
  const { routes, apps, verdicts } = judge(base.config, snapshot, { schemaProblem });
  const config = extended(base.config, apps);
  const table = compileRoutes([...config.routes, ...routes]);
  if (!table.ok)
    throw new TypeError(`accepted routes do not go together: ${table.problems[0]?.message ?? ''}`);
  const { tokens, assertions } = base.policy;
  const runtime = {
    ...base,
    policy: compilePolicy(config, { routes: table.table, tokens, assertions }),
    workloads: await workloadsOf(config, before, options),
    workloadApps: config.apps,
    writeRules: new Map([...base.writeRules, ...apps.map((app) => [app.name, writeRulesOf(app)] as const)]),
    views: new Map(Object.entries(config.apps).map(([name, app]) => [name, compileView(app.reads)])),
  };
  return { runtime, verdicts };
}

function extended(config: Config, apps: readonly ResourceApp[]): Config {
  const own = Object.fromEntries(apps.map((app) => [app.name, app.config]));
  return { ...config, apps: { ...config.apps, ...own } };
}

/** Those in use have the keys that they fetched, so that they stay where nobody came or went. */
async function workloadsOf(config: Config, before: Runtime, options: RuntimeOptions) {
  return identitiesOf(config.apps) === identitiesOf(before.workloadApps)
    ? before.workloads
    : createWorkloadAuthenticator(config.apps, fetchingOptions(options));
}

function identitiesOf(apps: Readonly<Record<string, AppConfig>>): string {
  return JSON.stringify(Object.entries(apps).map(([name, { identities }]) => [name, identities]));
}

function compileOnce(schema: object): CompiledSchema {
  const known = compiledSchemas.get(schema);
  if (known !== undefined) return known;
  const { length } = JSON.stringify(schema);
  const compiled: CompiledSchema =
    length > LARGEST_SCHEMA
      ? { ok: false, problem: `is larger than ${LARGEST_SCHEMA / 1024} KiB` }
      : compileSchema(schema);
  compiledSchemas.set(schema, compiled);
  return compiled;
}

function schemaProblem(schema: object): string | undefined {
  const compiled = compileOnce(schema);
  return compiled.ok ? undefined : compiled.problem;
}

/** A schema that does not compile is not in here, so that nothing can be written by it; its resource was refused. */
function writeRulesOf({ schemas: { writes, writesAttributes } }: ResourceApp): AppWriteRules {
  const checks = (schemas: Readonly<Record<string, object>>) =>
    new Map(
      Object.entries(schemas).flatMap(([name, schema]) => {
        const compiled = compileOnce(schema);
        return compiled.ok ? [[name, compiled.check] as const] : [];
      }),
    );
  return { slice: checks(writes), attribute: checks(writesAttributes) };
}
