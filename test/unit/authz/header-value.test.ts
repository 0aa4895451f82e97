import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerValue } from '../../../src/authz/header-value.ts';

/** Half of surrogate pairs, line ends, delimiters: whatever JavaScript calls a string. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xff_ff })).map((units) => String.fromCharCode(...units)),
  fc.string({
    unit: fc.constantFrom(' ', '%', '\r', '\n', '\t', '\0', ',', ';', '"', 'é', '\ud83d', 'a', '2', '0'),
  }),
);

describe('session content as a header value', () => {
  it.each([
    ['alice', 'alice'],
    ['a', 'a'],
    ['', ''],
    ['auth0|5f7c', 'auth0|5f7c'],
    ['https://idp.example.com/realms/main', 'https://idp.example.com/realms/main'],
    ['Alice Example, "A"; x=y', 'Alice Example, "A"; x=y'],
    ['100%', '100%25'],
    ['%0d%0a', '%250d%250a'],
    [' ', '%20'],
    ['  a  ', '%20 a %20'],
    ['José', 'Jos%C3%A9'],
    ['😀', '%F0%9F%98%80'],
    ['\ud83d', '%EF%BF%BD'],
    ['a\r\nx-session-subject: root', 'a%0D%0Ax-session-subject: root'],
    ['a\tb', 'a%09b'],
    ['\0', '%00'],
    ['\x7f', '%7F'],
    ['\u2028', '%E2%80%A8'],
  ])('%j is sent as %j', (text, value) => {
    expect(headerValue(text)).toBe(value);
  });

  it('B3 any text comes back by decodeURIComponent', () => {
    fc.assert(fc.property(anyText, (text) => decodeURIComponent(headerValue(text)) === text.toWellFormed()));
  });

  it('B3 no text becomes anything but visible ASCII and inner spaces: a value is never cut, trimmed or split', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(headerValue(text)).toMatch(/^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$/);
      }),
    );
  });

  it('two texts are never one value', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        expect(headerValue(a) === headerValue(b)).toBe(a.toWellFormed() === b.toWellFormed());
      }),
    );
  });
});
