import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import { describe, expect, test } from 'vitest';
import {
  CreateSessionRequestSchema,
  GetSessionRequestSchema,
  ListSessionsRequestSchema,
  RevokeSessionRequestSchema,
  RevokeSessionsRequestSchema,
  TouchSessionRequestSchema,
  UpdateSessionRequestSchema,
} from '../../../src/gen/singlestate/session/v1/session_pb.ts';
import { createSessionId, partitionOf, sessionRef } from '../../../src/session/ref.ts';

const validator = createValidator();
const id = createSessionId(partitionOf('https://idp.test', 'alice'));
const ref = sessionRef(id);

function problems<Desc extends DescMessage>(desc: Desc, init: MessageInitShape<Desc>): string[] {
  const result = validator.validate(desc, create(desc, init));
  if (result.kind === 'error') throw result.error;
  return (result.violations ?? []).map((violation) => String(violation));
}

const sound = { provider: 'main', idToken: 'aa.bb.cc', nonce: 'n-0S6_WzA2Mj' };

describe('CreateSessionRequest', () => {
  test.each([sound, { ...sound, provider: 'a' }, { ...sound, provider: `a${'-'.repeat(61)}9` }])(
    'takes %j',
    (request) => expect(problems(CreateSessionRequestSchema, request)).toEqual([]),
  );

  test.each([
    ['provider', { provider: '' }],
    ['provider', { provider: 'Main' }],
    ['provider', { provider: 'a'.repeat(64) }],
    ['provider', { provider: '-a' }],
    ['id_token', { idToken: '' }],
    ['id_token', { idToken: 'aa.bb' }],
    ['id_token', { idToken: 'aa.bb.cc.dd' }],
    ['id_token', { idToken: 'aa.bb.c c' }],
    ['id_token', { idToken: 'aa.bb.cc\n' }],
    ['id_token', { idToken: `aa.bb.${'c'.repeat(32_768)}` }],
    ['nonce', { nonce: '' }],
    ['nonce', { nonce: 'n'.repeat(513) }],
  ])('names %s as the field that is wrong in %j', (field, change) => {
    const found = problems(CreateSessionRequestSchema, { ...sound, ...change });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^${field}: must `));
  });
});

describe.each([
  ['GetSessionRequest', GetSessionRequestSchema, {}],
  ['RevokeSessionRequest', RevokeSessionRequestSchema, { reason: 'laptop stolen' }],
] as const)('%s', (_name, schema, rest) => {
  test('takes none, from a user', () => expect(problems(schema, { ...rest, ref: '' })).toEqual([]));

  test('takes a reference', () => expect(problems(schema, { ...rest, ref })).toEqual([]));

  test.each(['zz.AAAAAAAAAAAAAAAAAAAAAA', `${ref}A`, ` ${ref}`, `${ref}\n`])(
    'refuses %j as a reference',
    (wrong) =>
      expect(problems(schema, { ...rest, ref: wrong })[0]).toMatch(/^ref: must be a session reference/),
  );

  test('refuses a session id that was given by mistake, without repeating it', () => {
    const found = problems(schema, { ...rest, ref: id });
    expect(found).toHaveLength(1);
    expect(found[0]).not.toContain(id.slice(3));
  });
});

test.each(['x', 'Gerät gestohlen, Ticket SEC-17', 'é'.repeat(200)])(
  'a revocation takes the reason %j',
  (reason) => {
    expect(problems(RevokeSessionRequestSchema, { ref, reason })).toEqual([]);
  },
);

test.each(['', 'two\nlines', 'a\u0007bell', 'x'.repeat(201)])(
  'a revocation refuses the reason %j',
  (reason) => {
    expect(problems(RevokeSessionRequestSchema, { ref, reason })).toEqual([
      expect.stringMatching(/^reason: must be one line of 1 to 200 characters/),
    ]);
  },
);

test('TouchSessionRequest takes a reference and nothing else for one', () => {
  expect(problems(TouchSessionRequestSchema, { ref })).toEqual([]);
  expect(problems(TouchSessionRequestSchema, { ref: '' })[0]).toMatch(/^ref: must be a session reference/);
});

describe('UpdateSessionRequest', () => {
  const change = { part: { case: 'slice' as const, value: 'cart' } };
  const update = { ref, expectedVersion: 1, changes: [change], reason: 'cart.item_added' };

  test('takes a version, changes and a reason code', () => {
    expect(problems(UpdateSessionRequestSchema, update)).toEqual([]);
  });

  test.each([
    ['ref', { ref: '' }],
    ['expected_version', { expectedVersion: 0 }],
    ['changes', { changes: [] }],
    ['changes', { changes: Array.from({ length: 33 }, () => change) }],
    ['changes[0].part', { changes: [{}] }],
    ['changes[0].slice', { changes: [{ part: { case: 'slice' as const, value: '' } }] }],
    ['reason', { reason: '' }],
    ['reason', { reason: 'Cart added' }],
    ['reason', { reason: 'a'.repeat(65) }],
  ])('names %s as the field that is wrong in %j', (field, wrong) => {
    const found = problems(UpdateSessionRequestSchema, { ...update, ...wrong });
    expect(found).toHaveLength(1);
    expect(found[0]?.startsWith(`${field}: `)).toBe(true);
  });
});

describe('RevokeSessionsRequest', () => {
  const subject = { issuer: 'https://idp.test', subject: 'alice' };

  test.each([
    { case: 'subject' as const, value: subject },
    { case: 'providerSession' as const, value: { issuer: 'https://idp.test', providerSession: 'a' } },
    { case: 'all' as const, value: true },
  ])('takes the target %j', (target) => {
    expect(problems(RevokeSessionsRequestSchema, { target, reason: 'test' })).toEqual([]);
  });

  test.each([
    ['no target', {}],
    ['all that is not meant', { target: { case: 'all' as const, value: false } }],
    ['a subject without an issuer', { target: { case: 'subject' as const, value: { subject: 'alice' } } }],
  ])('refuses %s', (_what, request) => {
    expect(problems(RevokeSessionsRequestSchema, { ...request, reason: 'test' })).toHaveLength(1);
  });
});

test('ListSessionsRequest takes up to 500 sessions a page, and a whole subject or none', () => {
  expect(problems(ListSessionsRequestSchema, { pageSize: 500 })).toEqual([]);
  expect(problems(ListSessionsRequestSchema, { pageSize: 501 })).toHaveLength(1);
  expect(problems(ListSessionsRequestSchema, { subject: { issuer: '', subject: 'alice' } })).toHaveLength(1);
});
