import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { adminApis } from './admin/registry.ts';
import type { Api } from './apis/api.ts';
import { apis, errorBodyAt } from './apis/registry.ts';
import type { AppDependencies, AppEnvironment } from './context.ts';
import { ApiError, toApiError } from './errors/api-error.ts';
import { logFailure } from './errors/log.ts';
import type { Shutdown } from './generation/shutdown.ts';
import { clientRequestId } from './http/client-request-id.ts';
import { allowOrigins } from './http/cors.ts';
import { gzipAnswer } from './http/gzip-answer.ts';
import { plainPath } from './http/plain-path.ts';
import { unpackBody } from './http/unpack-body.ts';
import { insteadOf } from './http/unserved-routes.ts';
import { authenticate } from './keys/authenticate.ts';
import { serviceApi } from './openapi/service.ts';

/** Maximum size of a request body, in bytes. The REST API accepts 10 MB, Lambda 6 MB, of which base64 may take a third. */
const MAX_BODY_BYTES = 4_000_000;

/** APIs behind authentication. */
const guardedApis: readonly Api[] = [...apis, ...adminApis];
const service = serviceApi(guardedApis);

/** Everything that the app serves, in the order of the OpenAPI document. */
export const servedApis: readonly Api[] = [...guardedApis, service];

/**
 * The whole API as a Hono app.
 *
 * @example
 * const response = await createApp(dependencies).request('/v1/models');
 */
export function createApp(dependencies: AppDependencies): Hono<AppEnvironment> {
  const app = new Hono<AppEnvironment>({ getPath: plainPath });
  identify(app, dependencies);
  app.use(allowOrigins(dependencies.corsOrigins ?? []));
  if (dependencies.shutdown !== undefined) refuseAtShutdown(app, dependencies.shutdown);
  if (dependencies.gzip === true) app.use(gzipAnswer);
  mount(app, [service], dependencies);
  guard(app, dependencies);
  mount(app, guardedApis, dependencies);

  app.notFound((context) => {
    const error = unknownRoute(app, context.req.method, context.req.path);
    return context.json(error.body, error.status, { ...error.headers });
  });
  app.onError((error, context) => {
    const apiError = toApiError(error);
    const requestId = context.get('requestId');
    if (apiError.status >= 500) logFailure(dependencies.log, requestId, apiError);
    const body = errorBodyAt(context.req.path, apiError, requestId);
    return context.json(body, apiError.status, spreadRetries(apiError.headers, dependencies.random));
  });
  return app;
}

/** Adds up to a fifth, at least a second, to Retry-After: clients that were refused together shall not come back together. */
function spreadRetries(headers: ApiError['headers'], random: (() => number) | undefined): Record<string, string> {
  const seconds = Number(headers['retry-after']);
  if (random === undefined || !(seconds > 0)) return { ...headers };
  return { ...headers, 'retry-after': String(Math.ceil(seconds + random() * Math.max(1, seconds / 5))) };
}

function refuseAtShutdown(app: Hono<AppEnvironment>, shutdown: Shutdown): void {
  app.use(async (_context, next) => {
    shutdown.refuseIfBegun();
    await next();
  });
}

/** Gives each request an id, which is unique. The response has the client's own id instead, if it sent one; the log has both. */
function identify(app: Hono<AppEnvironment>, { newId, log }: AppDependencies): void {
  app.use(async (context, next) => {
    const requestId = context.env?.line?.requestId ?? `req_${newId()}`;
    context.set('requestId', requestId);
    const clientId = clientRequestId(context.req.header('x-request-id'));
    if (clientId !== undefined)
      log('info', 'client request id', { request_id: requestId, client_request_id: clientId });
    await next();
    context.header('x-request-id', clientId ?? requestId);
  });
}

function mount(app: Hono<AppEnvironment>, mounted: readonly Api[], dependencies: AppDependencies): void {
  for (const { routes } of mounted) {
    for (const { method, path, handler } of Object.values(routes)) app.on(method, path, handler(dependencies));
  }
}

/** Requires a valid key, an admin key under `/v1/admin`, and a body of limited size. */
function guard(app: Hono<AppEnvironment>, { keyHashes, keys, failedLogins }: AppDependencies): void {
  app.use('/v1/*', async (context, next) => {
    const known = { adminHashes: keyHashes, store: keys, failedLogins, source: context.env?.source };
    context.set('caller', context.env?.line?.caller ?? (await authenticate(context.req.raw.headers, known)));
    await next();
  });
  app.use('/v1/admin/*', async (context, next) => {
    if (!context.get('caller').admin) {
      throw new ApiError(403, 'This route requires an admin key: the API key of the deployment.', {
        code: 'admin_only',
      });
    }
    await next();
  });
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (context) => {
        throw tooLarge(context.req.path);
      },
    }),
    unpackBody(MAX_BODY_BYTES, tooLarge),
  );
}

function tooLarge(path: string): ApiError {
  const sentence = path.endsWith('/files')
    ? `The upload is larger than ${MAX_BODY_BYTES} bytes with its form. Split the file.`
    : `The body is larger than ${MAX_BODY_BYTES} bytes. Shorten the conversation.`;
  return new ApiError(413, sentence, { code: 'request_too_large' });
}

function unknownRoute(app: Hono<AppEnvironment>, method: string, path: string): ApiError {
  const methods = app.routes
    .filter((route) => route.path === path && route.method !== 'ALL')
    .map((route) => route.method);
  if (methods.length === 0) {
    const instead = insteadOf(path);
    return instead === undefined
      ? new ApiError(404, `Unknown URL: ${method} ${path}. GET /openapi.json lists all routes.`, {
          code: 'unknown_url',
        })
      : new ApiError(404, `This API has no ${path}. ${instead}`, { code: 'unsupported_url' });
  }
  const allowed = methods.join(', ');
  return new ApiError(405, `${path} does not support ${method}. Use ${allowed}.`, {
    code: 'method_not_allowed',
    headers: { allow: allowed },
  });
}
