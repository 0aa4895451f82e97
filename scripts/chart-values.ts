/** What each value of the Helm chart means: the source of its JSON Schema and of the reference's table. */
import { publishedSchema, type JsonSchema } from '../src/config/json-schema.ts';

/** As much of JSON Schema as values need. */
export interface ValueSchema {
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly not?: { readonly const: string };
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly items?: ValueSchema;
  readonly propertyNames?: ValueSchema;
  readonly additionalProperties?: boolean | ValueSchema;
}

const mapping = (properties: Readonly<Record<string, ValueSchema>>, description = ''): ValueSchema => ({
  ...(description && { description }),
  type: 'object',
  properties,
  additionalProperties: false,
});
/** RFC 1123 section 2.1, or nothing. */
const DNS_LABEL = '^([a-z]([a-z0-9-]{0,61}[a-z0-9])?)?$';

const text = (description: string): ValueSchema => ({ description, type: 'string' });
const flag = (description: string): ValueSchema => ({ description, type: 'boolean' });
const whole = (description: string, minimum: number, maximum: number): ValueSchema => ({
  description,
  type: 'integer',
  minimum,
  maximum,
});
/** What is handed on as it is: Kubernetes' own schema says what is right. */
const given = (description: string): ValueSchema => ({ description, type: 'object' });
const givenList = (description: string): ValueSchema => ({
  description,
  type: 'array',
  items: { type: 'object' },
});
const texts = (description: string): ValueSchema => ({
  description,
  type: 'object',
  additionalProperties: { type: 'string' },
});
const span = (description: string): ValueSchema => ({
  description,
  type: 'string',
  pattern: '^[0-9]+(ms|s|m|h|d)$',
});

/** Below /etc/singlestate, by a relative path that stays there, and not over the configuration itself. */
const FILE_PATH: ValueSchema = {
  pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$',
  not: { const: 'singlestate.yaml' },
};
/** What a rollback could not go back to. */
const NOT_LATEST = { not: { const: 'latest' } } as const;
const port = (what: string) => whole(`The port of the listener ${what}.`, 1024, 65_535);

function listenerTls(listener: string, ...services: readonly string[]): ValueSchema {
  const names = services.map((service) => `the Service ${service}`).join(' and ');
  return mapping(
    {
      secretName: text(
        `A Secret of type kubernetes.io/tls, for ${names}. Renewed certificates are taken up while it runs.` +
          (listener === 'check' ? ' `helm test` needs its `ca.crt`.' : ''),
      ),
      clientCertificates: flag(
        'Clients must present a certificate that `ca.crt` of the Secret signed; who may connect is `config.tls.' +
          `${listener}.clients\`.`,
      ),
      certificate: mapping(
        {
          issuerRef: given('With it, and without secretName, cert-manager makes the Secret: `{name, kind}`.'),
          dnsNames: {
            description: `Names besides those of ${names}.`,
            type: 'array',
            items: { type: 'string' },
          },
          duration: text('How long the certificate is valid; without it, as the issuer has it.'),
        },
        'A Certificate of cert-manager.',
      ),
    },
    `TLS of the listener \`${listener}\`. Without a Secret or an issuer it is without TLS.`,
  );
}

const peers = (listener: string, more = '') =>
  givenList(
    `Who may connect to \`${listener}\` (NetworkPolicyPeer)${more}. Without a change, every pod of the cluster; an empty list: nobody.`,
  );

const monitor = (kind: string, more = ''): ValueSchema =>
  mapping({
    enabled: flag(`Makes a ${kind} (the Prometheus operator). ${more}`.trim()),
    labels: texts('Its labels, by which Prometheus selects it.'),
  });

/** Every value but `config`, which has the schema of the configuration file. */
export const VALUES: Readonly<Record<string, ValueSchema>> = {
  image: mapping({
    repository: { ...text('The image without its tag.'), minLength: 1 },
    tag: {
      ...text(
        "Its tag; without it, the chart's appVersion. Not `latest`, which no rollback can go back from.",
      ),
      ...NOT_LATEST,
    },
    digest: { ...text('In place of a tag: `sha256:...`.'), pattern: '^(sha256:[0-9a-f]{64})?$' },
    pullPolicy: {
      description: 'When it is pulled.',
      type: 'string',
      enum: ['IfNotPresent', 'Always', 'Never'],
    },
    pullSecrets: givenList('Secrets for a private registry: `[{name: ...}]`.'),
  }),
  nameOverride: { ...text("In place of the chart's name in labels and names."), pattern: DNS_LABEL },
  fullnameOverride: { ...text('The name of everything in the release.'), pattern: DNS_LABEL },
  mode: {
    description:
      '`service`: replicas that all Envoys ask. `sidecar`: no replicas; configuration and keys for sidecars in this namespace.',
    type: 'string',
    enum: ['service', 'sidecar'],
  },
  replicas: whole('How many, unless autoscaling is enabled.', 0, 1000),
  minReadySeconds: whole(
    'How long a new replica is there before an old one goes: more than Envoys take to learn its address (30 s in the cache of DNS, 5 s in Envoy).',
    0,
    600,
  ),
  files: {
    description:
      'Files for the configuration to name: path below /etc/singlestate -> text, such as `schemas/cart.json`.',
    type: 'object',
    propertyNames: FILE_PATH,
    additionalProperties: { type: 'string' },
  },
  secretFiles: {
    description:
      'The same out of Secrets: path, such as `secrets/idp-client-secret`, -> `{secretName, key}`.',
    type: 'object',
    propertyNames: FILE_PATH,
    additionalProperties: {
      type: 'object',
      required: ['secretName', 'key'],
      properties: {
        secretName: { type: 'string', minLength: 1 },
        key: { type: 'string', minLength: 1 },
      },
      additionalProperties: false,
    },
  },
  env: givenList('Environment variables, for `${NAME}` in the configuration.'),
  ports: mapping({
    check: port('`check`'),
    http: whole(
      'The port of the listener `http`, such as 9002; 0: no such listener. It needs `config.http.trustedPeers`.',
      0,
      65_535,
    ),
    api: port('`api`'),
    ops: port('`ops`'),
  }),
  keys: mapping({
    create: flag(
      'A hook Job makes the Secrets of the keys where there are none, at installation and before upgrades.',
    ),
    tokenSecret: text('The Secret of the signing keys, one JWK file a key; without it, `NAME-token-keys`.'),
    sealing: flag('Encrypts what is stored. Browser login needs it.'),
    sealingSecret: text('The Secret of the sealing keys; without it, `NAME-sealing-keys`.'),
    rotation: mapping(
      {
        enabled: flag('Adds a key to each Secret, and removes old ones, on a schedule.'),
        schedule: text('When (cron).'),
        activateIn: span(
          'How long a new key waits: replicas, and apps that cache the JWKS, must know it by then.',
        ),
        removeTokenKeysAfter: span(
          'How long a superseded signing key is kept: more than `token.ttl` and `token.cookie.ttl`.',
        ),
        removeSealingKeysAfter: span(
          'How long a superseded sealing key is kept: more than `session.absoluteTimeout` and `audit.maxAge`.',
        ),
      },
      'A CronJob.',
    ),
  }),
  tls: mapping({
    check: listenerTls('check', 'NAME-check'),
    http: listenerTls('http', 'NAME-check', 'NAME'),
    api: listenerTls('api', 'NAME'),
    ops: listenerTls('ops', 'NAME'),
  }),
  service: mapping({ annotations: texts('Annotations of both Services.') }),
  serviceAccount: mapping({
    create: flag(
      'Makes a service account for the replicas. It has no permissions but those that `sessionRoutes` needs.',
    ),
    name: text('Its name; without it, that of the release.'),
    annotations: texts('Its annotations.'),
    mountToken: flag(
      "Mounts its token and the cluster's CA, for `tokenFile` and `caFile` of identities that this cluster vouches for. With `sessionRoutes.enabled` they are mounted anyway.",
    ),
  }),
  sessionRoutes: mapping(
    {
      enabled: flag(
        'Takes up SessionRoutes and SessionRoutePolicies of the whole cluster. It needs some 100 MB more memory a replica.',
      ),
      installCrds: flag(
        'The release has the CRDs. They stay when it is uninstalled. `false` where another release has them.',
      ),
      serviceAccountIssuer: text(
        'The issuer of service account tokens, for SessionRoutes that name service accounts: `kubectl get --raw /.well-known/openid-configuration` says it.',
      ),
    },
    'Routes that app teams bring as custom resources. Not for sidecars.',
  ),
  resources: given('Of a replica (ResourceRequirements).'),
  podLabels: texts('Further labels of the replicas.'),
  podAnnotations: texts('Further annotations of the replicas.'),
  priorityClassName: text('Of the replicas.'),
  nodeSelector: texts('Of all pods of the chart.'),
  tolerations: givenList('Of all pods of the chart.'),
  affinity: given('Of the replicas.'),
  topologySpreadConstraints: givenList(
    'Of the replicas; without it, they are spread over zones and nodes as far as that goes.',
  ),
  podDisruptionBudget: mapping({
    enabled: flag('Keeps the draining of nodes from taking many replicas at once.'),
    maxUnavailable: whole('So many at a time.', 1, 1000),
  }),
  autoscaling: mapping({
    enabled: flag(
      'A HorizontalPodAutoscaler by processor time sets the number of replicas. Switched on for a release that runs, it begins with one: docs/how-to/install-with-helm.md.',
    ),
    minReplicas: whole('At least so many.', 1, 1000),
    maxReplicas: whole('At most so many.', 1, 1000),
    targetCpuUtilization: whole('Per cent of `resources.requests.cpu`.', 1, 100),
  }),
  networkPolicy: mapping({
    enabled: flag('Lets nothing connect but what `from` names; probes of the kubelet always may.'),
    from: mapping({
      check: peers('check', ' beside `helm test`'),
      http: peers('http'),
      api: peers('api'),
      ops: peers('ops', ': Prometheus, and a gateway that looks there for health'),
    }),
    egress: givenList(
      'Where replicas may connect to (NetworkPolicyEgressRule): the store, identity providers, with `sessionRoutes.enabled` the API server. DNS is added. Empty: anywhere.',
    ),
  }),
  monitoring: mapping({
    interval: span('Between two scrapes.'),
    tlsConfig: given('For scraping `ops` over TLS (TLSConfig of the Prometheus operator).'),
    serviceMonitor: monitor('ServiceMonitor'),
    podMonitor: monitor('PodMonitor'),
    prometheusRule: monitor(
      'PrometheusRule of deploy/prometheus/alerts.yaml',
      'Its alerts tell releases apart by themselves: in one release of all that a Prometheus scrapes it is enough.',
    ),
    dashboard: mapping({
      enabled: flag('Makes a ConfigMap of deploy/grafana/singlestate.json. One is enough for all releases.'),
      labels: texts("Its labels, by which Grafana's sidecar finds it."),
      annotations: texts('Its annotations, such as `grafana_folder`.'),
    }),
  }),
  valkey: mapping(
    {
      enabled: flag('Installs one Valkey server beside it, and makes it the store.'),
      image: mapping({
        repository: text('The image of Valkey without its tag.'),
        tag: { ...text('Its tag.'), minLength: 1, ...NOT_LATEST },
      }),
      storage: mapping({
        size: text('The size of its volume, such as `1Gi`; without it, sessions end with its pod.'),
        className: text("The volume's storage class; without it, the cluster's default."),
      }),
      resources: given('Of the server.'),
    },
    'For trying out: no password, no TLS, no second server.',
  ),
};

/** What Helm itself puts beside the values: those for all charts, and those for the chart below this one. */
const HELMS_OWN = { global: { type: 'object' }, 'singlestate-pod': { type: 'object' } };

/** The schema of values.yaml as a whole, with that of the configuration in it. */
export function valuesSchema(): object {
  const { $defs, ...config } = publishedSchema() as JsonSchema & { readonly $defs?: object };
  const properties = { ...VALUES, config: chartConfigSchema(config), ...HELMS_OWN };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Values of the chart singlestate',
    type: 'object',
    required: ['config'],
    additionalProperties: false,
    properties,
    ...($defs && { $defs }),
  };
}

/** A part of a JSON Schema that is a mapping. */
type Mapping = JsonSchema & {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
};

function chartConfigSchema(config: JsonSchema): object {
  const whole = config as Mapping;
  const schema = without(without(whole, 'listen'), 'kubernetes');
  const { store, token, sealing, tls } = schema.properties as Record<
    'store' | 'token' | 'sealing' | 'tls',
    Mapping
  >;
  return {
    type: 'object',
    additionalProperties: false,
    description:
      'The configuration (docs/reference/configuration.md), without `listen`, `kubernetes`, `token.keysDir` and `sealing.keysDir`, which the chart sets. Relative file names are below /etc/singlestate.',
    required: ['token'],
    properties: {
      ...schema.properties,
      // With valkey.enabled the chart sets the URL; without, a template says that it is missing.
      store: { ...store, required: [] },
      token: without(token, 'keysDir'),
      sealing: without(sealing, 'keysDir'),
      // The files of a listener are the chart's where it knows its Secret.
      tls: { ...tls, properties: mapEach(tls.properties, (listener) => ({ ...listener, required: [] })) },
    },
  };
}

function without(schema: Mapping, key: string): Mapping {
  const properties = Object.fromEntries(Object.entries(schema.properties).filter(([name]) => name !== key));
  return { ...schema, properties, required: (schema.required ?? []).filter((name) => name !== key) };
}

function mapEach(
  properties: Readonly<Record<string, JsonSchema>>,
  change: (schema: JsonSchema) => JsonSchema,
): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, change(schema)]));
}
