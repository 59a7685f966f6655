import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import type { ApiError } from '../../errors/api-error.ts';
import type { ToolUse } from '../../formats/tools/tool.ts';
import type { RunningGeneration } from '../../generation/request.ts';
import { startGeneration } from '../../generation/start-generation.ts';
import { toChatUsage } from '../../generation/usage.ts';
import { generationContext, respond } from '../../http/respond.ts';
import { dataFrame } from '../../http/server-sent-events.ts';
import { type AnswerEnd, answerFrames, readAnswer, toAnswerReport } from '../answer-frames.ts';
import { route } from '../api.ts';
import { defineDialect } from '../dialect.ts';
import { findTarget } from '../models/find-model.ts';
import { parseRequest } from '../parse-request.ts';
import { storing, userOf } from '../storing.ts';
import { toRoutedRequest } from '../to-routed-request.ts';
import { type ResponseEvent, ResponseItems } from './events.ts';
import { responsesLeniency } from './leniency.ts';
import { responsesRequestSchema } from './request.ts';
import { type ResponseIdentity, type ResponseState, responseOf } from './response-object.ts';
import { responsesToChat } from './to-chat.ts';

/** OpenAI's Responses, without storage. */
export const responses = defineDialect({
  routes: { createResponse: route('POST', '/v1/responses', createResponse) },
  errorBody: (error) => error.body,
  describe: async () => (await import('./operations.ts')).description,
});

/** A running generation with what the response needs of the request. */
interface RunningResponse extends RunningGeneration {
  readonly identity: ResponseIdentity;
  readonly tools: ToolUse | undefined;
  readonly items: ResponseItems;
}

/** `POST /v1/responses`, streamed or not. */
function createResponse(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    const { request, ignored, refusesStore } = await parseRequest(
      context,
      dependencies,
      responsesRequestSchema,
      responsesLeniency,
    );
    const target = findTarget(dependencies, request.model, context.get('caller'));
    const chat = toRoutedRequest(responsesToChat(request), target, { maxCompletionTokens: 'max_output_tokens' });
    const id = `resp_${dependencies.newId()}`;
    const user = userOf({ user: request.user, safety_identifier: request.safety_identifier });
    const { recorder, ignored: unused } = storing(context, dependencies, { id, user, refusesStore, ignored });
    const generation = { ...chat, ignored: unused };
    const requestId = context.get('requestId');
    const running = await startGeneration(generation, dependencies, { ...generationContext(context), recorder });
    const showsResults = request.include?.includes('file_search_call.results') === true;
    const run: RunningResponse = {
      ...running,
      identity: { id, created: dependencies.unixTime(), request },
      tools: generation.tools,
      items: new ResponseItems(dependencies.newId, { cites: running.cites, showsResults }),
    };
    let number = 0;
    const frame = (event: ResponseEvent) => dataFrame({ ...event, sequence_number: number++ }, event.type);
    const response = {
      streamed: request.stream === true,
      whole: () => wholeResponse(run),
      frames: () => responseFrames(run, frame),
      errorFrame: (error: ApiError) => {
        const state = { status: 'failed', code: error.code ?? 'server_error', message: error.message } as const;
        return frame({ type: 'response.failed', response: responseOf(run.identity, run.items.output, state) });
      },
    };
    return await respond(run, response, dependencies, requestId);
  };
}

async function wholeResponse(run: RunningResponse) {
  const { items } = run;
  const end = await readAnswer(
    run,
    (piece) => items.add(piece),
    (lookup) => items.lookup(lookup),
  );
  return ended(run, end).response;
}

function responseFrames(run: RunningResponse, frame: (event: ResponseEvent) => string): AsyncGenerator<string> {
  return answerFrames(run, {
    begin: () => {
      const response = responseOf(run.identity, [], { status: 'in_progress' });
      return [frame({ type: 'response.created', response }), frame({ type: 'response.in_progress', response })];
    },
    piece: (piece) => run.items.add(piece).map(frame),
    lookup: (lookup) => run.items.lookup(lookup).map(frame),
    end: (end) => {
      const { events, response } = ended(run, end);
      return [...events, { type: `response.${response.status}`, response }].map(frame);
    },
  });
}

/** Ends the output. Returns its last events and the whole response. */
function ended(run: RunningResponse, end: AnswerEnd) {
  const { report, segments } = end;
  const events = run.items.close(report.finishReason === 'length' ? 'incomplete' : 'completed');
  const state: ResponseState = {
    status: 'ended',
    report,
    budgetReport: toAnswerReport(end, run),
    usage: toChatUsage([{ report, segments }]),
  };
  return { events, response: responseOf(run.identity, run.items.output, state) };
}
