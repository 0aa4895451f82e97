/**
 * The `api` listener's server: the Session API and the audit trail as gRPC, gRPC-Web and Connect on one port, and plain
 * routes beside them. Hides the order in which a call is met: authorized, read, checked, bounded in time, carried out, logged.
 */
import type { Server } from 'node:http';
import {
  Code,
  ConnectError,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { createValidateInterceptor } from '@connectrpc/validate';
import { AuditService } from '../gen/singlestate/audit/v1/audit_pb.ts';
import { SessionService } from '../gen/singlestate/session/v1/session_pb.ts';
import { createHttp1And2Server, type Http1And2Handler } from '../net/http1-and-2.ts';
import type { WebRoutes } from '../net/web-handler.ts';
import { createAuditService, type AuditServiceOptions } from './audit-service.ts';
import { authorizeCall, procedurePath } from './authorization.ts';
import {
  beginCall,
  callOf,
  fault,
  logFailure,
  logSuccess,
  logUnlessClaimed,
  noteCaller,
} from './call-log.ts';
import type { ApiDependencies } from './dependencies.ts';
import { createOauthRoutes } from './oauth.ts';
import { answerPlain, answerProblem, peerOf } from './plain-http.ts';
import { servePublicKeys } from './public-keys.ts';
import { createSessionService } from './session-service.ts';

export interface ApiServerOptions {
  /** How long a call may take once its message has arrived. Default 10 s: an identity provider may have to be asked. */
  readonly callDeadlineMs?: number;
  /** Served beside those of the Session API, such as the browser login's. */
  readonly routes?: WebRoutes;
  readonly audit?: AuditServiceOptions;
}

/** The largest message that is read, in bytes, before and after decompression. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** The names of the client's certificate, which the headers of a call don't tell. */
const certificateNames = createContextKey<readonly string[]>([]);

/** A server that is not listening yet: open it with `listen` of src/net. */
export function createApiServer(deps: ApiDependencies, options: ApiServerOptions = {}): Server {
  const { callDeadlineMs = 10_000 } = options;
  const routes = routesOf(deps, options.routes);
  const handler = connectNodeAdapter({
    routes: (router) =>
      router
        .service(SessionService, createSessionService(deps))
        .service(AuditService, createAuditService(deps, options.audit)),
    contextValues: (request) => createContextValues().set(certificateNames, peerOf(request).certificateNames),
    requestGate: (context) => admit(deps, context),
    interceptors: [logging(deps), deadline(callDeadlineMs), createValidateInterceptor()],
    readMaxBytes: MAX_MESSAGE_BYTES,
    fallback: (request, response) =>
      void answerPlain(request, response, routes, (path, thrown) => {
        deps.log.error('request failed', { path, fault: fault(thrown) });
      }),
  });
  return createHttp1And2Server(refusingAmbiguous(refusingUnaddressed(handler)));
}

function routesOf(deps: ApiDependencies, others: WebRoutes = new Map()): WebRoutes {
  const publicKeys = servePublicKeys(() => deps.jwks());
  return new Map([...others, ...createOauthRoutes(deps), ['/.well-known/jwks.json', publicKeys]]);
}

/** Runs before the body is read, so that who may not call can't make the server read. */
async function admit(deps: ApiDependencies, context: HandlerContext): Promise<void> {
  context.responseHeader.set('cache-control', 'no-store');
  const call = beginCall(context);
  const credentials = {
    authorization: context.requestHeader.get('authorization') ?? undefined,
    certificateNames: context.values.get(certificateNames),
  };
  try {
    const path = procedurePath(context.service, context.method);
    const authorization = await authorizeCall(path, credentials, deps);
    noteCaller(call, authorization.caller);
    if (!authorization.allowed) throw authorization.error;
  } catch (thrown) {
    throw logFailure(deps.log, call, thrown);
  }
  logUnlessClaimed(deps.log, call, context.signal);
}

function logging(deps: ApiDependencies): Interceptor {
  return (next) => async (request) => {
    const call = callOf(request.contextValues);
    call.claimed = true;
    try {
      const response = await next(request);
      logSuccess(deps.log, call);
      return response;
    } catch (thrown) {
      throw logFailure(deps.log, call, thrown);
    }
  };
}

/** Ends the wait for a call at the server's deadline, at the client's, and when the client is gone. */
function deadline(deadlineMs: number): Interceptor {
  return (next) => async (request) => {
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new ConnectError(`the call took longer than ${deadlineMs} ms`, Code.DeadlineExceeded));
    }, deadlineMs);
    try {
      return await Promise.race([next(request), aborted(AbortSignal.any([late.signal, request.signal]))]);
    } finally {
      clearTimeout(timer);
    }
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = () => reject(ConnectError.from(signal.reason, Code.Canceled));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

/** The adapter throws, out of reach of any promise, at a request whose Host is missing or no host. */
function refusingUnaddressed(handler: Http1And2Handler): Http1And2Handler {
  return (request, response) => {
    try {
      handler(request, response);
    } catch {
      answerProblem(response, 400, 'Bad Request');
    }
  };
}

/** Node keeps the first of several `authorization` headers; whose they are, whoever added the others meant to decide. */
function refusingAmbiguous(handler: Http1And2Handler): Http1And2Handler {
  return (request, response) => {
    const names = request.rawHeaders.filter((_, at) => at % 2 === 0);
    const credentials = names.filter((name) => name.toLowerCase() === 'authorization');
    if (credentials.length > 1) answerProblem(response, 400, 'Bad Request');
    else handler(request, response);
  };
}
