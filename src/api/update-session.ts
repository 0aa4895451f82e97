/** Writes parts of a session for an app that may: the one way in which apps change sessions (B1, C2, A2). */
import type { JsonValue } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import {
  VersionConflictSchema,
  type Change,
  type UpdateSessionRequest,
} from '../gen/singlestate/session/v1/session_pb.ts';
import { documentSize, type SessionDocument } from '../session/document.ts';
import type { SessionRef } from '../session/ref.ts';
import { invalidField } from './api-error.ts';
import { callerOf, callOf } from './call-log.ts';
import type { ApiDependencies, AppWriteOutcome } from './dependencies.ts';
import { readJson } from './json-value.ts';
import { checkedRef, hasEnded, notFound, readUsable } from './named-session.ts';
import type { AppWriteRules, PartKind } from './write-rules.ts';

/** One part, and its new value; undefined to remove it. */
interface PartChange {
  readonly kind: PartKind;
  readonly name: string;
  readonly value: JsonValue | undefined;
}

const NO_RULES: AppWriteRules = { slice: new Map(), attribute: new Map() };

/** All changes or none. What the app may not write is refused before the session is looked at. */
export async function updateSession(
  deps: ApiDependencies,
  request: UpdateSessionRequest,
  context: HandlerContext,
): Promise<{ version: number }> {
  const { name: app } = callerOf(context.values);
  callOf(context.values).reason = request.reason;
  const written = await applyChanges(deps, app, request, context).catch((thrown: unknown) => {
    deps.onWritten(app, outcomeOf(thrown));
    throw thrown;
  });
  deps.onWritten(app, written.outcome);
  if (written.outcome === 'written') return { version: written.version };
  const { bytes, maxBytes } = written;
  const problem = `the session would be ${bytes} bytes; session.maxBytes allows ${maxBytes}`;
  throw new ConnectError(problem, Code.FailedPrecondition);
}

type Written =
  | { readonly outcome: 'written'; readonly version: number }
  | { readonly outcome: 'too_large'; readonly bytes: number; readonly maxBytes: number };

/** Throws for whatever else there is to refuse. */
async function applyChanges(
  deps: ApiDependencies,
  app: string,
  request: UpdateSessionRequest,
  context: HandlerContext,
): Promise<Written> {
  const ref = checkedRef(request.ref, context);
  const changes = permittedChanges(request.changes, deps.writeRules.get(app) ?? NO_RULES);
  const session = await readUsable(ref, deps);
  const { expectedVersion, reason } = request;
  if (session.version !== expectedVersion) throw conflict(session.version);
  const document = changed(session.document, changes);
  const bytes = documentSize(document);
  const { maxBytes } = deps.limits;
  if (bytes > maxBytes) return { outcome: 'too_large', bytes, maxBytes };
  // Nobody waits for the answer any more, and who asks again reads first.
  context.signal.throwIfAborted();
  const version = await writeDocument(deps, app, { ref, expectedVersion, document, changes, reason });
  return { outcome: 'written', version };
}

interface Writing {
  readonly ref: SessionRef;
  readonly expectedVersion: number;
  readonly document: SessionDocument;
  readonly changes: readonly PartChange[];
  readonly reason: string;
}

async function writeDocument(
  deps: ApiDependencies,
  app: string,
  { ref, expectedVersion, document, changes, reason }: Writing,
): Promise<number> {
  const detail = changes.map(({ kind, name }) => `${kind}:${name}`).join(' ');
  const actor = { kind: 'app', name: app } as const;
  const note = { action: 'session_written', actor, reason, detail } as const;
  const written = await deps.store.write({ ref, expectedVersion, document, note });
  switch (written.outcome) {
    case 'written':
      return written.version;
    case 'conflict':
      throw conflict(written.currentVersion);
    case 'absent':
      throw notFound();
    case 'revoked':
      throw hasEnded('revoked');
  }
}

/** Rights come before values: who may not write a part learns nothing of its schema. */
function permittedChanges(changes: readonly Change[], rules: AppWriteRules): readonly PartChange[] {
  const named = changes.map((change, index) => ({ ...partOf(change, index), index, value: change.value }));
  const refused = named.filter(({ kind, name }) => !rules[kind].has(name));
  if (refused.length > 0) throw notPermitted(refused);
  const seen = new Set<string>();
  return named.map(({ kind, name, index, value }) => {
    const field = `changes[${index}]`;
    if (seen.has(`${kind}:${name}`)) throw invalidField(field, `the ${kind} "${name}" is there twice`);
    seen.add(`${kind}:${name}`);
    return { kind, name, value: value && checkedValue(value, kind, name, `${field}.value`, rules) };
  });
}

function partOf({ part }: Change, index: number): { kind: PartKind; name: string } {
  if (part.case === undefined)
    throw invalidField(`changes[${index}]`, 'it must name a slice or an attribute');
  return { kind: part.case, name: part.value };
}

function checkedValue(
  value: NonNullable<Change['value']>,
  kind: PartKind,
  name: string,
  field: string,
  rules: AppWriteRules,
): JsonValue {
  const reading = readJson(value);
  if (!reading.ok) throw invalidField(field, `it ${reading.problem}`);
  const { json } = reading;
  if (kind === 'attribute' && typeof json !== 'string')
    throw invalidField(field, 'the value of an attribute must be a string');
  const problem = rules[kind].get(name)?.(json);
  if (problem !== undefined) throw invalidField(field, `${kind} "${name}": ${problem}`);
  return json;
}

/** Every other part stays as it is. */
function changed(document: SessionDocument, changes: readonly PartChange[]): SessionDocument {
  const slices = changes.filter(({ kind }) => kind === 'slice');
  const attributes = changes.flatMap(({ kind, name, value }) =>
    kind === 'attribute' ? [{ name, value: value as string | undefined }] : [],
  );
  return {
    ...document,
    attributes: replaced(document.attributes, attributes),
    slices: replaced<unknown>(document.slices, slices),
  };
}

function replaced<T>(
  parts: Readonly<Record<string, T>>,
  changes: readonly { readonly name: string; readonly value: T | undefined }[],
): Record<string, T> {
  const names = new Set(changes.map(({ name }) => name));
  return Object.fromEntries([
    ...Object.entries(parts).filter(([name]) => !names.has(name)),
    ...changes.flatMap(({ name, value }): [string, T][] => (value === undefined ? [] : [[name, value]])),
  ]);
}

function notPermitted(parts: readonly { readonly kind: PartKind; readonly name: string }[]): ConnectError {
  const names = parts.map(({ kind, name }) => `the ${kind} "${name}"`).join(', ');
  return new ConnectError(`changes: the app may not write ${names}`, Code.PermissionDenied);
}

function conflict(currentVersion: number): ConnectError {
  const message = 'expected_version: the session is at another version; read it again and repeat';
  const detail = { desc: VersionConflictSchema, value: { currentVersion } };
  return new ConnectError(message, Code.Aborted, undefined, [detail]);
}

const OUTCOMES: Readonly<Partial<Record<Code, AppWriteOutcome>>> = {
  [Code.Aborted]: 'conflict',
  [Code.PermissionDenied]: 'not_permitted',
  [Code.InvalidArgument]: 'invalid',
  [Code.NotFound]: 'no_session',
  [Code.FailedPrecondition]: 'no_session',
};

function outcomeOf(thrown: unknown): AppWriteOutcome {
  if (!(thrown instanceof ConnectError)) return 'failed';
  return OUTCOMES[thrown.code] ?? 'failed';
}
