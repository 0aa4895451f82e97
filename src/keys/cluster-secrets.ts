/**
 * Secrets of the Kubernetes namespace that this program runs in, by its service account. Hides the API server's address, its
 * CA, the token, and base64.
 */
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';

/** Where a pod finds its API server (Kubernetes: "Accessing the API from a Pod"). */
export interface ClusterAccess {
  readonly host: string | undefined;
  readonly port: string | undefined;
  /** The folder with `token`, `ca.crt` and `namespace`. */
  readonly accountDir: string;
}

export interface SecretFiles {
  readonly files: ReadonlyMap<string, string>;
  /** As it was read. Its `resourceVersion` lets the API server refuse what somebody else changed meanwhile. */
  readonly metadata: object;
}

export type ClusterSecretsErrorCode =
  /** This is no pod, or it has no service account token. */
  | 'ERR_CLUSTER_ABSENT'
  /** The API server did not answer, or refused: the message has its status and reason. */
  | 'ERR_CLUSTER_REFUSED'
  | 'ERR_SECRET_EXISTS'
  | 'ERR_SECRET_ABSENT'
  /** It is another one than was read. */
  | 'ERR_SECRET_CHANGED';

/** The message names the Secret and what would be right, never what is in it. */
export class ClusterSecretsError extends Error {
  override readonly name = 'ClusterSecretsError';
  readonly code: ClusterSecretsErrorCode;

  constructor(code: ClusterSecretsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Each call rejects with `ClusterSecretsError`. */
export interface ClusterSecrets {
  read(name: string): Promise<SecretFiles>;
  /** Needs the verb `create` alone. */
  create(name: string, files: ReadonlyMap<string, string>): Promise<void>;
  replace(name: string, next: SecretFiles): Promise<void>;
}

const TIMEOUT_MS = 10_000;
/** Marks who made them, for people who look through a namespace. */
const LABELS = { 'app.kubernetes.io/name': 'singlestate', 'app.kubernetes.io/component': 'keys' };

interface SecretObject {
  readonly metadata?: object;
  readonly data?: Readonly<Record<string, string>>;
}

export function createClusterSecrets(access: ClusterAccess): ClusterSecrets {
  const call = createCaller(access);
  return {
    async read(name) {
      const { metadata = {}, data = {} } = await call('GET', name);
      const files = Object.entries(data).map(([file, text]) => [file, decode(text)] as const);
      return { files: new Map(files), metadata };
    },
    async create(name, files) {
      await call('POST', name, secretOf(name, { files, metadata: { labels: LABELS } }));
    },
    async replace(name, next) {
      await call('PUT', name, secretOf(name, next));
    },
  };
}

const decode = (text: string) => Buffer.from(text, 'base64').toString('utf8');
const encode = (text: string) => Buffer.from(text, 'utf8').toString('base64');

function secretOf(name: string, { files, metadata }: SecretFiles) {
  const data = Object.fromEntries([...files].map(([file, text]) => [file, encode(text)]));
  return { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata: { ...metadata, name }, data };
}

type Caller = (method: 'GET' | 'POST' | 'PUT', name: string, body?: object) => Promise<SecretObject>;

function createCaller({ host, port, accountDir }: ClusterAccess): Caller {
  return async (method, name, body) => {
    if (!host || !port) throw absent('KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set');
    const [token, ca, namespace] = await Promise.all(
      ['token', 'ca.crt', 'namespace'].map((file) => readAccountFile(join(accountDir, file))),
    );
    const collection = `/api/v1/namespaces/${namespace ?? ''}/secrets`;
    const path = method === 'POST' ? collection : `${collection}/${encodeURIComponent(name)}`;
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const headers = { authorization: `Bearer ${token ?? ''}`, 'content-type': 'application/json' };
    const { status, text } = await send({ host, port, path, method, headers, ca }, sent).catch(
      (cause: unknown) => {
        throw new ClusterSecretsError(
          'ERR_CLUSTER_REFUSED',
          `the API server can't be reached (${cause instanceof Error ? cause.message : 'unknown error'})`,
          { cause },
        );
      },
    );
    if (status >= 200 && status < 300) return JSON.parse(text) as SecretObject;
    throw refusal(status, method, name, text);
  };
}

async function readAccountFile(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw absent(`${file} can't be read`, { cause });
  }
}

function absent(problem: string, options?: ErrorOptions): ClusterSecretsError {
  const message = `--secret is for a pod with a service account token: ${problem}`;
  return new ClusterSecretsError('ERR_CLUSTER_ABSENT', message, options);
}

interface Call {
  readonly host: string;
  readonly port: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly ca: string | undefined;
}

/** `fetch` takes no CA without a package of its own. */
function send(call: Call, body: string | undefined): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const { ca = '', ...options } = call;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const sending = request({ ...options, ca, agent: false, minVersion: 'TLSv1.2', signal }, (answer) => {
      readAll(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject);
    });
    sending.once('error', reject).end(body);
  });
}

function refusal(status: number, method: string, name: string, text: string): ClusterSecretsError {
  if (status === 404) {
    return new ClusterSecretsError(
      'ERR_SECRET_ABSENT',
      `the Secret ${name} does not exist: make it by "singlestate keys generate --secret ${name}"`,
    );
  }
  if (status === 409 && method === 'POST') {
    return new ClusterSecretsError(
      'ERR_SECRET_EXISTS',
      `the Secret ${name} exists; add a key with "singlestate keys rotate --secret ${name}"`,
    );
  }
  if (status === 409) {
    const message = `the Secret ${name} was changed meanwhile, and is left as it is: try again`;
    return new ClusterSecretsError('ERR_SECRET_CHANGED', message);
  }
  return new ClusterSecretsError(
    'ERR_CLUSTER_REFUSED',
    `the API server refused to ${method} the Secret ${name} (${status} ${reasonOf(text)})`,
  );
}

/** `reason` of a Kubernetes Status: one word. Its message could quote what was sent. */
function reasonOf(text: string): string {
  const reason = /"reason":\s*"([A-Za-z]{1,40})"/.exec(text)?.[1];
  return reason ?? 'no reason given';
}
