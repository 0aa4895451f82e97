import { describe, expect, it } from 'vitest';
import { answerFor, refusalAnswer } from '../../../src/authz/answer.ts';
import { deny, fail } from '../../../src/authz/decision.ts';
import { createScene, request } from './scene.ts';

const scene = await createScene({
  apps: { billing: {} },
  routes: [
    { match: { path: '/session', methods: ['GET'] }, require: { session: true }, app: 'billing' },
    { match: { path: '/scoped' }, require: { all: ['x'] }, app: 'billing' },
    { match: { path: '/shadow' }, require: { all: ['x'] }, mode: 'shadow' },
    { match: { path: '/public' }, require: { public: true } },
  ],
});
const alice = await scene.open({ scopes: ['a', 'b'] });

describe('the facts of a decision for access logs, RBAC and rate limits', () => {
  it('an allow tells the route, the app and who it is', async () => {
    const answer = await scene.answer(request({ path: '/session', headers: { ...alice.bearer } }));
    expect(answer).toMatchObject({ allowed: true, response: [['x-singlestate-decision-id', 'id']] });
    expect(answer.metadata).toEqual({
      decision: 'allow',
      decision_id: 'id',
      route: 'GET */session',
      app: 'billing',
      ref: alice.ref,
      subject: 'alice',
      issuer: 'https://idp.example.com',
      scopes: 'a b',
      version: 1,
    });
  });

  it('an allow without a session names nobody', async () => {
    const answer = await scene.answer(request({ path: '/public', headers: { ...alice.bearer } }));
    expect(answer.metadata).toEqual({ decision: 'allow', decision_id: 'id', route: '*/public' });
  });

  it('D10 a shadow allow says what it would have been denied for, and names nobody', async () => {
    const answer = await scene.answer(request({ path: '/shadow', headers: { ...alice.bearer } }));
    expect(answer).toMatchObject({ allowed: true, set: [] });
    expect(answer.metadata).toEqual({
      decision: 'allow',
      decision_id: 'id',
      reason: 'insufficient_scope',
      route: '*/shadow',
    });
  });

  it('a deny of a valid session tells whose it is to the operator, and not to the caller', async () => {
    const answer = await scene.answer(request({ path: '/scoped', headers: { ...alice.bearer } }));
    expect(answer).toMatchObject({ allowed: false, status: 403 });
    expect(answer.metadata).toMatchObject({
      decision: 'deny',
      reason: 'insufficient_scope',
      ref: alice.ref,
      app: 'billing',
    });
    if (!answer.allowed)
      expect(JSON.stringify([answer.headers, answer.body])).not.toMatch(/alice|idp\.example/);
  });

  it('a deny before any route is known tells the reason', async () => {
    const answer = await scene.answer(request({ path: '/nowhere' }));
    expect(answer.metadata).toEqual({ decision: 'deny', decision_id: 'id', reason: 'no_route' });
  });

  it('D2 a failure tells its reason, and its cause to nobody', () => {
    const failure = fail('store_unavailable', new Error('redis://user:password@host'));
    const answer = refusalAnswer(failure, 'id', request());
    expect(answer).toMatchObject({ allowed: false, status: 503 });
    expect(answer.metadata).toEqual({ decision: 'error', decision_id: 'id', reason: 'store_unavailable' });
    expect(JSON.stringify(answer)).not.toContain('password');
    expect(answerFor(failure, 'id', request(), scene.policy, undefined)).toEqual(answer);
  });

  it('a detail stays inside', () => {
    expect(
      JSON.stringify(refusalAnswer(deny('no_route', { detail: 'the rule says' }), 'id', request())),
    ).not.toContain('the rule');
  });

  it('a scope that is none does not read as two', async () => {
    const odd = await scene.open({ scopes: ['a', 'b admin'] });
    const answer = await scene.answer(request({ path: '/session', headers: { ...odd.bearer } }));
    expect(answer.metadata).toMatchObject({ scopes: 'a' });
  });
});
