import { describe, expect, test } from 'vitest';
import { CHART, helm, render } from './helm.ts';

/** A change of the minimal values, as helm's options, and what the message must say. */
const WRONG: readonly (readonly [what: string, args: readonly string[], says: string])[] = [
  ['an unknown value', ['--set', 'replicaCount=3'], "additional properties 'replicaCount' not allowed"],
  [
    'a value of the wrong kind',
    ['--set-string', 'replicas=three'],
    "at '/replicas': got string, want integer",
  ],
  ['an unknown mode', ['--set', 'mode=daemon'], "at '/mode': value must be one of 'service', 'sidecar'"],
  ['the tag latest', ['--set', 'image.tag=latest'], "at '/image/tag'"],
  ['a short digest', ['--set', 'image.digest=sha256:12'], "at '/image/digest'"],
  ['a privileged port', ['--set', 'ports.check=90'], "at '/ports/check': minimum: got 90, want 1,024"],
  [
    'an unknown key of the configuration',
    ['--set', 'config.session.idleTimout=5m'],
    "at '/config/session': additional properties 'idleTimout' not allowed",
  ],
  ['a duration without a unit', ['--set', 'config.token.ttl=300'], "at '/config/token/ttl'"],
  [
    'listeners, which are the chart’s',
    ['--set', 'config.listen.check=:1'],
    "additional properties 'listen' not allowed",
  ],
  [
    'a key folder, which is the chart’s',
    ['--set', 'config.token.keysDir=/keys'],
    "additional properties 'keysDir' not allowed",
  ],
  ['a file outside of its folder', ['--set', 'files.\\.\\./x=y'], "invalid propertyName '../x'"],
  [
    'a file over the configuration',
    ['--set', 'files.singlestate\\.yaml=y'],
    "invalid propertyName 'singlestate.yaml'",
  ],
  ['a secret file without a key', ['--set', 'secretFiles.a.secretName=b'], "missing property 'key'"],
  [
    'HTTP checks by nobody',
    ['--set', 'ports.http=9002'],
    "config.http.trustedPeers must name the networks of the gateway's pods",
  ],
  ['two stores', ['--set', 'valkey.enabled=true'], 'two stores: set one of them'],
  ['memory for two replicas', ['--set', 'config.store.url=memory:'], 'each replica has sessions of its own'],
  [
    'client certificates for the kubelet',
    ['--set', 'tls.ops.clientCertificates=true'],
    'the kubelet shows no certificate',
  ],
  [
    'a drain that is not known',
    ['--set', 'config.check.drainDelay=${DELAY}'],
    'config.check.drainDelay must be a plain duration',
  ],
  [
    'SessionRoutes in sidecars',
    ['--set', 'mode=sidecar,sessionRoutes.enabled=true'],
    'sessionRoutes.enabled is not for mode "sidecar"',
  ],
  [
    'SessionRoutes read by the account of every pod',
    ['--set', 'serviceAccount.create=false,sessionRoutes.enabled=true'],
    'needs a serviceAccount.name',
  ],
  [
    'the same by its name',
    ['--set', 'serviceAccount.create=false,serviceAccount.name=default,sessionRoutes.enabled=true'],
    'needs a serviceAccount.name',
  ],
  ['a name that objects can not have', ['--set', 'nameOverride=My_App'], "at '/nameOverride'"],
  ['one that a Service can not have', ['--set', 'fullnameOverride=1a'], "at '/fullnameOverride'"],
  [
    'TLS on a unix socket',
    ['--set', 'mode=sidecar,tls.check.secretName=a'],
    'tls.check is not for mode "sidecar"',
  ],
  ['two listeners on one port', ['--set', 'ports.api=9001'], 'ports.api and ports.check are both 9001'],
  [
    'two files of one key',
    ['--set', 'files.a/b=x,files.a\\.b=y'],
    'files has a.b and a/b, which would be one key of the ConfigMap',
  ],
  [
    'more replicas at least than at most',
    ['--set', 'autoscaling.enabled=true,autoscaling.minReplicas=20'],
    'autoscaling.minReplicas is 20, more than autoscaling.maxReplicas, 10',
  ],
  [
    'sealing keys that go before what they sealed',
    ['--set', 'keys.rotation.enabled=true,config.session.absoluteTimeout=365d'],
    'keys.rotation.removeSealingKeysAfter is 120d, and must be more than config.session.absoluteTimeout, 365d',
  ],
  [
    'signing keys that go before what they signed',
    [
      '--set',
      'keys.rotation.enabled=true,keys.rotation.removeTokenKeysAfter=010h,config.token.cookie.ttl=10h',
    ],
    'keys.rotation.removeTokenKeysAfter is 010h, and must be more than config.token.cookie.ttl, 10h',
  ],
  [
    'sealing keys that go before the audit trail',
    ['--set', 'keys.rotation.enabled=true,keys.rotation.removeSealingKeysAfter=90d'],
    'keys.rotation.removeSealingKeysAfter is 90d, and must be more than config.audit.maxAge, 90d',
  ],
  [
    'a file of the key of the configuration',
    ['--set', 'files.singlestate/yaml=x'],
    'files has singlestate.yaml and singlestate/yaml',
  ],
  [
    'a file that is also secret',
    ['--set', 'files.a=x,secretFiles.a.secretName=b,secretFiles.a.key=c'],
    'a is in files and in secretFiles',
  ],
  [
    'sealing without its keys',
    ['--set', 'keys.sealing=false,config.sealing.acceptUnsealed=true'],
    'config.sealing needs keys.sealing',
  ],
];

describe('helm refuses', () => {
  test('H3 no store, and says what can be done', async () => {
    const values = ['--set', 'config.token.issuer=https://sessions.example.com'];
    await expect(helm('template', 'singlestate', CHART, ...values)).rejects.toThrow(
      'config.store.url must name a Redis or Valkey',
    );
  });

  test.each(WRONG)('H3 %s, and says so', async (_, args, says) => {
    await expect(render('minimal', ...args)).rejects.toThrow(says);
  });

  test('H3 no configuration at all', async () => {
    await expect(helm('template', 'singlestate', CHART)).rejects.toThrow(
      "at '/config': missing property 'token'",
    );
  });
});
