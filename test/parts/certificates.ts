/** A certificate authority for tests: X.509 certificates (RFC 5280) of every kind, good and bad. Hides DER. */
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** What a server or client presents: PEM, as files hold it. */
export interface Identity {
  /** The certificate, and after it those of the intermediate authorities. */
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** The subject's common name. Default: none. */
  readonly commonName?: string;
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  /** IPv4 addresses. */
  readonly ips?: readonly string[];
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: a day from now. */
  readonly notAfter?: Date;
  /** Default: both. */
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[];
  /** A certificate that may sign others, used as a leaf. */
  readonly isCa?: boolean;
  /** false leaves out the key identifiers, by which a CA is told from another one of the same name. */
  readonly keyIds?: boolean;
  /** RSA of so many bits in place of P-256. */
  readonly rsaBits?: number;
}

export interface TestCa {
  /** The certificate to be trusted: that of the root. */
  readonly certificate: string;
  issue(options?: CertificateOptions): Identity;
  /** An authority whose certificate this one signed. */
  intermediate(name: string, options?: CaOptions): TestCa;
}

type CaOptions = Pick<CertificateOptions, 'notBefore' | 'notAfter' | 'keyIds'>;

export function createTestCa(name: string, caOptions: CaOptions = {}): TestCa {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name: distinguishedName(name), key: keys.privateKey, publicKey: keys.publicKey };
  const options = { commonName: name, isCa: true, ...caOptions };
  const certificate = createCertificate(options, keys.publicKey, issuer);
  return authority(issuer, certificate, []);
}

/** The PEM file's text as it is after `BEGIN`, for files that hold something else. */
export function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

interface Issuer {
  readonly name: Buffer;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

function authority(issuer: Issuer, root: string, intermediates: readonly string[]): TestCa {
  return {
    certificate: root,
    issue(options = {}) {
      const { publicKey, privateKey } =
        options.rsaBits === undefined
          ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
          : generateKeyPairSync('rsa', { modulusLength: options.rsaBits });
      return {
        certificate: [createCertificate(options, publicKey, issuer), ...intermediates].join(''),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      };
    },
    intermediate(name, caOptions = {}) {
      const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const own = createCertificate({ commonName: name, isCa: true, ...caOptions }, keys.publicKey, issuer);
      const next = { name: distinguishedName(name), key: keys.privateKey, publicKey: keys.publicKey };
      return authority(next, root, [own, ...intermediates]);
    },
  };
}

const HOUR_MS = 3_600_000;
const OID = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  subjectAltName: '551d11',
  subjectKeyIdentifier: '551d0e',
  authorityKeyIdentifier: '551d23',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
} as const;

function createCertificate(options: CertificateOptions, publicKey: KeyObject, issuer: Issuer): string {
  const { notBefore = new Date(Date.now() - HOUR_MS), notAfter = new Date(Date.now() + 24 * HOUR_MS) } =
    options;
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const body = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    issuer.name,
    sequence(time(notBefore), time(notAfter)),
    options.commonName === undefined ? sequence() : distinguishedName(options.commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...extensions(options, publicKey, issuer))),
  );
  return pem('CERTIFICATE', sequence(body, algorithm, bitString(sign('sha256', body, issuer.key))));
}

function extensions(options: CertificateOptions, publicKey: KeyObject, issuer: Issuer): readonly Buffer[] {
  const { isCa = false, keyIds = true, usages = ['serverAuth', 'clientAuth'] } = options;
  const names = [
    ...(options.dns ?? []).map((text) => der(0x82, Buffer.from(text, 'latin1'))),
    ...(options.uris ?? []).map((text) => der(0x86, Buffer.from(text, 'latin1'))),
    ...(options.ips ?? []).map((text) => der(0x87, Buffer.from(text.split('.').map(Number)))),
  ];
  return [
    extension(OID.basicConstraints, true, isCa ? sequence(der(0x01, Buffer.from([0xff]))) : sequence()),
    // keyCertSign and cRLSign, or digitalSignature.
    extension(OID.keyUsage, true, der(0x03, isCa ? Buffer.from([1, 0x06]) : Buffer.from([7, 0x80]))),
    ...(keyIds ? identifiers(publicKey, issuer) : []),
    ...(isCa
      ? []
      : [extension(OID.extendedKeyUsage, false, sequence(...usages.map((usage) => oid(OID[usage]))))]),
    ...(names.length === 0 ? [] : [extension(OID.subjectAltName, false, sequence(...names))]),
  ];
}

function identifiers(publicKey: KeyObject, issuer: Issuer): readonly Buffer[] {
  return [
    extension(OID.subjectKeyIdentifier, false, der(0x04, keyId(publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(der(0x80, keyId(issuer.publicKey)))),
  ];
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...flag, der(0x04, value));
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

function distinguishedName(commonName: string): Buffer {
  const attribute = sequence(oid(OID.commonName), der(0x0c, Buffer.from(commonName)));
  return sequence(der(0x31, attribute));
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function tagged(number: number, content: Buffer): Buffer {
  return der(0xa0 + number, content);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function integer(value: Buffer): Buffer {
  return der(0x02, value);
}

function bitString(content: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), content]));
}

/** Tag, length, content (X.690 section 8.1). */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = Buffer.from(length.toString(16).padStart(length < 0x100 ? 2 : 4, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 + bytes.length]), bytes, content]);
}
