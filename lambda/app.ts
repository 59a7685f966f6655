import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { ApiError, toApiError } from './api-error.ts';
import { authenticate, type KeyHashes } from './authenticate.ts';
import { messagesError } from './dialects/messages-events.ts';
import type { Clock } from './generate.ts';
import type { Caller } from './keys/key-record.ts';
import type { KeyStore } from './keys/key-store.ts';
import type { Ledger } from './keys/ledger.ts';
import { loggableError, withoutQuote } from './loggable-error.ts';
import { adminKeys } from './routes/admin-keys.ts';
import { adminScaling } from './routes/admin-scaling.ts';
import { apiDocument } from './routes/api-document.ts';
import { chatCompletions } from './routes/chat-completions.ts';
import { countTokens, messages } from './routes/messages.ts';
import { listModels } from './routes/models.ts';
import { page } from './routes/page.ts';
import { playgroundPage } from './routes/playground-page.ts';
import { referencePage } from './routes/reference-page.ts';
import { responses } from './routes/responses.ts';
import { usage } from './routes/usage.ts';
import type { ModelLoad } from './scaling/model-load.ts';
import type { ServedModel } from './served-model.ts';

/** A line of the log. Never a prompt, a thought or an answer. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** All that the app takes from outside: one composition root for Lambda, one for the laptop, one for tests. */
export interface AppDependencies {
  /** At least one; the first is the default of the page. */
  readonly models: readonly ServedModel[];
  /** Absent: no key is asked for. */
  readonly keyHashes?: KeyHashes;
  /** Keys with limits of their own. Absent: only those of `keyHashes`. */
  readonly keys?: KeyStore;
  /** Absent: nobody counts, and no limit of a key holds. */
  readonly ledger?: Ledger;
  /** The load and the scaling of models, by their ids. Absent: nobody looks at it. */
  readonly loads?: ReadonlyMap<string, ModelLoad>;
  readonly clock: Clock;
  /** Unix time. Seconds. */
  readonly unixTime: () => number;
  /** A new random id, without a prefix. */
  readonly newId: () => string;
  readonly log: Log;
  readonly requestTimeoutMs: number;
  readonly capacityWaitMs: number;
  readonly keepAliveMs: number;
}

export interface AppEnvironment {
  Variables: { requestId: string; caller: Caller };
}

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

/** A failure that is ours or the model's, with its cause, in the log. */
export function logFailure(log: Log, requestId: string, error: ApiError): void {
  log('error', 'request failed', {
    request_id: requestId,
    status: error.status,
    code: error.code,
    error: withoutQuote(error.message, error.cause),
    ...(error.cause === undefined ? {} : loggableError(error.cause)),
  });
}
