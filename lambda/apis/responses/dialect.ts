import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import { type ApiError, invalidRequest } from '../../errors/api-error.ts';
import { startGeneration } from '../../generation/start-generation.ts';
import { generationContext, respond } from '../../http/respond.ts';
import { dataFrame } from '../../http/server-sent-events.ts';
import { answerFrames, readAnswer } from '../answer-frames.ts';
import { route } from '../api.ts';
import { defineDialect } from '../dialect.ts';
import { parseRequest } from '../parse-request.ts';
import { permittedStore } from '../store-permission.ts';
import { refusesStoreByHeader, storing, userOf } from '../storing.ts';
import { createBackground } from './create-background.ts';
import type { ResponseEvent } from './events.ts';
import { responsesLeniency } from './leniency.ts';
import { type ResponsesRequest, responsesRequestSchema } from './request.ts';
import { isStored, responseOf } from './response-object.ts';
import { begunEvents, endedResponse, type RunningResponse, toRunningResponse } from './response-run.ts';
import { conversationOf, type ResponsesCall, toResponseGeneration } from './stored-request.ts';
import { cancelStored, deleteStored, inputItems, retrieveStored } from './stored-routes.ts';

/** OpenAI's Responses. */
export const responses = defineDialect({
  routes: {
    createResponse: route('POST', '/v1/responses', createResponse),
    retrieveResponse: route('GET', '/v1/responses/:id', retrieveStored),
    deleteResponse: route('DELETE', '/v1/responses/:id', deleteStored),
    cancelResponse: route('POST', '/v1/responses/:id/cancel', cancelStored),
    listInputItems: route('GET', '/v1/responses/:id/input_items', inputItems),
  },
  errorBody: (error) => error.body,
  describe: async () => (await import('./operations.ts')).description,
});

/** `POST /v1/responses`, streamed or not, now or in the background. */
function createResponse(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    const { request, ignored, refusesStore } = await parseRequest(
      context,
      dependencies,
      responsesRequestSchema,
      responsesLeniency,
    );
    const caller = context.get('caller');
    const asked = askedOf(context, request);
    const keep = asked === undefined ? undefined : permittedStore(dependencies, caller, asked);
    const call = await callWithHistory(request, dependencies, caller.id);
    const id = `resp_${dependencies.newId()}`;
    if (request.background === true && keep !== undefined) {
      return await createBackground(context, dependencies, keep, { id, call, ignored });
    }
    const generation = toResponseGeneration(call, ignored, dependencies, caller);
    const user = userOf({ user: request.user, safety_identifier: request.safety_identifier });
    const { recorder, ignored: unused } = storing(context, dependencies, { id, user, refusesStore, ignored });
    const running = await startGeneration({ ...generation, ignored: unused }, dependencies, {
      ...generationContext(context),
      recorder,
    });
    const identity = { id, created: dependencies.unixTime(), request };
    const run = toRunningResponse(running, identity, generation.tools, dependencies.newId);
    const store = async (body: ReturnType<typeof endedResponse>['response']) => {
      const status = body.status === 'incomplete' ? 'incomplete' : 'completed';
      const stored = { id, dialect: 'responses', model: request.model, status, background: false } as const;
      await keep?.store.create({ ...stored, request: { body: call, ignored, caller }, result: body });
    };
    const ending = { store, unixTime: dependencies.unixTime };
    let number = 0;
    const frame = (event: ResponseEvent) => dataFrame({ ...event, sequence_number: number++ }, event.type);
    const response = {
      streamed: request.stream === true,
      whole: () => wholeResponse(run, ending),
      frames: () => responseFrames(run, frame, ending),
      errorFrame: (error: ApiError) => {
        const state = { status: 'failed', code: error.code ?? 'server_error', message: error.message } as const;
        return frame({ type: 'response.failed', response: responseOf(run.identity, run.items.output, state) });
      },
    };
    return await respond(run, response, dependencies, context.get('requestId'));
  };
}

/** What asks for the response to be stored, if anything does. @throws {ApiError} 400 if the request also refuses it */
function askedOf(context: Context<AppEnvironment>, request: ResponsesRequest) {
  const { store, background } = request;
  if (background === true && store === false) {
    throw invalidRequest(
      'store',
      'background: true needs store: true, since the response is read later. Omit one of them.',
    );
  }
  if (!isStored(request)) return undefined;
  const asked =
    background === true ? { field: 'background', value: 'background: true' } : { field: 'store', value: 'store: true' };
  if (refusesStoreByHeader(context)) {
    throw invalidRequest(asked.field, `${asked.value} stores the response, which a header refuses. Omit one of them.`);
  }
  return asked;
}

async function callWithHistory(
  request: ResponsesRequest,
  dependencies: AppDependencies,
  key: string,
): Promise<ResponsesCall> {
  const { previous_response_id: previous } = request;
  if (previous == null) return { request, history: [] };
  if (dependencies.responses === undefined) {
    throw invalidRequest(
      'previous_response_id',
      'This deployment keeps no responses: send the whole conversation as input, or set retention.responsesDays in the config.',
    );
  }
  return { request, history: await conversationOf(dependencies.responses.store, key, previous) };
}

interface EndOfResponse {
  /** Stores the response, if it is to be stored. */
  readonly store: (body: ReturnType<typeof endedResponse>['response']) => Promise<void>;
  readonly unixTime: () => number;
}

async function wholeResponse(run: RunningResponse, { store, unixTime }: EndOfResponse) {
  const { items } = run;
  const end = await readAnswer(
    run,
    (piece) => items.add(piece),
    (lookup) => items.lookup(lookup),
  );
  const { response } = endedResponse(run, end, unixTime());
  await store(response);
  return response;
}

async function* responseFrames(
  run: RunningResponse,
  frame: (event: ResponseEvent) => string,
  { store, unixTime }: EndOfResponse,
): AsyncGenerator<string> {
  let last: ReturnType<typeof endedResponse> | undefined;
  yield* answerFrames(run, {
    begin: () => begunEvents(run).map(frame),
    piece: (piece) => run.items.add(piece).map(frame),
    lookup: (lookup) => run.items.lookup(lookup).map(frame),
    end: (end) => {
      last = endedResponse(run, end, unixTime());
      return last.events.slice(0, -1).map(frame);
    },
  });
  if (last === undefined) return;
  // A client that has read its response finds it stored.
  await store(last.response);
  yield* last.events.slice(-1).map(frame);
}
