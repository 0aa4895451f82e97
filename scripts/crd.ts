/**
 * Makes the CRDs out of the schemas that the program checks with. Hides the difference between JSON Schema and the structural
 * schemas of Kubernetes, and the bounds that CEL needs to know what a rule costs.
 */
import { z } from 'zod';
import type { JsonSchema } from '../src/config/json-schema.ts';
import { GROUP, VERSION, sessionRoutePolicySpec, sessionRouteSpec } from '../src/kubernetes/resources.ts';

/** A rule in CEL (`x-kubernetes-validations`). */
export interface Rule {
  readonly rule: string;
  readonly message: string;
}

/** The parts of a structural schema that are used here. */
export interface StructuralSchema {
  readonly type: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly items?: StructuralSchema;
  readonly additionalProperties?: StructuralSchema;
  readonly 'x-kubernetes-validations'?: readonly Rule[];
  readonly [keyword: string]: unknown;
}

/** By the path below `spec`, `*` for any item or name. */
type RulesByPath = Readonly<Record<string, readonly Rule[]>>;

const NAMES_OF_PARTS: Rule = {
  rule: "self.all(name, name.matches('^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$'))",
  message:
    'each name must be lower-case letters, digits, "-" and "_", and begin and end with a letter or digit',
};

const SESSION_ROUTE_RULES: RulesByPath = {
  'routes.*.require': [
    {
      rule: '[has(self.all), has(self.any), has(self.session), has(self.optional), has(self.public)].filter(x, x).size() == 1',
      message: 'must have exactly one of all, any, session, optional and public',
    },
  ],
  'routes.*.match.path': [
    { rule: "!self.contains('//')", message: 'must have no empty segment ("//")' },
    {
      rule: "!self.matches('[?#%; ]')",
      message: 'must be written decoded and without query: no % ? # ; or spaces',
    },
    { rule: "!self.matches('[*][}].')", message: 'a "{rest*}" must be the last segment' },
  ],
  'app.writes': [NAMES_OF_PARTS],
  'app.writesAttributes': [NAMES_OF_PARTS],
};

const POLICY_RULES: RulesByPath = {
  '': [
    {
      rule: 'has(self.namespaces) != has(self.namespaceSelector)',
      message: 'must have exactly one of namespaces and namespaceSelector',
    },
  ],
  'namespaceSelector.matchExpressions.*': [
    {
      rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
      message: 'values are for In and NotIn, which need at least one',
    },
  ],
};

/** Lists in which one value twice means nothing more. */
const SETS = ['serviceAccounts', 'namespaces', 'hosts', 'openRoutes'];

/** A kind of resource, as its CRD and its reference have it. */
export interface Shape {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster';
  /** What users write. */
  readonly written: JsonSchema;
  readonly rules: RulesByPath;
  readonly status?: StructuralSchema;
  readonly columns: readonly object[];
}

const AGE = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

const text = (description: string, more: object = {}): StructuralSchema => ({
  type: 'string',
  description,
  ...more,
});

const CONDITION: StructuralSchema = {
  type: 'object',
  required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
  properties: {
    type: text('Accepted.', { maxLength: 316, minLength: 1 }),
    status: text('True where its routes count, False where none does.', {
      enum: ['True', 'False', 'Unknown'],
    }),
    reason: text('Why, in one word.', { maxLength: 1024, minLength: 1 }),
    message: text('Why, in full.', { maxLength: 32_768 }),
    observedGeneration: {
      type: 'integer',
      format: 'int64',
      minimum: 0,
      description: 'The generation of the resource that this is about.',
    },
    lastTransitionTime: text('When the status last changed.', { format: 'date-time' }),
  },
};

const STATUS: StructuralSchema = {
  type: 'object',
  description: 'What became of it. Singlestate writes it.',
  properties: {
    conditions: {
      type: 'array',
      maxItems: 8,
      items: CONDITION,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    },
  },
};

const accepted = (field: string) => `.status.conditions[?(@.type=="Accepted")].${field}`;

/** In the order in which they are written. */
export const SHAPES: readonly Shape[] = [
  {
    kind: 'SessionRoute',
    plural: 'sessionroutes',
    singular: 'sessionroute',
    shortNames: ['sroute'],
    scope: 'Namespaced',
    written: writtenSchemaOf(sessionRouteSpec),
    rules: SESSION_ROUTE_RULES,
    status: STATUS,
    columns: [
      { name: 'Accepted', type: 'string', jsonPath: accepted('status') },
      { name: 'Reason', type: 'string', jsonPath: accepted('reason') },
      { name: 'Message', type: 'string', priority: 1, jsonPath: accepted('message') },
      AGE,
    ],
  },
  {
    kind: 'SessionRoutePolicy',
    plural: 'sessionroutepolicies',
    singular: 'sessionroutepolicy',
    shortNames: ['sroutepolicy'],
    scope: 'Cluster',
    written: writtenSchemaOf(sessionRoutePolicySpec),
    rules: POLICY_RULES,
    columns: [
      { name: 'Namespaces', type: 'string', jsonPath: '.spec.namespaces' },
      { name: 'Hosts', type: 'string', jsonPath: '.spec.hosts' },
      { name: 'Open', type: 'string', priority: 1, jsonPath: '.spec.openRoutes' },
      AGE,
    ],
  },
];

/** As the API server takes them. They stay when the release goes: with them would go every resource of every team. */
export function customResourceDefinitions(): readonly object[] {
  return SHAPES.map((shape) => {
    const { kind, plural, singular, shortNames, scope } = shape;
    return {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${GROUP}`, annotations: { 'helm.sh/resource-policy': 'keep' } },
      spec: {
        group: GROUP,
        names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories: ['singlestate'] },
        scope,
        versions: [versionOf(shape)],
      },
    };
  });
}

function versionOf({ written, rules, status, columns }: Shape): object {
  const spec = structural(written, rules);
  const openAPIV3Schema = {
    type: 'object',
    description: spec.description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec,
      ...(status && { status }),
    },
  };
  return {
    name: VERSION,
    served: true,
    storage: true,
    ...(status && { subresources: { status: {} } }),
    additionalPrinterColumns: columns,
    schema: { openAPIV3Schema },
  };
}

function writtenSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
}

function structural(written: JsonSchema, rules: RulesByPath): StructuralSchema {
  const unused = new Set(Object.keys(rules));
  const converted = convert(written, [], (path) => {
    unused.delete(path);
    return rules[path];
  });
  if (unused.size > 0) throw new Error(`there is nothing at ${[...unused].join(', ')}`);
  return converted;
}

/** As much of JSON Schema as zod makes of our schemas. */
type Written = JsonSchema & {
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
};

/** Kubernetes has to know a bound of everything that a rule in CEL looks at; for us they are limits that nobody meets. */
export const BOUNDS = { maxItems: 64, maxLength: 512, maxProperties: 32 } as const;

function convert(
  schema: Written,
  path: readonly string[],
  rulesAt: (path: string) => readonly Rule[] | undefined,
): StructuralSchema {
  const rules = rulesAt(path.join('.'));
  const inner = (part: JsonSchema, step: string) => convert(part, [...path, step], rulesAt);
  return {
    type: schema.type ?? 'object',
    ...descriptionOf(schema),
    ...(rules && { 'x-kubernetes-validations': rules }),
    ...shapeOf(schema, path.at(-1) ?? '', inner),
  };
}

/** Unknown keys are kept, so that the program sees and refuses them: the API server would drop a misspelled restriction. */
const KEEP_UNKNOWN = { 'x-kubernetes-preserve-unknown-fields': true };

function shapeOf(
  schema: Written,
  name: string,
  inner: (part: JsonSchema, step: string) => StructuralSchema,
): object {
  const { properties, required, items, additionalProperties: named } = schema;
  if (properties !== undefined) {
    const parts = Object.entries(properties).map(([key, part]) => [key, inner(part, key)] as const);
    const mustHave = required && required.length > 0 && { required };
    return { ...KEEP_UNKNOWN, ...mustHave, properties: Object.fromEntries(parts) };
  }
  if (items !== undefined) {
    const isSet = SETS.includes(name) && { 'x-kubernetes-list-type': 'set' };
    const least = schema.minItems !== undefined && { minItems: schema.minItems };
    const most = Math.min(schema.maxItems ?? Infinity, BOUNDS.maxItems);
    return { ...least, maxItems: most, ...isSet, items: inner(items, '*') };
  }
  if (schema.type !== 'object') return scalarOf(schema);
  // A JSON Schema: what is in it is checked by the program.
  if (schema.title === 'JSON Schema' || typeof named !== 'object') return KEEP_UNKNOWN;
  return { maxProperties: BOUNDS.maxProperties, additionalProperties: inner(named, '*') };
}

function scalarOf({ type, pattern, minLength, const: only, enum: choices }: Written): object {
  const values = only === undefined ? choices : [only];
  return {
    ...(values && { enum: values }),
    ...(pattern !== undefined && { pattern }),
    ...(minLength !== undefined && { minLength }),
    ...(type === 'string' && values === undefined && { maxLength: BOUNDS.maxLength }),
  };
}

/** The API server would write a default into the resource; here it stays what it is for the file: what is not said. */
function descriptionOf({ description = '', default: preset }: Written): { description?: string } {
  const isShown = typeof preset === 'string' || typeof preset === 'boolean';
  const whole = `${description}${isShown ? ` Default: ${preset.toString()}.` : ''}`;
  return whole === '' ? {} : { description: whole };
}
