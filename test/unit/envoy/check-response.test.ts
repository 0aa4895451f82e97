import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/authz/answer.ts';
import { encodeCheckResponse } from '../../../src/envoy/check-response.ts';
import { decodeResponse, field } from './ext-authz-wire.ts';

const PASSAGE: Answer = {
  allowed: true,
  set: [
    ['x-session-subject', 'alice'],
    ['x-session-scopes', ''],
  ],
  remove: ['x-session-assertion', 'authorization'],
  response: [['x-singlestate-decision-id', 'id']],
  metadata: { decision: 'allow', decision_id: 'id', version: 7 },
};

function refused(status: number): Answer {
  return {
    allowed: false,
    status,
    headers: [
      ['content-type', 'application/problem+json'],
      ['retry-after', '1'],
    ],
    body: '{"title":"é"}',
    metadata: { decision: 'deny', decision_id: 'id', reason: 'no_route' },
  };
}

const overwritten = (key: string, value: string) => ({
  header: { key, value },
  appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD',
});

describe("Envoy's CheckResponse", () => {
  it('lets pass: headers set over what is there, others removed, the decision id for the client, and metadata', () => {
    expect(decodeResponse(encodeCheckResponse(PASSAGE))).toEqual({
      status: {},
      httpResponse: 'okResponse',
      okResponse: {
        headers: [overwritten('x-session-subject', 'alice'), overwritten('x-session-scopes', '')],
        headersToRemove: ['x-session-assertion', 'authorization'],
        responseHeadersToAdd: [overwritten('x-singlestate-decision-id', 'id')],
      },
      dynamicMetadata: {
        fields: {
          singlestate: {
            kind: 'structValue',
            structValue: {
              fields: {
                decision: { kind: 'stringValue', stringValue: 'allow' },
                decision_id: { kind: 'stringValue', stringValue: 'id' },
                version: { kind: 'numberValue', numberValue: 7 },
              },
            },
          },
        },
      },
    });
  });

  it("adds cookies to the response one by one, beside the app's own", () => {
    const bytes = encodeCheckResponse({ ...PASSAGE, cookies: ['a=1; Path=/', 'b=2'] });
    const { okResponse } = decodeResponse(bytes) as Decoded;
    // APPEND_IF_EXISTS_OR_ADD is the first of its enum, so it is not on the wire.
    expect(okResponse.responseHeadersToAdd).toEqual([
      overwritten('x-singlestate-decision-id', 'id'),
      { header: { key: 'set-cookie', value: 'a=1; Path=/' } },
      { header: { key: 'set-cookie', value: 'b=2' } },
    ]);
  });

  it.each([
    [302, 16],
    [401, 16],
    [403, 7],
    [429, 8],
    [503, 14],
    [500, 14],
  ])(
    'E3 refuses with status %d: never the code that Envoy takes for an allow, nor a call that failed',
    (status, code) => {
      const answer = refused(status);
      expect(decodeResponse(encodeCheckResponse(answer))).toMatchObject({
        status: { code },
        httpResponse: 'deniedResponse',
        deniedResponse: {
          status: { code: status },
          headers: [overwritten('content-type', 'application/problem+json'), overwritten('retry-after', '1')],
          body: '{"title":"é"}',
        },
        dynamicMetadata: { fields: { singlestate: {} } },
      });
    },
  );

  it('is these bytes, by the field numbers of envoy.service.auth.v3', () => {
    const header = (key: string, value: string) =>
      Buffer.concat([field(1, Buffer.concat([field(1, key), field(2, value)])), field(3, 2)]);
    const entry = (key: string, value: Buffer) => field(1, Buffer.concat([field(1, key), field(2, value)]));
    const metadata = entry('singlestate', field(5, entry('a', field(3, 'b'))));
    const passage: Answer = {
      allowed: true,
      set: [['h', 'v']],
      remove: ['r'],
      response: [['i', 'w']],
      metadata: { a: 'b' },
    };
    const ok = Buffer.concat([field(2, header('h', 'v')), field(5, 'r'), field(6, header('i', 'w'))]);
    expect(Buffer.from(encodeCheckResponse(passage)).toString('hex')).toBe(
      Buffer.concat([field(1, ''), field(3, ok), field(4, metadata)]).toString('hex'),
    );
    const refusal: Answer = {
      allowed: false,
      status: 403,
      headers: [['h', 'v']],
      body: 'b',
      metadata: { a: 'b' },
    };
    const denied = Buffer.concat([field(1, field(1, 403)), field(2, header('h', 'v')), field(3, 'b')]);
    expect(Buffer.from(encodeCheckResponse(refusal)).toString('hex')).toBe(
      Buffer.concat([field(1, field(1, 7)), field(2, denied), field(4, metadata)]).toString('hex'),
    );
  });

  it('is UTF-8 whatever a subject holds: Envoy would refuse all of it otherwise', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xff_ff })), (units) => {
        const subject = String.fromCharCode(...units);
        const bytes = encodeCheckResponse({ ...PASSAGE, metadata: { subject } });
        expect(decodeResponse(bytes)).toMatchObject({
          dynamicMetadata: {
            fields: {
              singlestate: {
                structValue: {
                  fields: { subject: subject === '' ? {} : { stringValue: subject.toWellFormed() } },
                },
              },
            },
          },
        });
      }),
    );
  });

  it('E2 a response that could not be written leaves nothing in the next one', () => {
    const whole = encodeCheckResponse(PASSAGE);
    for (const broken of [
      {
        ...PASSAGE,
        set: [
          ['x-session-subject', 'alice'],
          ['x-session-ref', undefined],
        ],
      },
      { ...PASSAGE, metadata: { subject: 'alice', issuer: undefined } },
      { ...PASSAGE, response: [['x', Symbol('x')]] },
      { ...refused(403), body: undefined },
    ]) {
      try {
        encodeCheckResponse(broken as never);
      } catch {
        // Whether it throws is not the point.
      }
      expect(Buffer.from(encodeCheckResponse(PASSAGE)).toString('hex')).toBe(
        Buffer.from(whole).toString('hex'),
      );
    }
  });

  it('E2 is of its own bytes, which the next one does not change', () => {
    const one = encodeCheckResponse(PASSAGE);
    const before = Buffer.from(one).toString('hex');
    encodeCheckResponse(refused(503));
    expect(Buffer.from(one).toString('hex')).toBe(before);
  });

  it('holds texts and lists of any size, one after the other', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.nat(20_000).map((length) => 'a'.repeat(length)),
      fc.nat(6_000).map((length) => 'é'.repeat(length)),
      fc.constantFrom('a'.repeat(127), 'a'.repeat(128), 'a'.repeat(16_383), 'a'.repeat(16_384)),
    );
    const headers = fc.array(fc.tuple(fc.string({ minLength: 1 }), text), { maxLength: 20 });
    const facts = fc.array(
      fc.tuple(
        fc.stringMatching(/^[a-z]{1,8}$/),
        fc.oneof(text, fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
      ),
    );
    const passage = fc.record({ set: headers, remove: fc.array(text), response: headers, metadata: facts });
    const pairs = (list: readonly WireOption[] = []) =>
      list.map(({ header: { key = '', value = '' } }) => [key, value]);
    fc.assert(
      fc.property(passage, ({ set, remove, response, metadata }) => {
        const bytes = encodeCheckResponse({
          allowed: true,
          set,
          remove,
          response,
          metadata: Object.fromEntries(metadata),
        });
        const decoded = decodeResponse(bytes) as Decoded;
        expect(decoded).toMatchObject({ status: {}, httpResponse: 'okResponse' });
        expect(pairs(decoded.okResponse.headers)).toEqual(set);
        expect(decoded.okResponse.headersToRemove ?? []).toEqual(remove);
        expect(pairs(decoded.okResponse.responseHeadersToAdd)).toEqual(response);
        const { fields = {} } = decoded.dynamicMetadata.fields.singlestate.structValue;
        const told = Object.entries(fields).map(([name, { stringValue, numberValue, kind }]) => [
          name,
          kind === 'numberValue' ? (numberValue ?? 0) : (stringValue ?? ''),
        ]);
        const expected = Object.entries(Object.fromEntries(metadata)).map(([name, fact]) => [
          name,
          fact === -0 ? 0 : fact,
        ]);
        expect(Object.fromEntries(told)).toEqual(Object.fromEntries(expected));
      }),
    );
  });
});

interface WireOption {
  readonly header: { readonly key?: string; readonly value?: string };
}

interface Decoded {
  readonly okResponse: {
    readonly headers?: readonly WireOption[];
    readonly headersToRemove?: readonly string[];
    readonly responseHeadersToAdd?: readonly WireOption[];
  };
  readonly dynamicMetadata: {
    readonly fields: {
      readonly singlestate: {
        readonly structValue: {
          readonly fields?: Readonly<
            Record<string, { kind?: string; stringValue?: string; numberValue?: number }>
          >;
        };
      };
    };
  };
}
