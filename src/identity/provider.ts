/** A configured identity provider: its keys, and the verification of its ID tokens. */
import type { IdentityProviderConfig } from '../config/schema.ts';
import { idTokenRules, readIdToken } from './id-token.ts';
import { IdentityConfigError } from './identity-config-error.ts';
import type { IdentityProvider } from './identity.ts';
import { createDiscoveredIssuer, type IssuerKeys, type IssuerKeysOptions } from './issuer-keys.ts';
import { urlProblem } from './secure-url.ts';
import { verifySignedJwt } from './signed-jwt.ts';

/** An identity provider whose keys can be fetched ahead of the first login. */
export interface ConfiguredIdentityProvider extends IdentityProvider {
  /** Never rejects; a failure is told to `onFetchFailure`. Start-up need not wait for it. */
  prefetch(): Promise<void>;
}

/**
 * Makes no request by itself. Throws `IdentityConfigError` for an issuer without https, but for loopback hosts.
 * `config.issuer`, the issuer that discovery names and `iss` must be the same to the letter.
 * `keys` are the issuer's, where somebody else needs them as well.
 */
export function createIdentityProvider(
  config: IdentityProviderConfig,
  options: IssuerKeysOptions,
  keys: IssuerKeys = createDiscoveredIssuer(config.issuer, options),
): ConfiguredIdentityProvider {
  const problem = urlProblem(config.issuer);
  if (problem !== undefined) {
    throw new IdentityConfigError([`The issuer of the identity provider "${config.name}" ${problem}`]);
  }
  const rules = idTokenRules(config);
  return {
    name: config.name,
    prefetch: () => keys.prefetch(),
    async verifyIdToken(idToken, { nonce }) {
      const verdict = await verifySignedJwt(idToken, keys, rules, options.nowMs());
      if (!verdict.verified && verdict.cause === 'keys_unavailable') return unavailable(config.name);
      if (!verdict.verified) return invalid(verdict.problem);
      const reading = readIdToken(idToken, verdict.claims, { nonce, nowMs: options.nowMs() }, config);
      return reading.ok ? { verified: true, identity: reading.identity } : invalid(reading.problem);
    },
  };
}

function invalid(problem: string) {
  return { verified: false, cause: 'invalid_token', problem: `The ID token ${problem}.` } as const;
}

function unavailable(name: string) {
  const problem = `The identity provider "${name}" can't be reached to verify the ID token; try again shortly.`;
  return { verified: false, cause: 'provider_unavailable', problem } as const;
}
