/** Requests to a gateway from inside the cluster, in cleartext or over TLS, under whatever name the gateway is asked for. */
import type { Namespace } from '../cluster/kubernetes.ts';

export interface GatewayAddress {
  /** The name that resolves in the cluster. */
  readonly service: string;
  /** What the request says it is for. */
  readonly host: string;
  /** Over TLS, with a certificate of this authority. */
  readonly ca?: string;
}

export interface GatewayAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The headers that reached the app, where it answered. */
  readonly received: Readonly<Record<string, string>>;
}

const ASK = `
import { text } from 'node:stream/consumers';
import http from 'node:http';
import https from 'node:https';
const { service, host, ca, path, headers } = JSON.parse(await text(process.stdin));
const options = { host: service, path, headers: { ...headers, host }, servername: host, ca };
const answer = await new Promise((resolve) => {
  const request = ca ? https.get({ ...options, port: 443 }) : http.get({ ...options, port: 80 });
  request.on('response', resolve).on('error', resolve);
});
const shown = answer instanceof Error
  ? { status: 0, body: String(answer), headers: {} }
  : { status: answer.statusCode, body: await text(answer), headers: answer.headers };
process.stdout.write(JSON.stringify(shown));`;

/** Status 0 where nobody answered. */
export async function askGateway(
  namespace: Namespace,
  address: GatewayAddress,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<GatewayAnswer> {
  const asked = JSON.stringify({ ...address, path, headers });
  const text = await namespace.runNode('client', 'client', ASK, asked);
  const answer = JSON.parse(text) as Omit<GatewayAnswer, 'received'>;
  const received = answer.status === 200 ? (JSON.parse(answer.body) as Record<string, string>) : {};
  return { ...answer, received };
}
