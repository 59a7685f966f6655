import type { Context } from 'hono';
import type { ApiError } from '../api-error.ts';
import { type AppDependencies, type AppEnvironment, logFailure } from '../app.ts';
import { chatRequestSchema } from '../dialects/chat-request.ts';
import { toRunRequest } from '../dialects/chat-to-generation.ts';
import { parseBody } from '../dialects/parse-body.ts';
import { startRun } from '../run-request.ts';
import { type ChatRun, streamedCompletion, wholeCompletion } from './chat-answers.ts';
import { eventStream } from './event-stream.ts';
import { limitHeaders } from './limit-headers.ts';
import { findModel } from './models.ts';
import { patientJson } from './patient-json.ts';

/** `POST /v1/chat/completions`, streamed or not. */
export function chatCompletions(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    const request = await parseBody(context.req.raw, chatRequestSchema);
    const model = findModel(dependencies.models, request.model);
    const requestId = context.get('requestId');
    const wanted = toRunRequest(request, model);
    const run = await startRun(wanted, dependencies, { requestId, signal: context.req.raw.signal });
    const chat: ChatRun = {
      ...run,
      identity: { id: `chatcmpl-${dependencies.newId()}`, created: dependencies.unixTime(), model: request.model },
      votes: request.vote === true,
      includeUsage: request.stream_options?.include_usage === true,
      tools: wanted.tools,
    };
    const options = { headers: limitHeaders(run), onCancel: run.cancel };
    if (request.stream !== true) return await patientJson(wholeCompletion(chat), options);
    const onFailure = (error: ApiError) => logFailure(dependencies.log, requestId, error);
    return await eventStream(streamedCompletion(chat, onFailure), {
      ...options,
      keepAliveMs: dependencies.keepAliveMs,
    });
  };
}
