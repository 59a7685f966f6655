import type { Context } from 'hono';
import type { ApiError } from '../api-error.ts';
import type { AppDependencies, AppEnvironment } from '../app.ts';
import { chatRequestSchema } from '../dialects/chat-request.ts';
import { toRunRequest } from '../dialects/chat-to-generation.ts';
import { parseBody } from '../dialects/parse-body.ts';
import { startRun } from '../run-request.ts';
import { type ChatRun, streamedCompletion, wholeCompletion } from './chat-answers.ts';
import { dataFrame } from './event-stream.ts';
import { findModel } from './models.ts';
import { respond, runContext } from './respond.ts';

/** `POST /v1/chat/completions`, streamed or not. */
export function chatCompletions(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    const request = await parseBody(context.req.raw, chatRequestSchema);
    const wanted = toRunRequest(request, findModel(dependencies.models, request.model, context.get('caller')));
    const requestId = context.get('requestId');
    const run = await startRun(wanted, dependencies, runContext(context));
    const chat: ChatRun = {
      ...run,
      identity: { id: `chatcmpl-${dependencies.newId()}`, created: dependencies.unixTime(), model: request.model },
      votes: request.vote === true,
      includeUsage: request.stream_options?.include_usage === true,
      tools: wanted.tools,
    };
    const answering = {
      streamed: request.stream === true,
      whole: () => wholeCompletion(chat),
      frames: () => streamedCompletion(chat),
      errorFrame: (error: ApiError) => dataFrame(error.body, 'error'),
    };
    return await respond(run, answering, dependencies, requestId);
  };
}
