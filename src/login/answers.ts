/** The answers that browsers and identity providers get: pages, redirects and JSON, none of them to be kept or framed. */
import { problemResponse } from '../net/web-problem.ts';
import type { Markup } from './markup.ts';

/** How soon an outage is worth another try, in seconds (RFC 9110 section 10.2.3). */
export const RETRY_AFTER_SECONDS = 5;

/**
 * No `form-action`: browsers hold the redirects that follow a form to it as well, and a logout goes on to the identity
 * provider. Without a referrer, as the address of a page here may hold a code of the identity provider.
 */
const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
};

const EVERY_ANSWER = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export interface Extras {
  /** Field values of `set-cookie`. */
  readonly cookies?: readonly string[];
  readonly retryAfterSeconds?: number;
}

export function pageAnswer(status: number, page: Markup, extras: Extras = {}): Response {
  return new Response(page.html, { status, headers: headersOf(PAGE_HEADERS, extras) });
}

/** 302 keeps a GET a GET; 303 makes one of whatever it was. */
export function redirectAnswer(status: 302 | 303, location: string, extras: Extras = {}): Response {
  return new Response(null, { status, headers: headersOf({ location }, extras) });
}

export function jsonAnswer(status: number, body: object, extras: Extras = {}): Response {
  const headers = headersOf({ 'content-type': 'application/json' }, extras);
  return new Response(JSON.stringify(body), { status, headers });
}

/** RFC 9457. */
export function problemAnswer(
  status: number,
  title: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return problemResponse(status, title, { ...EVERY_ANSWER, ...headers });
}

function headersOf(
  special: Readonly<Record<string, string>>,
  { cookies = [], retryAfterSeconds }: Extras,
): Headers {
  const headers = new Headers({ ...EVERY_ANSWER, ...special });
  if (retryAfterSeconds !== undefined) headers.set('retry-after', String(retryAfterSeconds));
  for (const cookie of cookies) headers.append('set-cookie', cookie);
  return headers;
}
