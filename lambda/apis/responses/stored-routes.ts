import type { Context } from 'hono';
import * as z from 'zod';
import type { BackgroundResponses } from '../../background/background-responses.ts';
import { cancelResponse } from '../../background/cancel-response.ts';
import { deleteResponse } from '../../background/delete-response.ts';
import type { ResponseStore } from '../../background/response-store.ts';
import { isFinal, type StoredResponse } from '../../background/stored-response.ts';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import { ApiError, invalidRequest } from '../../errors/api-error.ts';
import { parseQuery } from '../../http/parse-query.ts';
import { pageOf, pageQuerySchema } from '../paging.ts';
import { requireResponses } from '../store-permission.ts';
import { unfinishedBody } from './background.ts';
import { followed } from './create-background.ts';
import { outputOfEvents } from './output-of-events.ts';
import type { InputItem } from './request.ts';
import { callOf } from './stored-request.ts';
import { itemsOf } from './to-chat.ts';

type StoredContext<Route extends string> = Context<AppEnvironment, `/v1/responses/:id${Route}`>;

export const retrieveQuerySchema = z.looseObject({
  stream: z.enum(['true', 'false']).optional().describe('Whether to get the events, those that come included.'),
  starting_after: z.coerce.number().int().min(-1).optional().describe('Sequence number after which the events begin.'),
});

/** `GET /v1/responses/{id}`, streamed or not. */
export function retrieveStored(dependencies: AppDependencies) {
  return async (context: StoredContext<''>): Promise<Response> => {
    const responses = requireResponses(dependencies);
    const stored = await find(responses.store, context.get('caller').id, context.req.param('id'));
    const { stream, starting_after: after } = parseQuery(retrieveQuerySchema, context.req.query());
    if (stream !== 'true') return context.json(await bodyOf(responses.store, stored));
    if (stored.background) return await followed(context, dependencies, responses, stored, after ?? -1);
    throw invalidRequest('stream', 'Only a response in the background has events that can be read later. Omit stream.');
  };
}

/** `DELETE /v1/responses/{id}`: cancels it if it runs. */
export function deleteStored(dependencies: AppDependencies) {
  return async (context: StoredContext<''>): Promise<Response> => {
    const responses = requireResponses(dependencies);
    const stored = await find(responses.store, context.get('caller').id, context.req.param('id'));
    await deleteResponse(responses.store, stored, async () => await cancel(dependencies, responses, stored));
    return context.json({ id: stored.id, object: 'response', deleted: true });
  };
}

/** `POST /v1/responses/{id}/cancel`. A response that has ended is returned as it is. */
export function cancelStored(dependencies: AppDependencies) {
  return async (context: StoredContext<'/cancel'>): Promise<Response> => {
    const responses = requireResponses(dependencies);
    const { store } = responses;
    const stored = await find(store, context.get('caller').id, context.req.param('id'));
    if (!stored.background) {
      throw new ApiError(400, 'Only a response in the background can be cancelled. Close the connection of others.', {
        code: 'not_in_background',
      });
    }
    if (!isFinal(stored.status)) await cancel(dependencies, responses, stored);
    return context.json(await bodyOf(store, await store.require(stored)));
  };
}

/** `GET /v1/responses/{id}/input_items`: the conversation that the model saw, with what came before the request. */
export function inputItems(dependencies: AppDependencies) {
  return async (context: StoredContext<'/input_items'>): Promise<Response> => {
    const { store } = requireResponses(dependencies);
    const stored = await find(store, context.get('caller').id, context.req.param('id'));
    const query = parseQuery(pageQuerySchema, context.req.query());
    const { request, history } = callOf(await store.request(stored));
    const suffix = stored.id.slice(stored.id.indexOf('_') + 1);
    // The place of an item stands for its time.
    const entries = [...history, ...itemsOf(request.input)].map((item, at) => ({
      ...toListed(item, `${suffix}${String(at).padStart(4, '0')}`),
      created_at: at,
    }));
    const { data, ...page } = pageOf(entries, query);
    return context.json({ ...page, data: data.map(({ created_at: _, ...item }) => item) });
  };
}

async function find(store: ResponseStore, key: string, id: string): Promise<StoredResponse> {
  return await store.require({ key, id, dialect: 'responses' });
}

async function bodyOf(store: ResponseStore, stored: StoredResponse): Promise<object> {
  const { result, status } = stored;
  const body = result === undefined ? undefined : await store.content(result);
  if (typeof body === 'object' && body !== null) return body;
  const request = await store.request(stored);
  return unfinishedBody(stored, request, status === 'queued' ? status : 'in_progress');
}

async function cancel(
  { newId }: Pick<AppDependencies, 'newId'>,
  responses: BackgroundResponses,
  stored: StoredResponse,
): Promise<boolean> {
  const request = await responses.store.request(stored);
  const { waiting: _, ...running } = stored;
  return await cancelResponse(responses, stored, newId(), (events) =>
    unfinishedBody(running, request, 'cancelled', outputOfEvents(events)),
  );
}

/** An item of the input as OpenAI lists it. */
function toListed(item: InputItem, id: string) {
  if (!isMessage(item)) return { ...item, id: `item_${id}` };
  const { role, content } = item;
  const type = role === 'assistant' ? 'output_text' : 'input_text';
  const texts = typeof content === 'string' ? [content] : content.map((part) => part.text);
  return {
    ...{ id: `msg_${id}`, type: 'message', role, status: 'completed' },
    content: texts.map((text) => ({ type, text })),
  };
}

function isMessage(item: InputItem): item is Extract<InputItem, { role: string }> {
  return item.type === undefined || item.type === 'message';
}
