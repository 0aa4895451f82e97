import { describe, expect, it } from 'vitest';
import { canonicalHost } from '../../../src/authz/host.ts';

describe('a host is matched in one form', () => {
  it.each([
    ['app.example.com', 'app.example.com'],
    ['APP.Example.COM', 'app.example.com'],
    ['app.example.com:443', 'app.example.com'],
    ['app.example.com:', 'app.example.com'],
    ['app.example.com.', 'app.example.com'],
    ['App.example.com.:8443', 'app.example.com'],
    ['localhost', 'localhost'],
    ['127.0.0.1:8080', '127.0.0.1'],
    ['my_service.ns', 'my_service.ns'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['[::1]', '[::1]'],
    ['[FE80::1]:8080', '[fe80::1]'],
    ['[::ffff:1.2.3.4]', '[::ffff:1.2.3.4]'],
    [`${'a.'.repeat(126)}a:65535`, `${'a.'.repeat(126)}a`],
  ])('%s is %s', (authority, host) => {
    expect(canonicalHost(authority)).toBe(host);
  });

  it.each([
    [''],
    ['.'],
    [':80'],
    ['*'],
    ['*.example.com'],
    ['a..b'],
    ['.example.com'],
    ['example.com..'],
    ['example.com:80:90'],
    ['example.com:https'],
    ['user@example.com'],
    ['example.com/path'],
    ['example.com?'],
    ['example.com#'],
    ['example.com,other.com'],
    ['example.com other.com'],
    ['example.com\0'],
    ['example.com\r\nhost: other.com'],
    ['example.com\n'],
    ['exa%6dple.com'],
    ['bücher.example'],
    ['\u212Aube.example'],
    ['::1'],
    ['[::1'],
    ['[::1]x'],
    ['[example.com]'],
    ['http://example.com'],
    [`${'a.'.repeat(130)}a`],
  ])('E3 %j is no host', (authority) => {
    expect(canonicalHost(authority)).toBeUndefined();
  });
});
