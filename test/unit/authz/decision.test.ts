import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { allow, deny, entitle, fail, openRoute } from '../../../src/authz/decision.ts';
import { REASONS, type DenyReason, type ErrorReason } from '../../../src/authz/reason.ts';
import type { Access, Route } from '../../../src/authz/routes.ts';
import { scopeTemplate } from '../../../src/authz/scopes.ts';
import type { ValidSession } from '../../../src/session/validity.ts';
import { document, NOW, routeOf } from './scene.ts';

const DENIALS = Object.entries(REASONS).flatMap(([reason, facts]) =>
  facts.decision === 'deny' ? [reason as DenyReason] : [],
);
const ANONYMOUS = DENIALS.filter(
  (reason) => REASONS[reason].status === 401 && reason !== 'ambiguous_credential',
);

const SHADOWED = DENIALS.filter((reason) => reason !== 'rate_limited');

function route(access: Access, mode: Route['mode'] = 'enforce'): Route {
  return routeOf({ access, mode, all: [scopeTemplate('t:{t}:read')] });
}

describe('E3 a route lets a request pass without a session only if it says so', () => {
  it.each<[Access, Route['mode'], readonly (DenyReason | undefined)[]]>([
    ['public', 'enforce', [undefined]],
    ['optional', 'enforce', ANONYMOUS],
    ['session', 'enforce', []],
    ['scopes', 'enforce', []],
    ['public', 'shadow', [undefined, ...SHADOWED]],
    ['optional', 'shadow', SHADOWED],
    ['session', 'shadow', SHADOWED],
    ['scopes', 'shadow', SHADOWED],
  ])('%s, %s', (access, mode, passed) => {
    const open = [undefined, ...DENIALS].filter(
      (reason) => openRoute(route(access, mode), reason) !== undefined,
    );
    expect(open).toEqual(passed);
  });
});

describe('E3 what makes an allow', () => {
  const session = { document: document({ scopes: ['t:acme:read'] }) } as unknown as ValidSession;

  it('a session that has every scope of the route', () => {
    const entitled = entitle(session, route('scopes'), { t: 'acme' }, NOW);
    if (!entitled.entitled) throw new Error('not entitled');
    expect(allow(entitled.entitlement)).toEqual({
      decision: 'allow',
      route: route('scopes'),
      session,
      reason: undefined,
    });
    expect(entitle(session, route('scopes'), { t: 'other' }, NOW)).toEqual({
      entitled: false,
      reason: 'insufficient_scope',
      detail: 'lacks t:{t}:read',
      loginHelps: false,
    });
  });

  it('and whose login was what the route wants; a scope that is missing is told first', () => {
    const strict = {
      ...route('scopes'),
      authentication: { acr: ['gold'], amr: [], maxAgeMs: Infinity },
    };
    expect(entitle(session, strict, { t: 'acme' }, NOW)).toEqual({
      entitled: false,
      reason: 'insufficient_user_authentication',
      detail: 'acr is not known',
      loginHelps: true,
    });
    expect(entitle(session, strict, { t: 'other' }, NOW)).toMatchObject({ reason: 'insufficient_scope' });
  });

  it('an open route, without the session', () => {
    const open = openRoute(route('scopes', 'shadow'), 'insufficient_scope');
    if (open === undefined) throw new Error('not open');
    expect(allow({ open, reason: 'insufficient_scope' })).toEqual({
      decision: 'allow',
      route: route('scopes', 'shadow'),
      session: undefined,
      reason: 'insufficient_scope',
    });
  });

  it('nothing else: what proves it is a type that only these files of src/ make', async () => {
    const folder = new URL('../../../src/', import.meta.url);
    const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'));
    const makers: string[] = [];
    for (const name of files) {
      const text = await readFile(new URL(name, folder), 'utf8');
      if (/\bas (unknown as )?(Allow|Entitlement|OpenRoute|ValidSession)\b/.test(text)) makers.push(name);
    }
    expect(makers.sort()).toEqual(['authz/decision.ts', 'session/validity.ts']);
  });
});

describe('a deny and a failure are told apart', () => {
  it('a deny has a detail for the operator, a failure its cause', () => {
    const cause = new Error('gone');
    expect(deny('no_route', { detail: 'why' })).toEqual({
      decision: 'deny',
      reason: 'no_route',
      route: undefined,
      session: undefined,
      detail: 'why',
      loginHelps: false,
    });
    expect(fail('internal', cause)).toEqual({
      decision: 'error',
      reason: 'internal',
      route: undefined,
      cause,
    });
  });

  it.each(Object.keys(REASONS) as (DenyReason | ErrorReason)[])(
    '%s has the status that goes with its kind',
    (reason) => {
      const { decision, status, title } = REASONS[reason];
      expect(decision === 'error').toBe(status === 503);
      expect(title).toMatch(/^[A-Z][A-Za-z' -]+$/);
    },
  );
});
