/**
 * A login that is under way: what it began with, kept by the browser in a sealed cookie of its own, so that tabs do not
 * disturb each other and any replica can finish it. Hides the cookies and their number.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { SEALED_MARK, type Sealer } from '../sealing/sealer.ts';
import { readCookie, readCookies } from './cookies.ts';

const attemptSchema = z
  .strictObject({
    /** OAuth's `state`: the attempt's id, a dot and a secret. */
    state: z.string(),
    nonce: z.string(),
    codeVerifier: z.string(),
    /** Where it began and must end. */
    origin: z.string(),
    /** Path, query and fragment there. */
    returnTo: z.string(),
    provider: z.string(),
    demand: z
      .strictObject({
        acrValues: z.array(z.string()).readonly().exactOptional(),
        maxAgeSeconds: z.number().exactOptional(),
      })
      .readonly(),
    expiresAtMs: z.number(),
  })
  .readonly();

export type Attempt = z.infer<typeof attemptSchema>;

const COOKIE_PREFIX = '__Host-login-';
const ID = /^[A-Za-z0-9_-]{11}$/;
const STATE = /^([A-Za-z0-9_-]{11})\.[A-Za-z0-9_-]{43}$/;

/** Logins of one browser that are under way at a time. */
export const MAX_ATTEMPTS = 8;

/** Of all their cookies together: servers refuse requests whose headers are too large. */
export const MAX_ATTEMPT_BYTES = 6_144;

/** Browsers drop larger cookies (RFC 6265 section 6.1). */
export const MAX_COOKIE_BYTES = 4_096;

/** New secrets for everything that binds the provider's answer to this attempt. */
export function newAttempt(
  begun: Pick<Attempt, 'origin' | 'returnTo' | 'provider' | 'demand' | 'expiresAtMs'>,
): Attempt {
  const secret = () => randomBytes(32).toString('base64url');
  const id = randomBytes(8).toString('base64url');
  return { ...begun, state: `${id}.${secret()}`, nonce: secret(), codeVerifier: secret() };
}

/**
 * The `set-cookie` values that begin an attempt: its own, and the ends of others that are over or too many, oldest first.
 * Undefined where its cookie would be larger than browsers keep.
 */
export function attemptCookies(
  attempt: Attempt,
  { request, sealer, nowMs }: { readonly request: Request; readonly sealer: Sealer; readonly nowMs: number },
): string[] | undefined {
  const id = idOf(attempt.state) ?? '';
  const maxAgeSeconds = Math.ceil((attempt.expiresAtMs - nowMs) / 1000);
  const cookie = cookieOf(id, sealer.seal(JSON.stringify(attempt), contextOf(id)), maxAgeSeconds);
  if (cookie.length > MAX_COOKIE_BYTES) return undefined;
  const others = attemptsOf(request, sealer);
  let bytes = cookie.length;
  let count = 1;
  const ended = others.filter((other) => {
    bytes += other.bytes;
    count += 1;
    return other.expiresAtMs <= nowMs || count > MAX_ATTEMPTS || bytes > MAX_ATTEMPT_BYTES;
  });
  return [...ended.map((other) => clearedCookie(other.id)), cookie];
}

/** The attempt that `state` names, if this browser began it; it may have expired. */
export function findAttempt(request: Request, state: string | null, sealer: Sealer): Attempt | undefined {
  const id = idOf(state ?? '');
  const sealed = id === undefined ? undefined : readCookie(request, COOKIE_PREFIX + id);
  const attempt = id === undefined || sealed === undefined ? undefined : unsealed(sealed, id, sealer);
  return attempt?.state === state ? attempt : undefined;
}

/** The `set-cookie` value that ends an attempt. */
export function endedAttempt({ state }: Attempt): string {
  return clearedCookie(idOf(state) ?? '');
}

function idOf(state: string): string | undefined {
  return STATE.exec(state)?.[1];
}

/** A cookie of one attempt is no other's. */
function contextOf(id: string): string {
  return `login-attempt:${id}`;
}

function unsealed(sealed: string, id: string, sealer: Sealer): Attempt | undefined {
  // A sealer may accept plain text for the store's sake; from a browser that would be anybody's text.
  const opened = sealed.startsWith(SEALED_MARK) ? sealer.unseal(sealed, contextOf(id)) : undefined;
  return opened?.ok === true ? attemptSchema.safeParse(JSON.parse(opened.text)).data : undefined;
}

interface HeldAttempt {
  readonly id: string;
  readonly bytes: number;
  /** 0 for what can't be read. */
  readonly expiresAtMs: number;
}

/** Newest first. */
function attemptsOf(request: Request, sealer: Sealer): HeldAttempt[] {
  const held = readCookies(request).flatMap(([name, value]) => {
    const id = name.startsWith(COOKIE_PREFIX) ? name.slice(COOKIE_PREFIX.length) : '';
    if (!ID.test(id)) return [];
    const expiresAtMs = unsealed(value, id, sealer)?.expiresAtMs ?? 0;
    return [{ id, bytes: name.length + value.length, expiresAtMs }];
  });
  return held.toSorted((a, b) => b.expiresAtMs - a.expiresAtMs);
}

/** Lax: the provider sends the browser back from another site. */
function cookieOf(id: string, value: string, maxAgeSeconds: number): string {
  return `${COOKIE_PREFIX}${id}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}`;
}

function clearedCookie(id: string): string {
  return cookieOf(id, '', 0);
}
