/** Envoy's messages as another reader and writer of them sees them, which knows nothing but the .proto file. */
import { fileURLToPath } from 'node:url';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('../../../proto/envoy/ext_authz.proto', import.meta.url));
const definitions = loadSync(PROTO, { longs: Number, enums: String, oneofs: true });
const service = definitions['envoy.service.auth.v3.Authorization'] as ServiceDefinition;
const method = service['Check'];
if (method === undefined) throw new Error('the .proto file has no Check');

export const checkMethod = method;

export interface WireHeader {
  readonly key?: string;
  readonly value?: string;
  readonly rawValue?: Uint8Array;
}

/** As Envoy would send it; any part may be missing. */
export interface WireRequest {
  readonly attributes?: {
    readonly source?: { readonly address?: { readonly socketAddress?: { readonly address?: string } } };
    readonly request?: {
      readonly http?: {
        readonly id?: string;
        readonly method?: string;
        readonly host?: string;
        readonly path?: string;
        readonly headers?: Readonly<Record<string, string>>;
        readonly headerMap?: { readonly headers?: readonly WireHeader[] };
      };
    };
    readonly contextExtensions?: Readonly<Record<string, string>>;
  };
}

export function encodeRequest(request: WireRequest): Buffer {
  return checkMethod.requestSerialize(request);
}

export function decodeResponse(bytes: Uint8Array): unknown {
  return JSON.parse(JSON.stringify(checkMethod.responseDeserialize(Buffer.from(bytes))));
}

/** One field of a message by hand: `wireType` 0 takes a number, 2 takes bytes. */
export function field(number: number, content: Uint8Array | string | number): Buffer {
  if (typeof content === 'number') return Buffer.concat([varint(number << 3), varint(content)]);
  const bytes = Buffer.from(content as string);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
