/** Fetching from an issuer that has a CA of its own or wants to know who asks, as a Kubernetes API server does. */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { boundedFetch, readBounded, type FetchInit } from './bounded-fetch.ts';

/** What fetching an issuer's keys takes. */
export interface KeyAccess {
  /** CA certificates, PEM, in place of those of the system. */
  readonly ca?: string | undefined;
  /** Of a bearer token to send along. It is read anew at each fetch: platforms rotate it. */
  readonly tokenFile?: string | undefined;
}

/** As `boundedFetch`. */
export type DocumentFetch = (url: string, init: FetchInit, deadline: AbortSignal) => Promise<Response>;

/** The token goes wherever the issuer says that its keys are: who names the keys is trusted with all that they sign. */
export function createDocumentFetch({ ca, tokenFile }: KeyAccess): DocumentFetch {
  return async (url, init, deadline) => {
    const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, 'utf8')).trim();
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = { ...init, headers: { ...init.headers, ...authorization } };
    if (ca === undefined || !url.startsWith('https:')) return boundedFetch(url, sent, deadline);
    return fetchWithCa(url, sent, ca, deadline);
  };
}

/** `fetch` of Node takes no CA without a package of its own. Redirects are not followed here either. */
async function fetchWithCa(
  url: string,
  { headers, signal }: FetchInit,
  ca: string,
  deadline: AbortSignal,
): Promise<Response> {
  const ended = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers, ca, signal: ended, agent: false, minVersion: 'TLSv1.2' }, resolve).once(
      'error',
      reject,
    );
  });
  const status = answer.statusCode ?? 0;
  if (status !== 200) {
    answer.destroy();
    throw new Error(`${url} answered with status ${status}; it must be 200`);
  }
  const type = answer.headers['content-type'];
  return new Response(await readBounded(url, answer), {
    status,
    headers: type === undefined ? {} : { 'content-type': type },
  });
}
