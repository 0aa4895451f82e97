import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressError, formatAddress, parseAddress, type Address } from '../../../src/net/address.ts';

describe('an address', () => {
  const CASES: [text: string, address: Address, formatted?: string][] = [
    ['127.0.0.1:9001', { kind: 'tcp', host: '127.0.0.1', port: 9001 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
    [':9001', { kind: 'tcp', host: '', port: 9001 }],
    ['[::1]:65535', { kind: 'tcp', host: '::1', port: 65535 }],
    ['unix:/run/check.sock', { kind: 'unix', path: '/run/check.sock' }],
    ['unix:check.sock', { kind: 'unix', path: 'check.sock' }],
    ['unix:///run/check.sock', { kind: 'unix', path: '/run/check.sock' }, 'unix:/run/check.sock'],
  ];
  it.each(CASES)('%s is read, and written back', (text, address, formatted = text) => {
    expect(parseAddress(text)).toEqual(address);
    expect(formatAddress(address)).toBe(formatted);
  });

  it.each([
    ['9001', /write "HOST:PORT"/],
    ['', /write "HOST:PORT"/],
    ['::1:9001', /write "HOST:PORT"/],
    ['host:', /write "HOST:PORT"/],
    ['host:-1', /write "HOST:PORT"/],
    ['http://host:1', /write "HOST:PORT"/],
    ['host:65536', /a port from 0 to 65535/],
    ['unix:', /has no path/],
    ['unix:/a\0b', /NUL/],
    [`unix:/${'é'.repeat(60)}`, /at most 107 bytes/],
  ])('%j is refused, and the message says what would be right', (text, message) => {
    expect(() => parseAddress(text)).toThrow(AddressError);
    expect(() => parseAddress(text)).toThrow(message);
  });

  it('is the same after formatting and parsing, whatever it is', () => {
    const host = fc.oneof(fc.constant(''), fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
        const address: Address = { kind: 'tcp', host: name, port };
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  it('of any text is either read or refused as an address error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseAddress(text);
        } catch (error) {
          expect(error).toBeInstanceOf(AddressError);
        }
      }),
    );
  });
});
