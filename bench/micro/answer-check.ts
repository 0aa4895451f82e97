/** The smallest useful check, the same for each transport: reads the request, and allows it with three headers. */
import { envoy } from '../../src/gen/envoy/messages.js';

export const { CheckRequest, CheckResponse, HeaderAppendAction } = envoy.service.auth.v3;

/** The `x-session-subject` of every answer, by which the trial request knows it. */
export const MICRO_SUBJECT = 'micro';

export function answerCheck(
  request: envoy.service.auth.v3.CheckRequest,
): envoy.service.auth.v3.CheckResponse.$Properties {
  const http = request.attributes?.request?.http;
  const fields = {
    'x-session-subject': MICRO_SUBJECT,
    'x-session-scopes': http?.method ?? '',
    'x-session-version': String(http?.path?.length ?? 0),
  };
  return {
    status: { code: 0 },
    okResponse: {
      headers: Object.entries(fields).map(([key, value]) => ({
        header: { key, value },
        appendAction: HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
      })),
    },
  };
}
