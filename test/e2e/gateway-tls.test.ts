/** A real Envoy that asks over HTTP and mutual TLS. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { createTestCa } from '../parts/certificates.ts';
import { envoyOverHttp } from '../parts/gateways.ts';
import { createBed } from './bed.ts';

const NAME = 'singlestate.internal';

test('E4 Envoy is answered over HTTP and mutual TLS, and nobody in cleartext', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'singlestate-tls-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true }));
  const at = (name: string) => join(folder, name);
  const ca = createTestCa('mesh');
  for (const [name, { certificate, key }] of Object.entries({
    server: ca.issue({ dns: [NAME] }),
    envoy: ca.issue({ dns: ['envoy.edge.svc'] }),
  })) {
    await writeFile(at(`${name}.pem`), certificate);
    await writeFile(at(`${name}.key`), key);
  }
  await writeFile(at('ca.pem'), ca.certificate);
  const withTls = (text: string) => {
    const document = parseDocument(text);
    const transportSocket = {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
        sni: NAME,
        common_tls_context: {
          tls_certificates: [
            { certificate_chain: { filename: at('envoy.pem') }, private_key: { filename: at('envoy.key') } },
          ],
          validation_context: {
            trusted_ca: { filename: at('ca.pem') },
            match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: NAME } }],
          },
        },
      },
    };
    document.setIn(
      ['static_resources', 'clusters', 0, 'transport_socket'],
      document.createNode(transportSocket),
    );
    // Otherwise health would be asked for with TLS as well, which `ops` does not speak here.
    document.deleteIn(['static_resources', 'clusters', 0, 'health_checks']);
    return document.toString({ lineWidth: 0 });
  };
  const files = { certFile: at('server.pem'), keyFile: at('server.key'), clientCaFile: at('ca.pem') };
  await using bed = await createBed({
    gateway: envoyOverHttp(withTls),
    config: { tls: { http: { ...files, clients: ['envoy.edge.svc'] } } },
  });
  const { token } = await bed.open();
  expect(await bed.ask('/me', { token })).toMatchObject({ status: 200 });
  expect(await bed.ask('/me')).toMatchObject({ status: 401 });
  const { http } = bed.server.addresses;
  const port = http?.kind === 'tcp' ? http.port : 0;
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
});
