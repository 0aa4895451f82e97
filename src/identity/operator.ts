/** Tells who an operator is by the JWT that they bring. */
import type { OperatorConfig } from '../config/schema.ts';
import type { OperatorAuthenticator, OperatorVerdict } from './identity.ts';
import { createJwtIdentities, type RecognizingOptions } from './jwt-identities.ts';

/** ID tokens, access tokens (RFC 9068) and tokens without `typ`; never one of our own or a logout token. */
const TYPES = ['jwt', 'at+jwt'];

const MISSING = refusal('unauthenticated', 'A bearer token of an operator is required.');
const REFUSED = refusal(
  'unauthenticated',
  'The bearer token is not a valid token of an operator: issuer, subject, audience, end and signature count.',
);
const KEYS_UNAVAILABLE = refusal(
  'keys_unavailable',
  "The keys of the bearer token's issuer can't be fetched; try again shortly.",
);

/**
 * Reads the files that the configuration names, and no more of the outside. Rejects with `IdentityConfigError`, all
 * problems in one. Without operators it refuses everybody.
 */
export async function createOperatorAuthenticator(
  operators: readonly OperatorConfig[],
  options: RecognizingOptions,
): Promise<OperatorAuthenticator> {
  const titled = operators.map((operator) => ({ ...operator, title: `The operator "${operator.name}"` }));
  const identities = await createJwtIdentities(titled, TYPES, options);
  return {
    async authenticate(bearer) {
      if (bearer === undefined || bearer === '') return MISSING;
      const recognition = await identities.recognize(bearer);
      switch (recognition.outcome) {
        case 'known':
          return { authenticated: true, operator: { name: recognition.name } };
        case 'unknown':
          return REFUSED;
        case 'keys_unavailable':
          return KEYS_UNAVAILABLE;
      }
    },
  };
}

function refusal(cause: 'unauthenticated' | 'keys_unavailable', problem: string): OperatorVerdict {
  return { authenticated: false, cause, problem };
}
