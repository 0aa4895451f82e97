/** Reads how strong and how recent a login must be from the query of `/auth/login`. */
import type { LoginDemand } from '../identity/login.ts';

/** OpenID Connect Core section 3.1.2.1: names without spaces, parted by them. */
const ACR_VALUES = /^[\x21-\x7e]+( [\x21-\x7e]+)*$/;
const MAX_ACR_LENGTH = 512;

/** Seconds, up to 31 years. */
const MAX_AGE = /^\d{1,9}$/;

/** Undefined for what is no demand: one that is not understood is not met. */
export function readDemand(query: URLSearchParams): LoginDemand | undefined {
  const acr = query.get('acr_values');
  const maxAge = query.get('max_age');
  if (acr !== null && (acr.length > MAX_ACR_LENGTH || !ACR_VALUES.test(acr))) return undefined;
  if (maxAge !== null && !MAX_AGE.test(maxAge)) return undefined;
  return {
    ...(acr !== null && { acrValues: acr.split(' ') }),
    ...(maxAge !== null && { maxAgeSeconds: Number(maxAge) }),
  };
}
