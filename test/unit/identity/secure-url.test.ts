import { describe, expect, it } from 'vitest';
import { isLoopbackHttp, urlProblem } from '../../../src/identity/secure-url.ts';

describe('E4 where identity may be fetched from', () => {
  it.each([
    'https://idp.example.com/realms/main',
    'http://localhost:4000',
    'http://idp.localhost',
    'http://127.0.0.1:8080/a',
    'http://127.1.2.3',
    'http://[::1]:80/',
    'HTTP://LOCALHOST/',
  ])('%s may', (url) => {
    expect(urlProblem(url)).toBeUndefined();
    expect(isLoopbackHttp(url)).toBe(!url.startsWith('https:'));
  });

  it.each([
    ['http://idp.example.com', 'https:'],
    ['http://localhost.example.com', 'https:'],
    ['http://127.0.0.1.example.com', 'https:'],
    ['http://notlocalhost', 'https:'],
    ['http://0.0.0.0', 'https:'],
    ['http://[::ffff:10.0.0.1]', 'https:'],
    ['ftp://localhost', 'https:'],
    ['file:///etc/passwd', 'https:'],
    ['https://user:pass@idp.example.com', 'password'],
    ['http://user@localhost', 'user name'],
    ['idp.example.com', 'not a URL'],
    ['', 'not a URL'],
  ])('%s may not', (url, problem) => {
    expect(urlProblem(url)).toContain(problem);
  });
});
