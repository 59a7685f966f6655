import type { Context } from 'hono';
import { cancelResponse } from '../../background/cancel-response.ts';
import { deleteResponse } from '../../background/delete-response.ts';
import { type ResponseStore, unknownResponse } from '../../background/response-store.ts';
import { startQueued } from '../../background/start-queued.ts';
import { isFinal, type StoredResponse, waitingMember } from '../../background/stored-response.ts';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import { ApiError, invalidRequest } from '../../errors/api-error.ts';
import { checkBeforeQueue } from '../../generation/check-before-queue.ts';
import type { GenerationRequest, IgnoredField } from '../../generation/request.ts';
import { permittedStore, refuseInBackground, requireBackground, requireResponses } from '../store-permission.ts';
import { refusesStoreByHeader } from '../storing.ts';
import type { ChatRequest } from './request.ts';

const PREFER = 'prefer';
const ASKED = { field: PREFER, value: 'The header prefer: respond-async' };
/** Time after which a client asks again for a completion that is not there yet, in seconds. */
const POLL_SECONDS = 2;
/** Preference of a client that comes back for its answer. Source: RFC 7240, section 4.1 */
const RESPOND_ASYNC = 'respond-async';

/** Whether the client prefers to come back for its completion. */
export function prefersAsync(context: Context<AppEnvironment>): boolean {
  const preferences = context.req.header(PREFER)?.split(',') ?? [];
  return preferences.some((preference) => preference.split(';')[0]?.trim().toLowerCase() === RESPOND_ASYNC);
}

/** Stores a chat request, has it run in the background, and answers at once with the URL of its completion. */
export async function createBackgroundChat(
  context: Context<AppEnvironment>,
  dependencies: AppDependencies,
  {
    request: body,
    generation,
    ignored,
  }: {
    readonly request: ChatRequest;
    readonly generation: GenerationRequest;
    readonly ignored: readonly IgnoredField[];
  },
): Promise<Response> {
  const caller = context.get('caller');
  const responses = permittedStore(dependencies, caller, ASKED);
  const start = requireBackground(responses, ASKED);
  if (body.stream === true) throw unsupported('stream: true', 'Read the events of a response of /v1/responses instead');
  if (generation.topLogprobs !== undefined || generation.thinking.topLogprobs !== undefined) {
    throw unsupported('log-probabilities', 'Omit them');
  }
  if (refusesStoreByHeader(context)) throw unsupported('a header that refuses to store', 'Omit one of them');
  refuseInBackground(generation, ASKED);
  await checkBeforeQueue(generation, dependencies, caller);
  const id = `chatcmpl-${dependencies.newId()}`;
  const stored = await responses.store.create({
    ...{ id, dialect: 'chat', model: body.model, status: 'queued', background: true },
    request: { body, ignored, caller },
  });
  await startQueued(responses, start, stored, []);
  return pending(context, stored, { 'preference-applied': RESPOND_ASYNC });
}

/** `GET /v1/chat/completions/{id}`: 202 while it runs, then the completion. */
export function retrieveChat(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment, '/v1/chat/completions/:id'>): Promise<Response> => {
    const { store } = requireResponses(dependencies);
    const stored = await find(store, context.get('caller').id, context.req.param('id'));
    const { status, result, failure } = stored;
    if (!isFinal(status)) return pending(context, stored);
    if (failure !== undefined) {
      const { message, code, status: refusal = 502, param } = failure;
      throw new ApiError(refusal, message, { code, ...(param === undefined ? {} : { param }) });
    }
    const body = result === undefined ? undefined : await store.content(result);
    if (typeof body !== 'object' || body === null) throw unknownResponse(stored.id);
    return context.json(body);
  };
}

/** `DELETE /v1/chat/completions/{id}`: cancels it if it runs. */
export function deleteChat(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment, '/v1/chat/completions/:id'>): Promise<Response> => {
    const responses = requireResponses(dependencies);
    const stored = await find(responses.store, context.get('caller').id, context.req.param('id'));
    const cancel = async () => await cancelResponse(responses, stored, dependencies.newId(), () => ({}));
    await deleteResponse(responses.store, stored, cancel);
    return context.json({ id: stored.id, object: 'chat.completion.deleted', deleted: true });
  };
}

function pending(
  context: Context<AppEnvironment>,
  stored: StoredResponse,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { id, created, model, status } = stored;
  const body = {
    ...{ id, object: 'chat.completion', created, model, status },
    ...waitingMember(stored),
  };
  const location = `/v1/chat/completions/${id}`;
  return context.json(body, 202, { location, 'retry-after': String(POLL_SECONDS), ...headers });
}

async function find(store: ResponseStore, key: string, id: string): Promise<StoredResponse> {
  return await store.require({ key, id, dialect: 'chat' });
}

function unsupported(what: string, instead: string): ApiError {
  return invalidRequest(PREFER, `${ASKED.value} does not support ${what}. ${instead}, or omit the header.`);
}
