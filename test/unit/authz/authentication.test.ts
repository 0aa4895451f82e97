/** Step-up (RFC 9470): how strong and how recent a login must be. */
import { describe, expect, it } from 'vitest';
import {
  authenticationGap,
  authenticationRequirement,
  loginParameters,
} from '../../../src/authz/authentication.ts';
import { createScene, NOW, request } from './scene.ts';

const MINUTE = 60_000;

const gap = (
  requirement: Parameters<typeof authenticationRequirement>[0],
  login: Partial<Parameters<typeof authenticationGap>[0]>,
) => authenticationGap({ atMs: NOW, ...login }, authenticationRequirement(requirement), NOW);

describe('the login of a session', () => {
  it.each<[string, Parameters<typeof gap>[0], Parameters<typeof gap>[1]]>([
    ['any, where nothing is asked', {}, {}],
    ['one of the acr', { acr: ['silver', 'gold'] }, { acr: 'gold' }],
    ['all of the amr, and more', { amr: ['pwd', 'otp'] }, { amr: ['otp', 'geo', 'pwd'] }],
    ['at the very maximum age', { maxAge: MINUTE }, { atMs: NOW - MINUTE }],
    ['by a clock that is ahead', { maxAge: MINUTE }, { atMs: NOW + 1_000 }],
    [
      'all of it',
      { acr: ['gold'], amr: ['otp'], maxAge: MINUTE },
      { acr: 'gold', amr: ['otp'], atMs: NOW - 1 },
    ],
  ])('will do: %s', (_, requirement, login) => {
    expect(gap(requirement, login)).toBeUndefined();
  });

  it.each<[string, Parameters<typeof gap>[0], Parameters<typeof gap>[1], string, boolean]>([
    ['no acr', { acr: ['gold'] }, {}, 'acr is not known', true],
    ['another acr', { acr: ['gold'] }, { acr: 'silver' }, 'acr is silver', true],
    ['an acr that contains it', { acr: ['gold'] }, { acr: 'golden' }, 'acr is golden', true],
    ["one that a login can't be asked for", { acr: ['two words'] }, {}, 'acr is not known', false],
    ["one that it can't, and one that it can", { acr: ['two words', 'gold'] }, {}, 'acr is not known', true],
    ['no amr', { amr: ['otp'] }, {}, 'amr lacks otp', false],
    ['one amr of two', { amr: ['pwd', 'otp'] }, { amr: ['pwd'] }, 'amr lacks otp', false],
    ['too old', { maxAge: MINUTE }, { atMs: NOW - MINUTE - 1 }, 'the login is too old', true],
    ['at no time', { maxAge: MINUTE }, { atMs: NaN }, 'the login is too old', true],
    [
      'nothing of it',
      { acr: ['gold'], amr: ['otp'], maxAge: MINUTE },
      { atMs: 0 },
      'acr is not known, amr lacks otp, the login is too old',
      true,
    ],
  ])('will not: %s; a login anew helps where it can be asked for', (_, requirement, login, detail, helps) => {
    expect(gap(requirement, login)).toEqual({ detail, loginHelps: helps });
  });
});

describe('what a login is asked for', () => {
  it.each<[string, Parameters<typeof authenticationRequirement>[0], [string, string][]]>([
    ['nothing', {}, []],
    ['acr, which are a list with spaces', { acr: ['gold', 'silver'] }, [['acr_values', 'gold silver']]],
    ['an age in whole seconds', { maxAge: 90_500 }, [['max_age', '90']]],
    ['no amr, as there is no parameter', { amr: ['otp'] }, []],
    [
      'no acr that would read as two, or end the quotes',
      { acr: ['a b', 'a"b', 'a\\b', 'é', 'ok'] },
      [['acr_values', 'ok']],
    ],
    ['none where none can be named', { acr: ['a b'] }, []],
  ])('%s', (_, requirement, parameters) => {
    expect(loginParameters(authenticationRequirement(requirement))).toEqual(parameters);
  });
});

describe('a route that asks for a login', async () => {
  const authentication = { acr: ['gold'], maxAge: '5m' };
  const scene = await createScene({
    routes: [
      { match: { path: '/session' }, require: { session: true }, authentication },
      { match: { path: '/scoped' }, require: { all: ['admin'] }, authentication },
      { match: { path: '/optional' }, require: { optional: true }, authentication },
      { match: { path: '/shadow' }, require: { session: true }, authentication, mode: 'shadow' },
    ],
  });
  const weak = await scene.open();
  const strong = await scene.open({ authentication: { atMs: NOW - 5 * MINUTE, acr: 'gold' } });
  const outcome = async (path: string, headers: Readonly<Record<string, string>>, nowMs = NOW) => {
    const decision = await scene.decide(request({ path, headers }), nowMs);
    return [decision.decision, decision.reason, decision.decision === 'allow' && decision.session?.ref];
  };

  it('lets in whose login was so', async () => {
    for (const path of ['/session', '/optional', '/shadow'])
      expect(await outcome(path, strong.bearer)).toEqual(['allow', undefined, strong.ref]);
  });

  it('denies whose was not, and whose was but is too old now', async () => {
    const reason = 'insufficient_user_authentication';
    expect(await outcome('/session', weak.bearer)).toEqual(['deny', reason, false]);
    expect(await outcome('/session', strong.bearer, NOW + 1)).toEqual(['deny', reason, false]);
  });

  it('tells a missing scope first, which no login would add', async () => {
    expect(await outcome('/scoped', weak.bearer)).toEqual(['deny', 'insufficient_scope', false]);
  });

  it('passes them as nobody where the route is optional or in shadow mode', async () => {
    const reason = 'insufficient_user_authentication';
    expect(await outcome('/optional', weak.bearer)).toEqual(['allow', reason, undefined]);
    expect(await outcome('/shadow', weak.bearer)).toEqual(['allow', reason, undefined]);
  });
});
