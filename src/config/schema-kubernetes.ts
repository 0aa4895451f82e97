/** Schema of what Singlestate has to do with the Kubernetes that it runs in, or beside. */
import { z } from 'zod';
import { filePath, someText } from './scalars.ts';
import { issuerKeys } from './schema-identity.ts';

export const kubernetes = z
  .strictObject({
    sessionRoutes: z
      .boolean()
      .default(false)
      .describe(
        'Takes up the SessionRoutes of the cluster: routes and apps that app teams bring, as far as SessionRoutePolicies let them.',
      ),
    kubeconfigFile: filePath
      .optional()
      .describe('How to reach the API server. Without it, as the service account of the pod.'),
    serviceAccounts: z
      .strictObject({
        issuer: someText.describe("`iss` of the cluster's service account tokens."),
        audience: someText.default('singlestate').describe('`aud` that their tokens must have.'),
        jwksUrl: issuerKeys.jwksUrl,
        caFile: issuerKeys.caFile,
        tokenFile: issuerKeys.tokenFile,
      })
      .optional()
      .describe(
        'How the service accounts that SessionRoutes name are verified at the Session API. Without it none can be named.',
      ),
  })
  .optional()
  .describe('Kubernetes custom resources; without it, none.');
