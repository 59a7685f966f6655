import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { adminKeys } from './admin/keys.ts';
import { adminScaling } from './admin/scaling.ts';
import { usage } from './admin/usage.ts';
import { chatCompletions } from './apis/chat/route.ts';
import { messagesError } from './apis/messages/events.ts';
import { countTokens, messages } from './apis/messages/route.ts';
import { listModels } from './apis/models.ts';
import { responses } from './apis/responses/route.ts';
import type { AppDependencies, AppEnvironment } from './context.ts';
import { ApiError, toApiError } from './errors/api-error.ts';
import { logFailure } from './errors/log.ts';
import { page } from './http/page.ts';
import { playgroundPage } from './http/playground-page.ts';
import { referencePage } from './http/reference-page.ts';
import { authenticate } from './keys/authenticate.ts';
import { apiDocument } from './openapi/route.ts';

/** The most bytes of a request's body. The REST API in front takes 10 MB, Lambda 6 MB, of which base64 may be a third. */
const MAX_BODY_BYTES = 4_000_000;

/**
 * The whole API as a Hono app.
 *
 * @example
 * const response = await createApp(dependencies).request('/v1/models');
 */
export function createApp(dependencies: AppDependencies): Hono<AppEnvironment> {
  const app = new Hono<AppEnvironment>();
  const { keyHashes, keys, log } = dependencies;

  app.use(async (context, next) => {
    const requestId = `req_${dependencies.newId()}`;
    context.set('requestId', requestId);
    await next();
    context.header('x-request-id', requestId);
  });

  app.get('/', page(playgroundPage));
  app.get('/docs', page(referencePage));
  app.get('/openapi.json', apiDocument());
  app.get('/healthz', (context) => context.json({ status: 'ok' }));

  app.use('/v1/*', async (context, next) => {
    context.set('caller', await authenticate(context.req.raw.headers, { adminHashes: keyHashes, store: keys }));
    await next();
  });
  app.use('/v1/admin/*', async (context, next) => {
    if (!context.get('caller').admin) {
      throw new ApiError(403, 'This takes an admin key: the one of the deployment.', { code: 'admin_only' });
    }
    await next();
  });
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new ApiError(413, `The body is larger than ${MAX_BODY_BYTES} bytes. Shorten the conversation.`, {
          code: 'request_too_large',
        });
      },
    }),
  );
  app.get('/v1/usage', usage(dependencies));
  adminKeys(app, dependencies);
  adminScaling(app, dependencies);
  app.get('/v1/models', listModels(dependencies));
  app.get('/v1/models/:id{.+}', listModels(dependencies));
  app.post('/v1/chat/completions', chatCompletions(dependencies));
  app.post('/v1/responses', responses(dependencies));
  app.post('/v1/messages', messages(dependencies));
  app.post('/v1/messages/count_tokens', countTokens(dependencies));

  app.notFound((context) => {
    const known = app.routes.filter((route) => route.path === context.req.path && route.method !== 'ALL');
    const error =
      known.length === 0
        ? new ApiError(404, `There is no ${context.req.method} ${context.req.path} here.`, { code: 'unknown_url' })
        : new ApiError(405, `${context.req.path} takes ${known.map((route) => route.method).join(', ')}.`, {
            code: 'method_not_allowed',
            headers: { allow: known.map((route) => route.method).join(', ') },
          });
    return context.json(error.body, error.status, { ...error.headers });
  });

  app.onError((error, context) => {
    const apiError = toApiError(error);
    const requestId = context.get('requestId');
    if (apiError.status >= 500) logFailure(log, requestId, apiError);
    // Each dialect's clients read their own shape of an error.
    const body = context.req.path.startsWith('/v1/messages') ? messagesError(apiError, requestId) : apiError.body;
    return context.json(body, apiError.status, { ...apiError.headers });
  });
  return app;
}
