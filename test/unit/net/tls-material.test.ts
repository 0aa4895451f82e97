import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  loadTlsClientMaterial,
  loadTlsMaterial,
  problemsOfTlsClient,
} from '../../../src/net/tls-material.ts';
import { createTestCa, pem } from '../../parts/certificates.ts';

const NOW = Date.parse('2030-06-15T12:00:00Z');
const valid = { notBefore: new Date('2030-06-01T00:00:00Z'), notAfter: new Date('2030-07-01T00:00:00Z') };
const past = { notBefore: new Date('2030-01-01T00:00:00Z'), notAfter: new Date('2030-02-01T00:00:00Z') };
const future = { notBefore: new Date('2030-07-01T00:00:00Z'), notAfter: new Date('2030-08-01T00:00:00Z') };

const ca = createTestCa('root', valid);
const server = ca.issue({ dns: ['localhost'], ...valid });
const other = ca.issue({ dns: ['other'], ...valid });
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const FILES = {
  'server.pem': server.certificate,
  'server.key': server.key,
  'other.key': other.key,
  'backwards.pem': other.certificate + server.certificate,
  'with-text.pem': `Issuer: root\n${server.certificate}`,
  'expired.pem': '',
  'expired.key': '',
  'later.pem': '',
  'later.key': '',
  'short.pem': '',
  'short.key': '',
  'empty.pem': '',
  'text.pem': 'not a certificate',
  'damaged.pem': server.certificate + pem('CERTIFICATE', randomBytes(40)),
  'der.pem': Buffer.from(server.certificate.replace(/-----.*-----/g, ''), 'base64').toString('latin1'),
  'encrypted.key': privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'a',
  }),
  'public.key': publicKey.export({ type: 'spki', format: 'pem' }),
  'ca.pem': ca.certificate,
  'rotating.pem': createTestCa('old', past).certificate + ca.certificate,
  'old-ca.pem': createTestCa('old', past).certificate,
  'mixed.pem': ca.certificate + server.certificate,
};

for (const [name, options] of [
  ['expired', past],
  ['later', future],
  ['short', { ...valid, rsaBits: 1_024 }],
] as const) {
  const issued = ca.issue({ dns: ['localhost'], ...options });
  Object.assign(FILES, { [`${name}.pem`]: issued.certificate, [`${name}.key`]: issued.key });
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tls-material-'));
  await Promise.all(
    Object.entries(FILES).map(([name, text]) => writeFile(join(folder, name), text, 'latin1')),
  );
});
afterAll(() => rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const load = (cert: string, key: string, more: { clientCaFile?: string; clients?: readonly string[] } = {}) =>
  loadTlsMaterial(
    {
      certFile: at(cert),
      keyFile: at(key),
      ...more,
      ...(more.clientCaFile !== undefined && { clientCaFile: at(more.clientCaFile) }),
    },
    NOW,
  );

/** What was found, without the folder. */
async function problemsOf(...args: Parameters<typeof load>): Promise<readonly string[]> {
  const loaded = await load(...args);
  if (loaded.ok) return [];
  return loaded.problems.map(({ key, message }) => `${key}: ${message.replaceAll(`${folder}/`, '')}`);
}

describe('E4 the material of a TLS listener', () => {
  it('is a certificate and its key', async () => {
    expect(await load('server.pem', 'server.key')).toEqual({
      ok: true,
      material: { certificates: server.certificate, key: server.key },
      warnings: [],
    });
  });

  it('has clients with their CAs, of which one may have expired', async () => {
    const clients = ['spiffe://td/a', 'app.example.com'];
    const loaded = await load('with-text.pem', 'server.key', { clientCaFile: 'rotating.pem', clients });
    expect(loaded).toMatchObject({ ok: true, material: { clients: new Set(clients) } });
    expect(loaded.ok && loaded.material.clientCas?.map(({ subject }) => subject)).toEqual([
      'CN=old',
      'CN=root',
    ]);
  });

  it.each<[string, string, string]>([
    ['none.pem', 'server.key', 'certFile: none.pem does not exist'],
    ['.', 'server.key', 'is not a file'],
    ['empty.pem', 'server.key', 'certFile: empty.pem has no certificate: it must be PEM'],
    ['text.pem', 'server.key', 'certFile: text.pem has no certificate'],
    ['der.pem', 'server.key', 'certFile: der.pem has no certificate'],
    ['server.key', 'server.key', 'certFile: server.key has no certificate'],
    ['damaged.pem', 'server.key', 'certFile: damaged.pem has a damaged certificate, its second'],
    [
      'expired.pem',
      'expired.key',
      'certFile: expired.pem expired at 2030-02-01T00:00:00.000Z: put one there',
    ],
    ['later.pem', 'later.key', 'certFile: later.pem is not valid before 2030-07-01T00:00:00.000Z'],
    ['short.pem', 'short.key', "certFile: short.pem can't be used (OpenSSL: ee key too small)"],
    ['backwards.pem', 'server.key', 'certFile: backwards.pem must begin with the certificate that the key'],
    ['server.pem', 'other.key', 'keyFile: other.key does not belong to the certificate in server.pem'],
    ['server.pem', 'none.key', 'keyFile: none.key does not exist'],
    ['server.pem', 'server.pem', 'keyFile: server.pem has no private key: it must be PEM'],
    ['server.pem', 'public.key', 'keyFile: public.key has no private key'],
    ['server.pem', 'encrypted.key', 'keyFile: encrypted.key is encrypted: it must hold the key without'],
  ])('is not %s with %s', async (cert, key, problem) => {
    expect(await problemsOf(cert, key)).toEqual([expect.stringContaining(problem)]);
  });

  it.each<[string, Parameters<typeof load>[2], string]>([
    [
      'a CA that has expired',
      { clientCaFile: 'old-ca.pem' },
      'clientCaFile: old-ca.pem expired at 2030-02-01',
    ],
    [
      'certificates of others',
      { clientCaFile: 'mixed.pem' },
      'clientCaFile: mixed.pem must hold certificates of CAs alone: its second',
    ],
    ['no CA at all', { clientCaFile: 'server.key' }, 'clientCaFile: server.key has no certificate'],
    ['names and no CA', { clients: ['app'] }, 'clients: needs clientCaFile'],
    ['no names', { clientCaFile: 'ca.pem', clients: [] }, 'clients: must have at least one name'],
    [
      'a wildcard',
      { clientCaFile: 'ca.pem', clients: ['*.a'] },
      'clients: "*.a" must be a SPIFFE id, or a DNS name',
    ],
    [
      'another URI',
      { clientCaFile: 'ca.pem', clients: ['https://a'] },
      'clients: "https://a" must be a SPIFFE id',
    ],
  ])('has no clients by %s', async (_, more, problem) => {
    expect(await problemsOf('server.pem', 'server.key', more)).toEqual([expect.stringContaining(problem)]);
  });

  it('has all that is wrong told at once, and nothing of what its files hold', async () => {
    const problems = await problemsOf('text.pem', 'public.key', { clientCaFile: 'text.pem', clients: ['*'] });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'keyFile',
      'certFile',
      'clientCaFile',
      'clients',
    ]);
    expect(problems.join()).not.toMatch(/MII|not a certificate/);
  });

  it('is warned of when a tenth of its life is left', async () => {
    const files = { certFile: at('server.pem'), keyFile: at('server.key') };
    const [early, late] = [Date.parse('2030-06-27T23:00:00Z'), Date.parse('2030-06-28T01:00:00Z')];
    expect(await loadTlsMaterial(files, early)).toMatchObject({ ok: true, warnings: [] });
    expect(await loadTlsMaterial(files, late)).toMatchObject({
      ok: true,
      warnings: [`${at('server.pem')} expires soon, at 2030-07-01T00:00:00.000Z: renew it`],
    });
  });
});

describe('E4 the files of a TLS client', () => {
  const problems = (files: Parameters<typeof problemsOfTlsClient>[0]) => problemsOfTlsClient(files, NOW);
  const pair = () => ({ certFile: at('server.pem'), keyFile: at('server.key') });

  it('may be none, a CA, a pair, or all', async () => {
    for (const files of [{}, { caFile: at('ca.pem') }, pair(), { caFile: at('ca.pem'), ...pair() }]) {
      expect(await problems(files)).toEqual([]);
    }
  });

  it('become what node:tls takes, and nothing that is not named', async () => {
    expect(await loadTlsClientMaterial({}, NOW)).toEqual({ ok: true, material: {} });
    expect(await loadTlsClientMaterial({ caFile: at('ca.pem'), ...pair() }, NOW)).toEqual({
      ok: true,
      material: { ca: ca.certificate, cert: server.certificate, key: server.key },
    });
  });

  it('come in pairs that fit', async () => {
    expect(await problems({ certFile: at('server.pem') })).toEqual([
      { key: 'certFile', message: 'needs keyFile beside it' },
    ]);
    expect(await problems({ keyFile: at('server.key') })).toEqual([
      { key: 'keyFile', message: 'needs certFile beside it' },
    ]);
    expect(await problems({ ...pair(), keyFile: at('other.key'), caFile: at('text.pem') })).toMatchObject([
      { key: 'keyFile' },
      { key: 'caFile' },
    ]);
  });
});
