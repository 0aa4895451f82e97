/** What a session is: the document kept in the store, its schema, and its encoding. Hides JSON and schema versions. */
import { z } from 'zod';
import type { SessionRef } from './ref.ts';

/** The newest document schema that this code writes. Older ones are migrated when read; newer ones are not guessed at. */
export const SCHEMA_VERSION = 2;

/** What it yields is frozen, since readers share it. */
const documentSchema = z
  .strictObject({
    schema: z.literal(SCHEMA_VERSION),
    identity: z
      .strictObject({
        /** The configured name of the identity provider. */
        provider: z.string().min(1),
        /** OIDC `iss`. */
        issuer: z.string().min(1),
        /** OIDC `sub`. */
        subject: z.string().min(1),
        /** OIDC `sid`: the session at the identity provider, where it has one. */
        providerSession: z.string().optional(),
      })
      .readonly(),
    authentication: z
      .strictObject({
        /** When the user proved who they are (OIDC `auth_time`, else `iat`), Unix milliseconds. */
        atMs: z.int().nonnegative(),
        /** OIDC `acr`. */
        acr: z.string().optional(),
        /** OIDC `amr` (RFC 8176). */
        amr: z.array(z.string()).readonly().optional(),
      })
      .readonly(),
    scopes: z.array(z.string()).readonly(),
    attributes: z.record(z.string(), z.string()).readonly(),
    /** State that apps share, by slice name; any JSON value. */
    slices: z.record(z.string(), z.unknown()).readonly(),
    /** What the CSRF header of a cookie-borne write must hold; sessions of browsers have one (E13). */
    csrfToken: z.string().min(22).optional(),
    createdAtMs: z.int().nonnegative(),
    /** The absolute timeout, Unix milliseconds. */
    expiresAtMs: z.int().nonnegative(),
  })
  .readonly();

export type SessionDocument = z.infer<typeof documentSchema>;

export type DecodedDocument =
  | { readonly ok: true; readonly document: SessionDocument }
  | {
      readonly ok: false;
      /** What is wrong and where, by the schema's own names; none of the document's. */
      readonly problem: string;
      /** False where the document is of a newer schema: sound, but not for this code. */
      readonly removable: boolean;
    };

/** What a decoder puts in place of bytes that are not UTF-8. */
const REPLACEMENT = '\uFFFD';

/**
 * The stored form. A replacement character of the document's own is escaped, so that one that is found in stored text
 * always tells of damage.
 * @throws TypeError for what `decodeDocument` would refuse: such a document would end its session.
 */
export function encodeDocument(document: SessionDocument): string {
  const result = documentSchema.safeParse(document);
  if (!result.success) throw new TypeError(`not a session document: ${problemOf(result.error)}`);
  return JSON.stringify(document).replaceAll(REPLACEMENT, '\\ufffd');
}

/** The size in bytes of the stored form, to compare with `session.maxBytes` before a document is created or written. */
export function documentSize(document: SessionDocument): number {
  return Buffer.byteLength(encodeDocument(document));
}

/** The document of one version does not unseal as that of another, nor as another session's (E5). */
export function documentContext(ref: SessionRef, version: number): string {
  return `document ${ref} ${version}`;
}

/** Never throws: whatever the store holds is either a document or a named problem (D4). */
export function decodeDocument(text: string): DecodedDocument {
  if (text.includes(REPLACEMENT)) return { ok: false, problem: 'not UTF-8', removable: true };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, problem: 'not JSON', removable: true };
  }
  const result = documentSchema.safeParse(migrated(value));
  if (result.success) return { ok: true, document: result.data };
  if (isNewer(value)) {
    return { ok: false, problem: `schema: newer than ${SCHEMA_VERSION}`, removable: false };
  }
  return { ok: false, problem: problemOf(result.error), removable: true };
}

/** Version 1 had no CSRF token; everything in it is as it was (A9). */
function migrated(value: unknown): unknown {
  const isFirst = typeof value === 'object' && value !== null && 'schema' in value && value.schema === 1;
  return isFirst && !('csrfToken' in value) ? { ...value, schema: SCHEMA_VERSION } : value;
}

function isNewer(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('schema' in value)) return false;
  return Number.isSafeInteger(value.schema) && Number(value.schema) > SCHEMA_VERSION;
}

/** Names of attributes and slices come from the document, so a path is told no deeper than the schema's own names go. */
function problemOf(error: z.ZodError): string {
  const [issue] = error.issues;
  const [member, field] = issue?.path ?? [];
  const named = member === 'identity' || member === 'authentication' ? [member, field] : [member];
  const path = named.filter((name) => name !== undefined).join('.');
  return `${path || 'document'}: ${issue?.code ?? 'invalid'}`;
}
