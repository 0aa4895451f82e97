/** A real Envoy that asks over mutual TLS: as its SPIFFE id, while certificates change, and when it may no longer. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import { createTestCa, type Identity } from '../parts/certificates.ts';
import { changeConfig, createBed, type Bed } from './bed.ts';

const SPIFFE_ID = 'spiffe://mesh.test/ns/edge/sa/envoy';
const SERVER_NAME = 'singlestate.internal';
const TRANSPORT_SOCKET = ['static_resources', 'clusters', 0, 'transport_socket'] as const;

const ca = createTestCa('mesh');
const server = ca.issue({ dns: [SERVER_NAME] });
const envoy = ca.issue({ uris: [SPIFFE_ID] });
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'singlestate-tls-'));
  await writeFile(join(folder, 'ca.pem'), ca.certificate);
  await put('envoy', envoy);
});
afterAll(() => rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);

/** Renamed into place, as whatever rotates certificates does. */
async function put(name: string, { certificate, key }: Identity): Promise<void> {
  for (const [file, text] of [
    [`${name}.key`, key],
    [`${name}.pem`, certificate],
  ] as const) {
    await writeFile(at(`${file}.new`), text);
    await rename(at(`${file}.new`), at(file));
  }
}

const tlsConfig = (clients: readonly string[]) => ({
  check: { certFile: at('server.pem'), keyFile: at('server.key'), clientCaFile: at('ca.pem'), clients },
});

/** What docs/how-to/use-tls.md shows. */
const upstreamTls = () => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    sni: SERVER_NAME,
    common_tls_context: {
      alpn_protocols: ['h2'],
      tls_certificates: [
        { certificate_chain: { filename: at('envoy.pem') }, private_key: { filename: at('envoy.key') } },
      ],
      validation_context: {
        trusted_ca: { filename: at('ca.pem') },
        match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: SERVER_NAME } }],
      },
    },
  },
});

async function createTlsBed(): Promise<Bed> {
  await put('server', server);
  return createBed({
    config: { tls: tlsConfig([SPIFFE_ID]) },
    envoy: (document) => document.setIn(TRANSPORT_SOCKET, document.createNode(upstreamTls())),
  });
}

/** Asks again and again, until it is told to stop; gives every status that was answered. */
function startLoad(bed: Bed, token: string) {
  const statuses = new Set<number>();
  let isGoing = true;
  const loops = Array.from({ length: 4 }, async () => {
    while (isGoing) statuses.add((await bed.ask('/me', { token })).status);
  });
  const all = Promise.all(loops);
  // Reported by `stop`; a test that has failed before asks no more.
  all.catch(() => undefined);
  return {
    async stop(): Promise<ReadonlySet<number>> {
      isGoing = false;
      await all;
      return statuses;
    },
  };
}

/** The fingerprint of the certificate that the check listener shows to a new connection. */
async function shownBy(bed: Bed): Promise<string> {
  const { check } = bed.server.addresses;
  if (check.kind !== 'tcp') throw new Error('a port was expected');
  const socket = connect({
    ...{ host: check.host, port: check.port, servername: SERVER_NAME, ALPNProtocols: ['h2'] },
    ...{ ca: ca.certificate, cert: envoy.certificate, key: envoy.key },
  });
  await once(socket, 'secureConnect');
  const shown = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  socket.destroy();
  return shown;
}

/** As the metrics say it. */
function endOf({ certificate }: Identity): string {
  const seconds = new X509Certificate(certificate).validToDate.getTime() / 1000;
  return `\nsinglestate_tls_certificate_not_after_timestamp_seconds{listener="check"} ${seconds}\n`;
}

const fingerprint = ({ certificate }: Identity) => new X509Certificate(certificate).fingerprint256;

test('E4 Envoy is answered over mutual TLS, and nobody in cleartext or without a certificate', async () => {
  await using bed = await createTlsBed();
  const { token } = await bed.open();
  expect(await bed.ask('/me', { token })).toMatchObject({ status: 200 });
  expect(await bed.ask('/me')).toMatchObject({ status: 401 });

  const { check } = bed.server.addresses;
  const port = check.kind === 'tcp' ? check.port : 0;
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  const stranger = connect({
    host: '127.0.0.1',
    port,
    ca: ca.certificate,
    servername: SERVER_NAME,
    ALPNProtocols: ['h2'],
  });
  await new Promise((resolve) =>
    stranger
      .on('error', () => undefined)
      .resume()
      .once('close', resolve),
  );
  await vi.waitFor(() => expect(bed.lines.some((line) => line.includes('no_certificate'))).toBe(true));
});

test('E4 certificates are replaced under load without a failed request, and bad ones change nothing', async () => {
  await using bed = await createTlsBed();
  const { token } = await bed.open();
  const load = startLoad(bed, token);
  const first = await shownBy(bed);

  const renewed = ca.issue({ dns: [SERVER_NAME], notAfter: new Date(Date.now() + 7 * 86_400_000) });
  await put('server', renewed);
  expect(await bed.metrics()).toContain(endOf(server));
  await bed.server.reload();
  expect(await bed.metrics()).toContain(endOf(renewed));
  await waitUntil(async () => (await shownBy(bed)) === fingerprint(renewed), {
    what: 'the new certificate',
    timeoutMs: 10_000,
  });
  expect(first).toBe(fingerprint(server));

  await writeFile(at('server.pem'), 'not a certificate');
  await bed.server.reload();
  expect(await bed.metrics()).toMatch(/singlestate_config_reloads_total\{outcome="refused"\} [1-9]/);
  expect(bed.lines.join('\n')).toContain(`${at('server.pem')} has no certificate`);
  expect(await shownBy(bed)).toBe(fingerprint(renewed));
  expect(await bed.metrics()).toContain(endOf(renewed));
  expect([...(await load.stop())]).toEqual([200]);
});

test('E3 E4 an Envoy that the list no longer names is cut off, and gets no request allowed', async () => {
  await using bed = await createTlsBed();
  const { token } = await bed.open();
  expect(await bed.ask('/me', { token })).toMatchObject({ status: 200 });
  await changeConfig(bed, (text) => text.replaceAll(SPIFFE_ID, 'spiffe://mesh.test/ns/edge/sa/other'));
  await bed.server.reload();
  // Until Envoy has seen its connection end, a request may fail by it; none is allowed.
  for (const path of ['/me', '/public/a', '/home']) {
    expect(await bed.ask(path, { token })).toMatchObject({ status: 503, received: undefined });
  }
  await vi.waitFor(() =>
    expect(bed.lines.some((line) => line.includes('client_not_allowed') && line.includes(SPIFFE_ID))).toBe(
      true,
    ),
  );
  await changeConfig(bed, (text) => text.replaceAll('spiffe://mesh.test/ns/edge/sa/other', SPIFFE_ID));
  await bed.server.reload();
  await waitUntil(async () => (await bed.ask('/me', { token })).status === 200, {
    what: 'Envoy, until it was answered again,',
    timeoutMs: 10_000,
  });
});
