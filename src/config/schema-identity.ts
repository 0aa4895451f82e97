/** Schema of who is who: identity providers and browser login, operators, and the identities of apps. */
import { z } from 'zod';
import { filePath, headerPart, issuer, name, origin, scope, someText, url } from './scalars.ts';
import { duration } from './units.ts';

/** Where the keys are that an issuer signs with. */
export const issuerKeys = {
  jwksFile: filePath.optional().describe('The public keys of the issuer, a JWKS file.'),
  jwksUrl: url
    .optional()
    .describe('The public keys of the issuer, a JWKS URL. Without either, OIDC discovery at the issuer.'),
  caFile: filePath
    .optional()
    .describe('CA certificates, PEM, for fetching the keys; else those of the system.'),
  tokenFile: filePath
    .optional()
    .describe('A bearer token for fetching the keys, such as a service account token of Kubernetes.'),
};

export const identityProvider = z.strictObject({
  name: name.describe('What sessions, logs and metrics call it.'),
  issuer: issuer.describe(
    'Its issuer identifier; discovery is at /.well-known/openid-configuration below it.',
  ),
  clientId: someText.describe('The ID token must have it as its audience.'),
  clientSecretFile: filePath
    .optional()
    .describe('A file that holds the client secret. With it, browsers can log in with this provider.'),
  displayName: someText.optional().describe('What the login page calls it. Without it, its name.'),
  scopes: z
    .array(scope)
    .default(['openid'])
    .describe(
      'What a browser login asks for (`scope` of the authorization request); openid is always in it.',
    ),
  claims: z
    .strictObject({
      scopes: someText
        .default('scope')
        .describe(
          'The claim that holds the scopes: a list, or a string with spaces. "a.b" is claim b in claim a.',
        ),
      attributes: z
        .record(headerPart, someText)
        .default({})
        .describe('Session attribute name -> claim; strings, numbers and booleans are taken.'),
    })
    .prefault({})
    .describe('Which claims of the ID token go into the session.'),
});

export const login = z
  .strictObject({
    origins: z
      .array(origin)
      .min(1)
      .describe(
        'Where browsers log in, and the only places that they are sent back to. At each, /auth/callback must be registered with the identity providers, and Envoy must route /auth/ to the `api` listener.',
      ),
    timeout: duration({ min: '30s', max: '1h' })
      .prefault('10m')
      .describe('How long a user may take at the identity provider.'),
  })
  .optional()
  .describe('Browser login. It needs a provider with clientSecretFile, and sealing.');

export const workloadIdentity = z
  .strictObject({
    issuer: someText.optional().describe('`iss` of a JWT: that of the Kubernetes cluster, or of SPIRE.'),
    subject: someText
      .optional()
      .describe('`sub` of the JWT: `system:serviceaccount:NAMESPACE:NAME`, or a SPIFFE id.'),
    audience: someText.default('singlestate').describe('`aud` of the JWT.'),
    ...issuerKeys,
    certificate: someText
      .optional()
      .describe(
        'In place of a JWT: the SPIFFE id or DNS name of a client certificate; it needs tls.api.clientCaFile.',
      ),
  })
  .refine(
    (value) =>
      value.certificate === undefined
        ? value.issuer !== undefined && value.subject !== undefined
        : value.issuer === undefined && value.subject === undefined,
    'must have issuer and subject, or certificate alone',
  )
  .meta({ not: { required: ['jwksFile', 'jwksUrl'] } });

export const operator = z
  .strictObject({
    name: name.describe('Who this is in logs and in audit.'),
    issuer: someText.describe("`iss` of the operator's JWT."),
    subject: someText.describe("`sub` of the operator's JWT."),
    audience: someText.describe("`aud` of the operator's JWT."),
    ...issuerKeys,
  })
  .meta({ not: { required: ['jwksFile', 'jwksUrl'] } });
