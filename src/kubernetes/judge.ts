/**
 * Which SessionRoutes count, and why the others do not. Pure: the same resources, policies and file give the same verdicts,
 * on every replica and in every order. Each is judged by itself: one that is refused takes nothing from any other. In
 * steps, since there may be thousands, and checks go on meanwhile.
 */
import { createRuleBook, type RouteProblem, type RuleBook } from '../authz/route-rules.ts';
import { sameHeaders } from '../config/checks.ts';
import type { AppConfig, Config, RouteConfig } from '../config/schema.ts';
import type { Steps } from '../steps/steps.ts';
import { createAccounts, type Accounts } from './accounts.ts';
import { grantProblems, type Problem } from './grant-problems.ts';
import { grantsOf, type Grants } from './grants.ts';
import { createQuotas, schemasOf, type Quotas } from './quotas.ts';
import { createReader } from './read-resource.ts';
import type { Verdict, VerdictReason } from './reasons.ts';
import {
  sessionRoutePolicySpec,
  sessionRouteSpec,
  titleOf,
  type SessionRoute,
  type SessionRoutePolicySpec,
  type SessionRouteSpec,
  type Snapshot,
} from './resources.ts';

/** The app of a SessionRoute, and its JSON Schemas in place of files. */
export interface ResourceApp {
  readonly namespace: string;
  /** `NAMESPACE/NAME` */
  readonly name: string;
  readonly config: AppConfig;
  readonly schemas: Pick<NonNullable<SessionRouteSpec['app']>, 'writes' | 'writesAttributes'>;
}

export interface Judgement {
  readonly routes: readonly RouteConfig[];
  readonly apps: readonly ResourceApp[];
  /** By `titleOf`: one for each SessionRoute. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  readonly policies: {
    /** How many could be read. */
    readonly read: number;
    /** Those that grant nothing, as something in them can not be: what, by name. */
    readonly unreadable: ReadonlyMap<string, readonly string[]>;
  };
}

export interface JudgementOptions {
  /**
   * What is wrong with a JSON Schema of a namespace, to be read after its name. Asked only for parts that are granted to it,
   * one a step.
   */
  readonly schemaProblem: (namespace: string, schema: object) => string | undefined;
  /** Judging one failed by a mistake of our own: it is refused, and the others are judged. */
  readonly onFault: (title: string, error: unknown) => void;
}

const readRoute = createReader(sessionRouteSpec);
const readPolicy = createReader(sessionRoutePolicySpec);

/** What every SessionRoute is held against, and what those before it have taken. */
interface Court extends JudgementOptions {
  readonly config: Config;
  readonly book: RuleBook;
  readonly accounts: Accounts;
  readonly quotas: Quotas;
  readonly policies: Judgement['policies'];
  grantsOf(namespace: string): Grants;
}

/** `config` is the file's: where it and a resource want the same, it wins, and of two resources the older one. */
export function* judge(config: Config, snapshot: Snapshot, options: JudgementOptions): Steps<Judgement> {
  const court = openCourt(config, snapshot, options);
  const routes: RouteConfig[] = [];
  const apps: ResourceApp[] = [];
  const verdicts = new Map<string, Verdict>();
  for (const resource of snapshot.routes.toSorted(byAge)) {
    yield;
    const judged = yield* judgeSafely(resource, court);
    verdicts.set(titleOf(resource), verdictOf(resource, judged.problems));
    routes.push(...judged.routes);
    if (judged.app !== undefined) apps.push(judged.app);
  }
  return { routes, apps, verdicts, policies: court.policies };
}

function openCourt(config: Config, { policies, namespaces }: Snapshot, options: JudgementOptions): Court {
  const book = createRuleBook();
  const own = book.add(config.routes, ' of the configuration');
  if (!own.ok) throw new TypeError('the routes of the configuration were not checked before');
  const specs: SessionRoutePolicySpec[] = [];
  const unreadable = new Map<string, readonly string[]>();
  for (const policy of policies) {
    const reading = readPolicy(policy);
    if (reading.ok) specs.push(reading.spec);
    else unreadable.set(policy.metadata.name, reading.problems);
  }
  const known = new Map(namespaces.map((namespace) => [namespace.metadata.name, namespace]));
  return {
    ...options,
    config,
    book,
    policies: { read: specs.length, unreadable },
    quotas: createQuotas(),
    accounts: createAccounts(config),
    grantsOf: (namespace) => grantsOf(namespace, known.get(namespace), specs),
  };
}

/** The older one first, as Gateway API has it; of the same second, by name. */
function byAge(a: SessionRoute, b: SessionRoute): number {
  const age = Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp);
  if (age !== 0) return age;
  return titleOf(a) < titleOf(b) ? -1 : 1;
}

interface Judged {
  readonly problems: readonly Problem[];
  readonly routes: readonly RouteConfig[];
  readonly app: ResourceApp | undefined;
}

const refused = (...problems: readonly Problem[]): Judged => ({ problems, routes: [], app: undefined });

const FAULT = 'it could not be judged, by a fault of Singlestate, whose log says more';

function* judgeSafely(resource: SessionRoute, court: Court): Steps<Judged> {
  try {
    return yield* judgeOne(resource, court);
  } catch (error) {
    court.onFault(titleOf(resource), error);
    return refused({ reason: 'Invalid', message: FAULT });
  }
}

function* judgeOne(resource: SessionRoute, court: Court): Steps<Judged> {
  const reading = readRoute(resource);
  if (!reading.ok) return refused(...withReason('Invalid', reading.problems));
  const { spec } = reading;
  const { namespace } = resource.metadata;
  const { config, accounts, quotas, policies } = court;
  const problems = [
    ...withReason('Invalid', configurationProblems(spec, config)),
    ...grantProblems(spec, court.grantsOf(namespace), [...policies.unreadable.keys()]),
    ...withReason('ServiceAccountUnavailable', accounts.problems(namespace, spec.app?.serviceAccounts ?? [])),
    ...withReason('Invalid', quotas.problems(namespace, spec)),
  ];
  if (problems.length > 0) return refused(...problems);
  quotas.takeSchemas(namespace, spec);
  const wrong = yield* schemaProblems(namespace, spec, court);
  if (wrong.length > 0) return refused(...withReason('Invalid', wrong));
  const title = titleOf(resource);
  const app = spec.app && appOf(resource, spec.app, accounts);
  const routes = spec.routes.map((route) => ({ ...route, ...(app !== undefined && { app: app.name }) }));
  const added = court.book.add(routes, ` of SessionRoute ${title}`);
  if (!added.ok) return refused(...added.problems.map(routeProblem));
  quotas.takeRoutes(namespace, spec);
  accounts.take(app?.config.identities ?? [], title);
  return { problems: [], routes, app };
}

function withReason(reason: VerdictReason, messages: readonly string[]): readonly Problem[] {
  return messages.map((message) => ({ reason, message }));
}

/** What the file's own apps and routes are held against as well. */
function configurationProblems({ app, routes }: SessionRouteSpec, { login }: Config): readonly string[] {
  const headers = (['attributes', 'slices'] as const).flatMap((kind) =>
    sameHeaders(app?.reads[kind] ?? []).map(
      ({ index, message }) => `spec.app.reads.${kind}[${index}]: ${message}`,
    ),
  );
  const logins = routes.flatMap(({ onUnauthenticated }, index) =>
    onUnauthenticated === 'login' && login === undefined
      ? [`spec.routes[${index}].onUnauthenticated: must be "401": Singlestate's configuration has no login`]
      : [],
  );
  return [...headers, ...logins];
}

function* schemaProblems(namespace: string, spec: SessionRouteSpec, court: Court): Steps<readonly string[]> {
  const problems: string[] = [];
  for (const { at, schema } of schemasOf(spec)) {
    yield;
    const problem = court.schemaProblem(namespace, schema);
    if (problem !== undefined) problems.push(`${at}: ${problem}`);
  }
  return problems;
}

function routeProblem({ index, field, message, isTie }: RouteProblem): Problem {
  const path = field === 'match' ? 'match.path' : field;
  return { reason: isTie ? 'Conflict' : 'Invalid', message: `spec.routes[${index}].${path}: ${message}` };
}

function appOf(
  resource: SessionRoute,
  { serviceAccounts, writes, writesAttributes, ...rest }: NonNullable<SessionRouteSpec['app']>,
  accounts: Accounts,
): ResourceApp {
  const { namespace } = resource.metadata;
  const identities = accounts.identitiesOf(namespace, serviceAccounts);
  return {
    namespace,
    name: titleOf(resource),
    config: { ...rest, identities, writes: {}, writesAttributes: {} },
    schemas: { writes, writesAttributes },
  };
}

/** Of UTF-8: the note of an event may be of 1 KiB. Conditions may hold more, but nobody reads it. */
const LONGEST_MESSAGE = 1_000;

function verdictOf({ metadata: { uid, generation } }: SessionRoute, problems: readonly Problem[]): Verdict {
  const [first] = problems;
  if (first === undefined)
    return { uid, generation, reason: 'Accepted', message: 'its routes decide about requests' };
  const message = shortened(problems.map((problem) => problem.message).join('; '));
  return { uid, generation, reason: first.reason, message };
}

/** Text that the API server keeps as it is: no character is cut in two. */
function shortened(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= LONGEST_MESSAGE) return bytes.toString();
  const cut = new TextDecoder().decode(bytes.subarray(0, LONGEST_MESSAGE - 3), { stream: true });
  return `${cut}...`;
}
