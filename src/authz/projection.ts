/** What an app is given of a session, and in which headers (C1). Compiled once for each app. */
import type { AppConfig } from '../config/schema.ts';
import type { ValidSession } from '../session/validity.ts';
import { compileView, ownPart, visibleScopes, type AppReads, type SessionView } from '../session/view.ts';
import { headerValue } from './header-value.ts';

/** The names of the headers that carry a session, all under the configured prefix. */
export interface HeaderNames {
  readonly prefix: string;
  readonly ref: string;
  readonly subject: string;
  readonly issuer: string;
  readonly scopes: string;
  readonly version: string;
  readonly expires: string;
  readonly assertion: string;
  readonly attribute: (name: string) => string;
  readonly slice: (name: string) => string;
}

export function headerNames(prefix: string): HeaderNames {
  return {
    prefix,
    ref: `${prefix}ref`,
    subject: `${prefix}subject`,
    issuer: `${prefix}issuer`,
    scopes: `${prefix}scopes`,
    version: `${prefix}version`,
    expires: `${prefix}expires`,
    assertion: `${prefix}assertion`,
    attribute: (name) => `${prefix}attr-${name.replaceAll('_', '-')}`,
    slice: (name) => `${prefix}slice-${name.replaceAll('_', '-')}`,
  };
}

export interface Projection {
  /** The app's configured name; undefined for a route without an app, which is shown who it is and nothing more. */
  readonly app: string | undefined;
  readonly assertion: boolean;
  /** The same parts as data, for the assertion. */
  readonly view: (session: ValidSession) => SessionView;
  /** Every header that tells the app about the session, less the assertion. */
  readonly headers: (session: ValidSession) => [name: string, value: string][];
}

const NOTHING: AppReads = { scopes: [], attributes: [], slices: [] };

export function compileProjection(
  app: string | undefined,
  config: AppConfig | undefined,
  names: HeaderNames,
): Projection {
  const reads = config?.reads ?? NOTHING;
  const { scopes: patterns, attributes, slices } = reads;
  const attributeHeaders = attributes.map((name) => [name, names.attribute(name)] as const);
  const sliceHeaders = slices.map((name) => [name, names.slice(name)] as const);
  const view = compileView(reads);
  return {
    app,
    assertion: config?.assertion ?? false,
    view: ({ document }) => view(document),
    headers({ ref, version, document }) {
      const headers: [name: string, value: string][] = [
        [names.ref, ref],
        [names.subject, headerValue(document.identity.subject)],
        [names.issuer, headerValue(document.identity.issuer)],
        [names.scopes, visibleScopes(document.scopes, patterns).join(' ')],
        [names.version, String(version)],
        [names.expires, String(Math.floor(document.expiresAtMs / 1000))],
      ];
      for (const [name, header] of attributeHeaders) {
        const value = ownPart(document.attributes, name);
        if (value !== undefined) headers.push([header, headerValue(value)]);
      }
      for (const [name, header] of sliceHeaders) {
        const value = ownPart(document.slices, name);
        if (value !== undefined) headers.push([header, base64urlJson(value)]);
      }
      return headers;
    },
  };
}

function base64urlJson(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Every session header that the configuration can set, for removing those that are not set on a request. */
export function configurableHeaders(names: HeaderNames, apps: Readonly<Record<string, AppConfig>>): string[] {
  const reads = Object.values(apps).map((app) => app.reads);
  const { ref, subject, issuer, scopes, version, expires, assertion } = names;
  return [
    ...new Set([
      ...[ref, subject, issuer, scopes, version, expires, assertion],
      ...reads.flatMap((read) => read.attributes.map(names.attribute)),
      ...reads.flatMap((read) => read.slices.map(names.slice)),
    ]),
  ];
}
