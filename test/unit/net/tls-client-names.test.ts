import { X509Certificate } from 'node:crypto';
import net from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  certificateNames,
  clientCertificateNames,
  isDnsName,
  isSpiffeId,
  rememberClientNames,
} from '../../../src/net/tls-client-names.ts';
import { createTestCa, type CertificateOptions } from '../../parts/certificates.ts';

const ca = createTestCa('root');
const namesOf = (options: CertificateOptions) =>
  certificateNames(new X509Certificate(ca.issue(options).certificate));

describe('E4 the names of a client certificate', () => {
  it.each<[string, CertificateOptions, readonly string[]]>([
    ['its SPIFFE id', { uris: ['spiffe://td/ns/a/sa/b'] }, ['spiffe://td/ns/a/sa/b']],
    ['a trust domain', { uris: ['spiffe://td'] }, ['spiffe://td']],
    ['its DNS names in lower case', { dns: ['App.example.com', 'b'] }, ['app.example.com', 'b']],
    ['both', { dns: ['a.b'], uris: ['spiffe://td/a'], ips: ['10.0.0.1'] }, ['spiffe://td/a', 'a.b']],
    ['not its common name', { commonName: 'app.example.com' }, []],
    ['not a common name beside them', { commonName: 'admin', dns: ['app'] }, ['app']],
    ['no wildcard', { dns: ['*.example.com', 'a.example.com'] }, ['a.example.com']],
    ['no address', { ips: ['10.0.0.1'] }, []],
    ['no URI of another kind', { uris: ['https://td/a'] }, []],
    ['no DNS name that looks like a URI', { dns: ['spiffe://td/admin'] }, []],
    ['no URI that looks like a DNS name', { uris: ['app.example.com'] }, []],
    ['no DNS name with a blank', { dns: ['app URI:spiffe://td/admin'] }, []],
  ])('are %s', (_, options, names) => {
    expect(namesOf(options)).toEqual({ ok: true, names });
  });

  it.each<[string, CertificateOptions, string]>([
    ['two SPIFFE ids', { uris: ['spiffe://td/a', 'spiffe://td/b'] }, 'more than one URI name'],
    ['a SPIFFE id and another URI', { uris: ['spiffe://td/a', 'https://a'] }, 'more than one URI name'],
    ['a DNS name that holds another name', { dns: ['a, URI:spiffe://td/admin'] }, 'characters'],
    ['a URI that holds another name', { uris: ['spiffe://td/a, DNS:admin'] }, 'characters'],
    ['a quote', { uris: ['spiffe://td/a"'] }, 'characters'],
    ['a NUL', { dns: ['admin\0.example.com'] }, 'characters'],
    ['a name of other letters', { uris: ['spiffe://td/\u00e9'] }, 'characters'],
    ['the right to sign others', { isCa: true, uris: ['spiffe://td/a'] }, 'is that of a CA'],
  ])('are not told for %s', (_, options, problem) => {
    expect(namesOf(options)).toEqual({ ok: false, problem: expect.stringContaining(problem) as string });
  });

  it('never are what the certificate does not say, whatever else it says', () => {
    const strange = fc.string({
      unit: fc.constantFrom('a', ',', ':', ' ', '"', '\\', "'", '\0', '\n', '=', '/', 'DNS'),
      maxLength: 12,
    });
    const text = fc
      .tuple(strange, fc.constantFrom('DNS:', 'URI:', ''), strange)
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 3 }), fc.array(text, { maxLength: 1 }), (dns, uris) => {
        const named = namesOf({ dns, uris });
        const said = [...dns.map((name) => name.toLowerCase()), ...uris];
        expect(named.ok ? said : []).toEqual(expect.arrayContaining(named.ok ? [...named.names] : []));
      }),
      { numRuns: 200 },
    );
  });
});

it.each([
  ['spiffe://example.org/ns/a', true],
  ['spiffe://example.org', true],
  ['spiffe://EXAMPLE.org/a', false],
  ['spiffe://example.org/', false],
  ['spiffe://example.org//a', false],
  ['spiffe://example.org/a/../b', false],
  ['spiffe://example.org/./a', false],
  ['spiffe://example.org/..a', true],
  ['spiffe://example.org/a?b', false],
  ['spiffe://example.org:80/a', false],
  ['spiffe://user@example.org/a', false],
  ['spiffe:///a', false],
  ['SPIFFE://example.org/a', false],
  [`spiffe://example.org/${'a'.repeat(2_048)}`, false],
])('a SPIFFE id %s: %s', (text, is) => {
  expect(isSpiffeId(text)).toBe(is);
});

it.each([
  ['app.example.com', true],
  ['app', true],
  ['_grpc.app', true],
  ['App', false],
  ['*.example.com', false],
  ['app.', false],
  ['.app', false],
  ['a..b', false],
  ['-app', false],
  ['', false],
  ['a'.repeat(64), false],
  [`${'a.'.repeat(126)}ab`, false],
])('a DNS name %s: %s', (text, is) => {
  expect(isDnsName(text)).toBe(is);
});

it('a connection has no names until somebody has verified them', () => {
  const socket = new net.Socket();
  expect(clientCertificateNames(socket)).toEqual([]);
  rememberClientNames(socket, ['spiffe://td/a']);
  expect(clientCertificateNames(socket)).toEqual(['spiffe://td/a']);
});
