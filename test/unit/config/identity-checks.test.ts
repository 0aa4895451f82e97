import { describe, expect, it } from 'vitest';
import { MINIMAL, problemsOf } from './minimal.ts';

const OPERATOR = 'name: o, issuer: i, subject: s, audience: a';
const operator = (more: string) => `operators: [{ ${OPERATOR}${more} }]\n`;
/** Each app's identities in a line of its own, from line 8 on. */
const apps = (...identities: readonly string[]) =>
  `apps:\n${identities.map((one, index) => `  app${index}: { identities: [${one}] }\n`).join('')}`;

const TLS = 'tls: { api: { certFile: c, keyFile: k, clientCaFile: ca } }\n';

describe('where the keys of an issuer are', () => {
  it.each([
    ['an operator', operator],
    ['an app', (more: string) => apps(`{ issuer: i, subject: s${more} }`)],
  ])('is said of %s in one way', (_who, text) => {
    expect(problemsOf(MINIMAL + text(', jwksFile: f'))).toEqual([]);
    expect(problemsOf(MINIMAL + text(', jwksUrl: https://a, caFile: c, tokenFile: t'))).toEqual([]);
    expect(problemsOf(MINIMAL + text(', caFile: c, tokenFile: t'))).toEqual([]);
    expect(problemsOf(MINIMAL + text(', jwksFile: f, jwksUrl: https://a, caFile: c, tokenFile: t'))).toEqual([
      expect.stringMatching(/\.jwksUrl: must not stand beside jwksFile: keep one of them$/),
      expect.stringMatching(/\.caFile: must not stand beside jwksFile: nothing is fetched then$/),
      expect.stringMatching(/\.tokenFile: must not stand beside jwksFile: nothing is fetched then$/),
    ]);
  });
});

describe('C2 who an app is', () => {
  it('may be several things', () => {
    const text = apps(
      '{ issuer: i, subject: a }, { issuer: i, subject: b }, { certificate: c }',
      '{ issuer: j, subject: a }',
    );
    expect(problemsOf(MINIMAL + text + TLS)).toEqual([]);
  });

  it('is either of a JWT or of a certificate', () => {
    const all =
      'issuer: i, subject: s, audience: a, jwksUrl: https://a, caFile: c, tokenFile: t, certificate: x';
    expect(problemsOf(MINIMAL + apps('{ issuer: i }'))).toEqual([
      '8:24 apps.app0.identities[0]: must have issuer and subject, or certificate alone',
    ]);
    expect(problemsOf(MINIMAL + apps(`{ ${all} }`) + TLS)).toEqual([
      '8:24 apps.app0.identities[0]: must have issuer and subject, or certificate alone',
      ...['audience', 'jwksUrl', 'caFile', 'tokenFile'].map(
        (key) =>
          expect.stringMatching(`${key}: must not stand beside certificate: it is for a JWT$`) as string,
      ),
    ]);
  });

  it('needs a listener that asks for certificates, where it is of one', () => {
    expect(problemsOf(MINIMAL + apps('{ certificate: c }'))).toEqual([
      '8:39 apps.app0.identities[0].certificate: needs tls.api.clientCaFile: without it no client shows a certificate',
    ]);
  });

  it('is one of the clients that may connect, where there is a list of them', () => {
    const listed = (...clients: string[]) => TLS.replace('ca }', `ca, clients: [${clients.join()}] }`);
    expect(problemsOf(MINIMAL + apps('{ certificate: c }') + listed('b', 'c'))).toEqual([]);
    expect(problemsOf(MINIMAL + apps('{ certificate: c }') + listed('b'))).toEqual([
      '8:39 apps.app0.identities[0].certificate: must be one of tls.api.clients: no other client can connect',
    ]);
  });

  it.each([
    [
      'a subject',
      '{ issuer: i, subject: s }',
      '{ issuer: i, subject: s }',
      '9:46 apps.app1.identities[0].subject',
    ],
    [
      'a subject for another audience',
      '{ issuer: i, subject: s }',
      '{ issuer: i, subject: s, audience: b }',
      '9:46 apps.app1.identities[0].subject',
    ],
    ['a certificate', '{ certificate: c }', '{ certificate: c }', '9:39 apps.app1.identities[0].certificate'],
  ])('is no other app: %s', (_what, one, other, at) => {
    expect(problemsOf(MINIMAL + apps(one, other) + TLS)).toEqual([
      `${at}: must differ from apps.app0.identities[0]: what an app may do goes by who it is`,
    ]);
  });

  it('may be said twice of one app', () => {
    const twice = '{ issuer: i, subject: s }, { issuer: i, subject: s, audience: b }';
    expect(problemsOf(MINIMAL + apps(twice))).toEqual([]);
  });

  it('may write what it does not read', () => {
    expect(problemsOf(`${MINIMAL}apps: { a: { writes: { cart: cart.json } } }`)).toEqual([]);
  });
});
