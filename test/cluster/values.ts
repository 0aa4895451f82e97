/** The values that the chart is installed with in the cluster tests. */
import { IMAGES } from './pods.ts';
import { OPERATOR_AUDIENCE, type Issuer } from './sessions.ts';

export interface ValuesOptions {
  readonly namespace: string;
  readonly issuer: Issuer;
  /** That signed the provider's certificate. */
  readonly ca: string;
  /** `iss` of the cluster's service account tokens. */
  readonly clusterIssuer: string;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** As `helm --values` takes them: JSON is YAML. */
export function chartValues({ namespace, issuer, ca, clusterIssuer }: ValuesOptions) {
  const [repository, tag] = splitImage(IMAGES.singlestate);
  const [valkeyRepository, valkeyTag] = splitImage(IMAGES.valkey);
  return {
    image: { repository, tag },
    minReadySeconds: 15,
    valkey: { enabled: true, image: { repository: valkeyRepository, tag: valkeyTag } },
    serviceAccount: { mountToken: true },
    keys: { rotation: { enabled: true, activateIn: '0s' } },
    // A provider whose certificate no public CA has signed.
    env: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/singlestate/provider-ca.pem' }],
    files: {
      'provider-ca.pem': ca,
      'operators.json': JSON.stringify({ keys: [issuer.key.publicJwk] }),
      'schemas/cart.json': JSON.stringify({ type: 'object' }),
    },
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    config: {
      // A machine that has a whole cluster to run is late now and then; what is shown here is not how fast it is.
      check: { deadline: '1500ms' },
      store: { deadline: '1s' },
      token: { issuer: 'http://singlestate:9003', ttl: '1h' },
      identityProviders: [{ name: 'main', issuer: issuer.url, clientId: 'singlestate' }],
      operators: [
        {
          name: 'on-call',
          issuer: issuer.url,
          subject: 'on-call',
          audience: OPERATOR_AUDIENCE,
          jwksFile: 'operators.json',
        },
      ],
      apps: {
        billing: {
          identities: [
            {
              issuer: clusterIssuer,
              subject: `system:serviceaccount:${namespace}:billing`,
              jwksUrl: 'https://kubernetes.default.svc/openid/v1/jwks',
              caFile: `${ACCOUNT}/ca.crt`,
              tokenFile: `${ACCOUNT}/token`,
            },
          ],
          reads: { scopes: ['invoices:*'], slices: ['cart'] },
          writes: { cart: 'schemas/cart.json' },
        },
      },
      routes: [
        { match: { path: '/invoices' }, app: 'billing', require: { all: ['invoices:read'] } },
        { match: { path: '/invoices/all' }, app: 'billing', require: { all: ['invoices:admin'] } },
      ],
    },
  };
}

/** The repository, and the tag. */
export function splitImage(image: string): readonly [string, string] {
  const colon = image.lastIndexOf(':');
  return [image.slice(0, colon), image.slice(colon + 1)];
}
