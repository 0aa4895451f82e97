import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimAt, readAttributes, readScopes } from '../../../src/identity/claims.ts';

/** Many cases in one test, on a machine that may be busy. */
const PROPERTY = { timeout: 60_000 };

const claims = {
  scope: 'openid  invoices:read invoices:read',
  roles: ['a', 'b', 'a'],
  realm_access: {
    roles: ['x', { y: 1 }, 7, 'has space', '', 'quo"te', 'é', 'back\\slash', 'line\nbreak', 'z'],
  },
  'https://example.com/roles': ['exact'],
  'realm_access.roles.exact': 'exact wins',
  plan: 'gold',
  age: 41,
  verified: false,
  empty: '',
  nothing: null,
};

describe('claims', () => {
  it.each([
    ['a string with spaces, each once', 'scope', ['openid', 'invoices:read']],
    ['a list, each once', 'roles', ['a', 'b']],
    ['a path, without what is no scope token', 'realm_access.roles', ['x', 'z']],
    ['an exact name that has dots', 'https://example.com/roles', ['exact']],
    ['a claim that is not there', 'groups', []],
    ['an object', 'realm_access', []],
    ['a number', 'age', []],
    ['a path into a list', 'roles.0', []],
    ['a path into text', 'plan.length', []],
    ["an object's own machinery", 'constructor.name', []],
    ['the prototype', '__proto__', []],
  ])('E3 scopes from %s', (_, name, scopes) => {
    expect(readScopes(claims, name)).toEqual(scopes);
  });

  it('an exact name goes before a path', () => {
    expect(claimAt({ 'a.b': 1, a: { b: 2 } }, 'a.b')).toBe(1);
    expect(claimAt({ a: { b: 2 } }, 'a.b')).toBe(2);
  });

  it('A6 attributes are strings, numbers and booleans, as text; others are left out', () => {
    const names = {
      plan: 'plan',
      age: 'age',
      verified: 'verified',
      empty: 'empty',
      exact: 'realm_access.roles.exact',
      nothing: 'nothing',
      object: 'realm_access',
      list: 'roles',
      missing: 'missing',
    };
    expect(readAttributes(claims, names)).toEqual({
      plan: 'gold',
      age: '41',
      verified: 'false',
      empty: '',
      exact: 'exact wins',
    });
    expect(readAttributes(JSON.parse('{"n":1e999}') as Record<string, unknown>, { n: 'n' })).toEqual({});
  });

  it('E3 no claims make it throw, and every scope is a scope token', PROPERTY, () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (value, name) => {
        readAttributes(value, { a: name });
        for (const scope of readScopes(value, name)) expect(scope).toMatch(/^[\x21\x23-\x5B\x5D-\x7E]+$/);
      }),
    );
  });
});
