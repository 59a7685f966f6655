import type { Context } from 'hono';
import type { BackgroundResponses } from '../../background/background-responses.ts';
import { startQueued } from '../../background/start-queued.ts';
import { storedEvents } from '../../background/stored-events.ts';
import type { StoredResponse } from '../../background/stored-response.ts';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import { checkBeforeQueue } from '../../generation/check-before-queue.ts';
import type { IgnoredField } from '../../generation/request.ts';
import { dataFrame, eventStream } from '../../http/server-sent-events.ts';
import { refuseInBackground, requireBackground } from '../store-permission.ts';
import { unfinishedBody } from './background.ts';
import { type ResponsesCall, toResponseGeneration } from './stored-request.ts';

const ASKED = { field: 'background', value: 'background: true' };

/** Stores a request, has it run in the background, and answers at once: with the queued response, or with its events as they come. */
export async function createBackground(
  context: Context<AppEnvironment>,
  dependencies: AppDependencies,
  responses: BackgroundResponses,
  {
    id,
    call,
    ignored,
  }: { readonly id: string; readonly call: ResponsesCall; readonly ignored: readonly IgnoredField[] },
): Promise<Response> {
  const caller = context.get('caller');
  const start = requireBackground(responses, ASKED);
  const generation = toResponseGeneration(call, ignored, dependencies, caller);
  refuseInBackground(generation, ASKED);
  await checkBeforeQueue(generation, dependencies, caller);
  const request = { body: call, ignored, caller };
  const { model } = call.request;
  const stored = await responses.store.create({
    id,
    dialect: 'responses',
    model,
    status: 'queued',
    background: true,
    request,
  });
  const response = unfinishedBody(stored, request, 'queued');
  await startQueued(responses, start, stored, [
    { type: 'response.created', response },
    { type: 'response.queued', response },
  ]);
  if (call.request.stream !== true) return context.json(response);
  return await followed(context, dependencies, responses, stored, -1);
}

/** A stream of the events of a stored response after a sequence number. It ends with the response. */
export async function followed(
  context: Context<AppEnvironment>,
  { clock, keepAliveMs }: AppDependencies,
  { store }: BackgroundResponses,
  stored: StoredResponse,
  after: number,
): Promise<Response> {
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, context.req.raw.signal]);
  const frames = framesOf(storedEvents(store, stored, { after, clock, signal }));
  return await eventStream(frames, { keepAliveMs, headers: {}, onCancel: () => left.abort() });
}

async function* framesOf(events: ReturnType<typeof storedEvents>): AsyncGenerator<string> {
  for await (const event of events) yield dataFrame(event, event.type);
}
