import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCheckRequest } from '../../../src/envoy/check-request.ts';
import { encodeRequest, field, type WireRequest } from './ext-authz-wire.ts';

type Http = NonNullable<NonNullable<NonNullable<WireRequest['attributes']>['request']>['http']>;

function decode(http: Http, contextExtensions: Record<string, string> = {}) {
  return decodeCheckRequest(encodeRequest({ attributes: { request: { http }, contextExtensions } }));
}

const EMPTY = {
  transport: 'grpc',
  method: '',
  host: '',
  path: '',
  address: undefined,
  headers: new Map(),
  contextExtensions: new Map(),
};

describe("Envoy's CheckRequest", () => {
  it('gives method, host, path, headers and extensions', () => {
    const http = {
      id: '1',
      method: 'PUT',
      host: 'app:443',
      path: '/a?b',
      headers: { accept: '*/*', cookie: 'a=b; c=d' },
    };
    expect(decode(http, { 'singlestate.app': 'billing' })).toEqual({
      transport: 'grpc',
      method: 'PUT',
      host: 'app:443',
      path: '/a?b',
      address: undefined,
      headers: new Map(Object.entries(http.headers)),
      contextExtensions: new Map([['singlestate.app', 'billing']]),
    });
  });

  const CALL = { traceparent: '00-call', tracestate: 'a=call' };

  it('is in the trace that the call names, and else in the one that the client does', () => {
    const headers = { traceparent: '00-client', tracestate: 'a=client' };
    const http = { headers };
    const bytes = encodeRequest({ attributes: { request: { http } } });
    expect(decodeCheckRequest(bytes, CALL)).toMatchObject(CALL);
    expect(decodeCheckRequest(bytes)).toMatchObject(headers);
    expect(decodeCheckRequest(bytes, { tracestate: 'a=call' })).toMatchObject(headers);
    const alone = decodeCheckRequest(bytes, { traceparent: '00-call' });
    expect(alone.traceparent).toBe('00-call');
    expect(alone.tracestate).toBeUndefined();
  });

  it.each(['192.0.2.1', '2001:db8::1'])('tells who connected to Envoy: %s', (address) => {
    const source = { address: { socketAddress: { address } } };
    expect(decodeCheckRequest(encodeRequest({ attributes: { source } }))).toEqual({ ...EMPTY, address });
    const bytes = field(1, field(1, field(1, field(1, Buffer.concat([field(2, address), field(3, 443)])))));
    expect(decodeCheckRequest(bytes)).toEqual({ ...EMPTY, address });
  });

  it('or not, where that has no IP address', () => {
    const pipe = field(1, field(1, field(1, field(2, field(1, '/run/envoy.sock')))));
    expect(decodeCheckRequest(pipe)).toEqual(EMPTY);
  });

  it.each<[string, Uint8Array]>([
    ['no bytes', new Uint8Array()],
    ['no attributes', encodeRequest({})],
    ['no request', encodeRequest({ attributes: {} })],
    ['no http', encodeRequest({ attributes: { request: {} } })],
    ['an empty http', encodeRequest({ attributes: { request: { http: {} } } })],
    ['an empty header map', encodeRequest({ attributes: { request: { http: { headerMap: {} } } } })],
  ])('with %s is empty, which no route matches', (_, bytes) => {
    expect(decodeCheckRequest(bytes)).toEqual(EMPTY);
  });

  it('may have fields that are not known here, at any depth', () => {
    const known = encodeRequest({ attributes: { request: { http: { method: 'GET', path: '/a' } } } });
    const unknown = Buffer.concat([field(99, 'new'), field(98, 7)]);
    const http = Buffer.concat([
      unknown,
      field(2, 'GET'),
      unknown,
      field(4, '/a'),
      field(11, 'HTTP/2'),
      field(12, 'body'),
    ]);
    const nested = field(
      1,
      Buffer.concat([unknown, field(4, Buffer.concat([unknown, field(2, http)])), field(2, 'destination')]),
    );
    for (const bytes of [Buffer.concat([known, unknown]), Buffer.concat([unknown, nested])]) {
      expect(decodeCheckRequest(bytes)).toEqual({ ...EMPTY, method: 'GET', path: '/a' });
    }
  });

  it('may have its fields in any order and in pieces, of which the last counts', () => {
    const piece = (http: Http) => encodeRequest({ attributes: { request: { http } } });
    const bytes = Buffer.concat([
      piece({ path: '/a', headers: { a: '1' } }),
      piece({ path: '/b', method: 'GET', headers: { b: '2' } }),
    ]);
    expect(decodeCheckRequest(bytes)).toEqual({
      ...EMPTY,
      method: 'GET',
      path: '/b',
      headers: new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
    });
  });

  it('a field of another wire type is not that field', () => {
    const http = Buffer.concat([field(2, 1), field(4, 5), field(3, 9)]);
    expect(decodeCheckRequest(field(1, field(4, field(2, http))))).toEqual(EMPTY);
  });
});

describe('header_map, which encode_raw_headers sends', () => {
  const headers = (...list: [string, string | Uint8Array][]) =>
    decode({
      headerMap: {
        headers: list.map(([key, value]) =>
          typeof value === 'string' ? { key, value } : { key, rawValue: value },
        ),
      },
    }).headers;

  it('has values as text or as bytes', () => {
    expect(headers(['a', 'text'], ['b', Buffer.from('café')])).toEqual(
      new Map([
        ['a', 'text'],
        ['b', 'café'],
      ]),
    );
  });

  it('E3 repeated headers are joined, so that no token hides behind another', () => {
    const joined = headers(
      ['authorization', 'Bearer a'],
      ['cookie', 'a=b'],
      ['authorization', 'Bearer b'],
      ['cookie', 'c=d'],
    );
    expect(joined).toEqual(
      new Map([
        ['authorization', 'Bearer a,Bearer b'],
        ['cookie', 'a=b; c=d'],
      ]),
    );
  });

  it('may have headers without a name or without a value', () => {
    expect(headers(['', 'x'], ['a', ''], ['b', new Uint8Array()])).toEqual(
      new Map([
        ['a', ''],
        ['b', ''],
      ]),
    );
  });

  it('bytes that are not UTF-8 are replaced, never dropped', () => {
    expect(headers(['x-session-a', Buffer.from([0x61, 0xff, 0x62])])).toEqual(
      new Map([['x-session-a', 'a\ufffdb']]),
    );
  });
});

describe('names that mean something to JavaScript', () => {
  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString', '0', '-1'])(
    '%s is a name like any other, or none',
    (name) => {
      const request = decode(
        { headers: { a: '1', [name]: 'x' } },
        { [name]: 'y', 'singlestate.require': 'z' },
      );
      const raw = field(1, field(4, field(2, field(3, Buffer.concat([field(1, name), field(2, 'x')])))));
      expect(request.headers.get('a')).toBe('1');
      expect(request.contextExtensions.get('singlestate.require')).toBe('z');
      expect(
        [...request.headers.keys(), ...decodeCheckRequest(raw).headers.keys()].every((key) =>
          [name, 'a'].includes(key),
        ),
      ).toBe(true);
      expect({}).not.toHaveProperty('x');
      expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    },
  );
});

describe('E3 bytes that are no CheckRequest', () => {
  const valid = encodeRequest({
    attributes: {
      request: {
        http: {
          method: 'GET',
          host: 'a',
          path: '/',
          headers: { a: 'b' },
          headerMap: { headers: [{ key: 'c', rawValue: Buffer.from('d') }] },
        },
      },
      contextExtensions: { e: 'f' },
    },
  });

  /** A decoder throws an `Error` or answers; the caller turns an `Error` into INVALID_ARGUMENT. */
  function decodes(bytes: Uint8Array): boolean {
    try {
      const request = decodeCheckRequest(bytes);
      expect(typeof request.path + typeof request.host + typeof request.method).toBe('stringstringstring');
      for (const [key, value] of [...request.headers, ...request.contextExtensions])
        expect(typeof key + typeof value).toBe('stringstring');
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
      return false;
    }
  }

  it('never do worse than to throw an Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodes(bytes)),
      { numRuns: 2_000 },
    );
  });

  it('nor do the right ones with some bytes changed, taken out or put in', () => {
    const edits = fc.array(fc.tuple(fc.nat(valid.length), fc.nat(3), fc.uint8Array({ maxLength: 3 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(edits, (all) => {
        let bytes = valid;
        for (const [at, cut, put] of all)
          bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]);
        decodes(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, Uint8Array]>([
    ['a cut end', valid.subarray(0, -1)],
    ['text that is not UTF-8', field(1, field(4, field(2, field(4, Buffer.from([0x2f, 0xff])))))],
    ['a length beyond the end', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f])],
    ['an endless varint', Buffer.alloc(20, 0xff)],
    ['field number 0', Buffer.from([0x02, 0x00])],
    ['a group that does not end', Buffer.from([0x0b])],
    ['a million groups', Buffer.alloc(1_000_000, 0x0b)],
    ['a wire type that does not exist', Buffer.from([0x0f])],
  ])('%s', (_, bytes) => {
    expect(decodes(bytes)).toBe(false);
  });
});
