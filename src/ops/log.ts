/**
 * The server's log: JSON lines, one for each decision and one for whatever else an operator should know. Hides pino,
 * batching and redaction. No line holds a token, a cookie, a session id or a query string.
 */
import { pino, type Logger } from 'pino';
import { createLogOutput, type LogOutput } from './log-output.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
/** Which checks get a line; `denied` means every check that was not allowed, errors and shadow denies included. */
export type DecisionLines = 'all' | 'denied' | 'off';

export interface LogSettings {
  readonly level: LogLevel;
  readonly decisions: DecisionLines;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** One check's outcome. Nothing in it is a secret; `path` may still carry its query, which is not logged. */
export interface DecisionEntry {
  readonly decisionId: string;
  readonly decision: 'allow' | 'deny' | 'error';
  /** `none` for an allow, or in shadow mode the reason for which it would be a deny. */
  readonly reason: string;
  readonly transport: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** The HTTP status of the answer that the client gets; absent where the request passes on. */
  readonly status?: number | undefined;
  readonly durationMs: number;
  /** More than the caller is told: which scopes were missing, what was wrong with the path. Client-chosen parts are bounded. */
  readonly detail?: string | undefined;
  readonly route?: string | undefined;
  readonly app?: string | undefined;
  /** The session's public reference. */
  readonly ref?: string | undefined;
  /** The request passed all the same, because its route is in shadow mode. */
  readonly shadow?: boolean | undefined;
  /** Envoy's `x-request-id`. */
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
}

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** An error goes into `fields.err`: its name, code, message, stack and causes are logged, other properties are not. */
  error(message: string, fields?: LogFields): void;
  /** Whether `logDecision` would write a line: ask before building its entry. */
  logsDecision(decision: DecisionEntry['decision'], shadow?: boolean): boolean;
  /** An error decision is a line of level `error`, every other one of level `info`. */
  logDecision(entry: DecisionEntry): void;
  /** Changes level and decision lines from the next line on. */
  configure(settings: LogSettings): void;
  /**
   * Resolves when every line so far was written, and after a second where nobody reads. Lines of a process that exits
   * without it are written at exit.
   */
  flush(): Promise<void>;
}

export interface LogOptions extends LogSettings {
  /** Gets each line as it is logged, in place of standard output. */
  readonly stream?: { write(line: string): void };
}

const SERVICE = 'singlestate';
const SECRETS = ['authorization', 'cookie', 'id_token', 'idToken', 'password', 'secret', 'sid', 'token'];

export function createLog(options: LogOptions): Log {
  // Node makes a pipe non-blocking when `process.stdout` is first looked at, as `createLogOutput` wants it.
  const output: LogOutput =
    options.stream === undefined
      ? createLogOutput(process.stdout.fd, {
          onDropped: (count) =>
            logger.warn({ count }, 'log lines were dropped: standard output is read too slowly'),
        })
      : passThrough(options.stream);
  const logger = createLogger(output, options.level);
  let decisions = options.decisions;

  const logsDecision: Log['logsDecision'] = (decision, shadow = false) => {
    if (decisions === 'off' || (decisions === 'denied' && decision === 'allow' && !shadow)) return false;
    return logger.isLevelEnabled(levelOf(decision));
  };
  return {
    debug: (message, fields) => logger.debug(fields, message),
    info: (message, fields) => logger.info(fields, message),
    warn: (message, fields) => logger.warn(fields, message),
    error: (message, fields) => logger.error(fields, message),
    logsDecision,
    logDecision(entry) {
      if (logsDecision(entry.decision, entry.shadow)) output.write(decisionLine(entry));
    },
    configure(settings) {
      logger.level = settings.level;
      decisions = settings.decisions;
    },
    flush: () => output.flush(),
  };
}

function passThrough(stream: { write(line: string): void }): LogOutput {
  return { write: (line) => stream.write(line), flush: () => Promise.resolve() };
}

function createLogger(output: LogOutput, level: LogLevel): Logger {
  const settings = {
    level,
    base: { service: SERVICE },
    timestamp: () => `,"time":"${isoTime()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
    redact: { paths: [...SECRETS, ...SECRETS.map((name) => `*.${name}`)], censor: '[redacted]' },
  };
  return pino(settings, output);
}

interface ErrorDescription {
  readonly name: string;
  readonly code?: unknown;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly cause?: ErrorDescription;
}

/** Names each property: errors of libraries carry arguments of commands, requests and keys in others. */
function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { name: typeof error, message: 'not an Error' };
  return {
    name: error.name,
    ...('code' in error ? { code: error.code } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined || depth >= 3 ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}

function levelOf(decision: DecisionEntry['decision']): 'info' | 'error' {
  return decision === 'error' ? 'error' : 'info';
}

/** Clients choose these; what goes on is cut. */
const MAX_PATH_CHARS = 512;
const MAX_HOST_CHARS = 255;
const MAX_METHOD_CHARS = 32;
const MAX_ID_CHARS = 128;
const MAX_DETAIL_CHARS = 512;

/** Made without pino, at a third of its cost: the shape is closed, so that there is nothing to redact. */
function decisionLine(entry: DecisionEntry): string {
  const line = {
    level: levelOf(entry.decision),
    time: isoTime(),
    service: SERVICE,
    msg: 'decision',
    decision_id: entry.decisionId,
    decision: entry.decision,
    reason: entry.reason,
    route: entry.route,
    app: entry.app,
    ref: entry.ref,
    method: entry.method.slice(0, MAX_METHOD_CHARS),
    host: entry.host.slice(0, MAX_HOST_CHARS),
    path: withoutQuery(entry.path).slice(0, MAX_PATH_CHARS),
    status: entry.status,
    detail: entry.detail?.slice(0, MAX_DETAIL_CHARS),
    duration_ms: Math.round(entry.durationMs * 1_000) / 1_000,
    transport: entry.transport,
    shadow: entry.shadow === true ? true : undefined,
    request_id: entry.requestId?.slice(0, MAX_ID_CHARS),
    trace_id: entry.traceId?.slice(0, MAX_ID_CHARS),
  };
  return `${JSON.stringify(line)}\n`;
}

function withoutQuery(path: string): string {
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}

const now = { ms: 0, iso: '' };

/** ISO 8601 in UTC; making the text costs more than the rest of a line's time, so that it is made once a millisecond. */
function isoTime(): string {
  const ms = Date.now();
  if (ms !== now.ms) {
    now.ms = ms;
    now.iso = new Date(ms).toISOString();
  }
  return now.iso;
}
