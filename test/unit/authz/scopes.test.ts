import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  covers,
  fillScope,
  isScopeToken,
  missingScopes,
  scopeList,
  scopeTemplate,
  type ScopeRequirement,
} from '../../../src/authz/scopes.ts';

describe('E3 a granted scope covers itself, and with a trailing :* what is below it', () => {
  it.each([
    ['invoices:read', 'invoices:read'],
    ['invoices:*', 'invoices:read'],
    ['invoices:*', 'invoices:read:all'],
    ['a:b:*', 'a:b:c'],
    ['invoices:*', 'invoices:*'],
    ['*', '*'],
    ['read', 'read'],
  ])('%s covers %s', (granted, required) => {
    expect(covers(granted, required)).toBe(true);
  });

  it.each([
    ['invoices:read', 'invoices:write'],
    ['invoices:read', 'invoices:reader'],
    ['invoices:reader', 'invoices:read'],
    ['invoices:read', 'Invoices:read'],
    ['invoices:read', 'invoices:*'],
    ['invoices:*', 'invoices'],
    ['invoices:*', 'invoices:'],
    ['invoices:*', 'invoice:read'],
    ['invoices:*', 'invoicesx:read'],
    ['invoices:*', 'x:invoices:read'],
    ['invoices*', 'invoices:read'],
    ['inv:*', 'invoices:read'],
    ['a:*:c', 'a:b:c'],
    ['*', 'invoices:read'],
    ['*:*', 'invoices:read'],
    [':*', 'invoices:read'],
    ['', 'invoices:read'],
    ['invoices:read', ''],
  ])('%s does not cover %s', (granted, required) => {
    expect(covers(granted, required)).toBe(false);
  });
});

describe('a required scope may hold path parameters', () => {
  const template = scopeTemplate('tenant:{tenant}:{right}');

  it('that are filled with what the request has there', () => {
    expect(fillScope(template, { tenant: 'acme', right: 'read' })).toBe('tenant:acme:read');
    expect(fillScope(template, { tenant: 'a.b-c_d~e@f', right: '0' })).toBe('tenant:a.b-c_d~e@f:0');
    expect(fillScope(scopeTemplate('t:{a}:{a}'), { a: 'x' })).toBe('t:x:x');
    expect(fillScope(scopeTemplate('plain'), {})).toBe('plain');
  });

  it.each([
    ['*'],
    ['acme:admin'],
    ['acme:*'],
    [':'],
    [''],
    ['a b'],
    ['a,b'],
    ['é'],
    ['a\nb'],
    ['a"b'],
    ['a/b'],
    ['{right}'],
    ['$&'],
  ])('E3 a value that reaches beyond its place is covered by nothing: %j', (tenant) => {
    const requirement = { all: [template], any: [] };
    const granted = ['tenant:*', `tenant:${tenant}:read`, 'tenant::read', '*'];
    expect(fillScope(template, { tenant, right: 'read' })).toBeUndefined();
    expect(missingScopes(granted, requirement, { tenant, right: 'read' })).toEqual([
      'tenant:{tenant}:{right}',
    ]);
  });

  it.each([['missing'], ['constructor'], ['__proto__'], ['toString']])(
    'E3 a parameter that the request does not have is covered by nothing: %s',
    (name) => {
      expect(fillScope(scopeTemplate(`t:{${name}}`), {})).toBeUndefined();
    },
  );
});

describe('what a session lacks', () => {
  const requirement = (all: string[], any: string[]): ScopeRequirement => ({
    all: all.map(scopeTemplate),
    any: any.map(scopeTemplate),
  });

  it.each<[string, string[], string[], string[], string[]]>([
    ['nothing is required', [], [], [], []],
    ['every one is there', ['a', 'b'], ['a', 'b'], [], []],
    ['one of all is missing', ['a'], ['a', 'b'], [], ['b']],
    ['one of any is there', ['b'], [], ['a', 'b'], []],
    ['none of any is there', ['c'], [], ['a', 'b'], ['a', 'b']],
    ['both kinds', ['c'], ['c'], ['a', 'b'], ['a', 'b']],
    ['both kinds, neither met', [], ['c'], ['a', 'b'], ['c', 'a', 'b']],
    ['a wildcard covers', ['x:*'], ['x:a', 'x:b'], ['x:c'], []],
    ['no scope at all', [], ['a'], [], ['a']],
  ])('%s', (_, granted, all, any, missing) => {
    expect(missingScopes(granted, requirement(all, any), {})).toEqual(missing);
  });

  it('E3 more scopes never make a session lack more', () => {
    const scope = fc.constantFrom('a', 'b', 'a:x', 'a:y', 'b:*', 'a:*');
    const scopes = fc.array(scope, { maxLength: 4 });
    fc.assert(
      fc.property(scopes, scope, scopes, scopes, (granted, more, all, any) => {
        const before = missingScopes(granted, requirement(all, any), {});
        const after = missingScopes([...granted, more], requirement(all, any), {});
        expect(before).toEqual(expect.arrayContaining([...after]));
        if (all.length > 0) expect(missingScopes([], requirement(all, any), {})).not.toEqual([]);
      }),
    );
  });
});

describe('a list of scopes', () => {
  it('C1 leaves out what would read as several scopes, or as none', () => {
    expect(scopeList(['a', 'b c', 'd\ne', 'é', '', '"', 'f:*'])).toBe('a f:*');
  });

  it.each([['a'], ['invoices:read'], ['!#[]~'], ['tenant:{t}:read']])('%j is a scope token', (text) => {
    expect(isScopeToken(text)).toBe(true);
  });

  it.each([[''], ['a b'], ['"'], ['\\'], ['a\t'], ['é'], ['\x7f'], ['a\n']])('%j is none', (text) => {
    expect(isScopeToken(text)).toBe(false);
  });
});
