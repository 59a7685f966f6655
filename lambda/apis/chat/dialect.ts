import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import type { ApiError } from '../../errors/api-error.ts';
import { startGeneration } from '../../generation/start-generation.ts';
import { generationContext, respond } from '../../http/respond.ts';
import { dataFrame } from '../../http/server-sent-events.ts';
import { route } from '../api.ts';
import { defineDialect } from '../dialect.ts';
import { findTarget } from '../models/find-model.ts';
import { parseRequest } from '../parse-request.ts';
import { checkRawPrompts } from '../raw-prompts.ts';
import { storing, userOf } from '../storing.ts';
import { toRoutedRequest } from '../to-routed-request.ts';
import { createBackgroundChat, deleteChat, prefersAsync, retrieveChat } from './background-routes.ts';
import { type RunningChat, streamedCompletion, wholeCompletion } from './completion.ts';
import { chatLeniency } from './leniency.ts';
import { chatRequestSchema } from './request.ts';

/** OpenAI's Chat Completions. */
export const chat = defineDialect({
  routes: {
    createChatCompletion: route('POST', '/v1/chat/completions', chatCompletions),
    retrieveChatCompletion: route('GET', '/v1/chat/completions/:id', retrieveChat),
    deleteChatCompletion: route('DELETE', '/v1/chat/completions/:id', deleteChat),
  },
  errorBody: (error) => error.body,
  describe: async () => (await import('./operations.ts')).description,
});

/** `POST /v1/chat/completions`, streamed or not. */
function chatCompletions(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    const { request, ignored, refusesStore } = await parseRequest(
      context,
      dependencies,
      chatRequestSchema,
      chatLeniency,
    );
    const generation = toRoutedRequest(request, findTarget(dependencies, request.model, context.get('caller')));
    if (generation.prefix?.thinking !== undefined) {
      checkRawPrompts(dependencies, context.get('caller'), {
        what: 'reasoning_content with continue_final_message, which decides what the model has thought',
        instead: 'Omit reasoning_content',
        status: 403,
      });
    }
    if (prefersAsync(context)) {
      return await createBackgroundChat(context, dependencies, { request, generation, ignored });
    }
    const requestId = context.get('requestId');
    const id = `chatcmpl-${dependencies.newId()}`;
    const user = userOf({ user: request.user, safety_identifier: request.safety_identifier });
    const { recorder, ignored: unused } = storing(context, dependencies, { id, user, refusesStore, ignored });
    const run = await startGeneration({ ...generation, ignored: unused }, dependencies, {
      ...generationContext(context),
      recorder,
    });
    const chatRun: RunningChat = {
      ...run,
      identity: { id, created: dependencies.unixTime(), model: request.model },
      includeUsage: request.stream_options?.include_usage === true,
      continuousUsage:
        request.stream_options?.include_usage === true && request.stream_options.continuous_usage_stats === true,
      tools: generation.tools,
      thinkingLogprobs: request.thinking?.logprobs === true,
    };
    const response = {
      streamed: request.stream === true,
      whole: () => wholeCompletion(chatRun),
      frames: () => streamedCompletion(chatRun),
      errorFrame: (error: ApiError) => dataFrame(error.body, 'error'),
    };
    return await respond(run, response, dependencies, requestId);
  };
}
