/** How a login can end, in one word each: for the log, the audit trail, and the page that the user gets. */
import { RETRY_AFTER_SECONDS, pageAnswer } from './answers.ts';
import { refusalPage } from './pages.ts';

/** Why a login did not open a session. */
export type LoginFailure =
  /** This browser began no such login, or it took too long, or it has ended already. */
  | 'no_attempt'
  /** The user or the provider said no. */
  | 'declined'
  /** What the provider answered does not hold. */
  | 'refused'
  /** The provider can't be asked right now. */
  | 'provider_unavailable'
  /** Not as sure, or not as fresh, as was demanded. */
  | 'insufficient'
  /** The ID token has opened a session before. */
  | 'replayed'
  | 'too_large'
  /** The user has as many sessions as allowed. */
  | 'limited';

/** What the user is told; nothing of what the provider wrote. */
const PAGES: Readonly<Record<LoginFailure, readonly [status: number, heading: string, sentence: string]>> = {
  no_attempt: [
    400,
    'This login is over',
    'It took too long, was finished before, or began in another browser. You may be logged in already.',
  ],
  declined: [403, 'Not logged in', 'The login was cancelled, or the identity provider refused it.'],
  refused: [400, 'Not logged in', 'The answer of the identity provider could not be accepted.'],
  provider_unavailable: [
    503,
    'No login right now',
    "The identity provider can't be reached right now. Whoever is logged in stays so.",
  ],
  insufficient: [
    403,
    'Not logged in strongly enough',
    'What you asked for needs a stronger or more recent login than the identity provider gave.',
  ],
  replayed: [400, 'This login is over', 'It has been used before.'],
  too_large: [403, 'Not logged in', 'Your identity provider says more about you than a session may hold.'],
  limited: [403, 'Too many sessions', 'Log out somewhere else first.'],
};

export interface FailurePage {
  /** The path of a link that begins anew. */
  readonly again: string;
  readonly cookies?: readonly string[];
  /** In place of the usual sentence. */
  readonly sentence?: string;
}

export function failureAnswer(
  failure: LoginFailure,
  { again, cookies = [], sentence }: FailurePage,
): Response {
  const [status, heading, usual] = PAGES[failure];
  const page = refusalPage(heading, sentence ?? usual, again);
  return pageAnswer(status, page, {
    cookies,
    ...(status === 503 && { retryAfterSeconds: RETRY_AFTER_SECONDS }),
  });
}
