import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import type { ApiError } from '../../errors/api-error.ts';
import { refuseExhaustedKey } from '../../generation/refuse-exhausted-key.ts';
import type { GenerationContext, GenerationRequest, RunningGeneration } from '../../generation/request.ts';
import { startGeneration } from '../../generation/start-generation.ts';
import { parseBody } from '../../http/parse-body.ts';
import { generationContext, respond } from '../../http/respond.ts';
import { dataFrame } from '../../http/server-sent-events.ts';
import type { ServedModel } from '../../models/served-model.ts';
import type { TokenLogprob } from '../../upstream/segment-model.ts';
import { route } from '../api.ts';
import { defineDialect } from '../dialect.ts';
import { findModel } from '../models/find-model.ts';
import { checkRawPrompts } from '../raw-prompts.ts';
import { type RunningCompletion, type RunningPrompt, streamedCompletion, wholeCompletion } from './completion.ts';
import { type CompletionRequest, completionRequestSchema } from './request.ts';
import { budgetFieldOf, promptsOf, type RawPrompt, textsOf, toCompletion } from './to-completion.ts';

/** OpenAI's completions of raw prompts, with vLLM's fields. Off unless the deployment and the key allow raw prompts. */
export const completions = defineDialect({
  routes: { createCompletion: route('POST', '/v1/completions', rawCompletions) },
  errorBody: (error) => error.body,
  describe: async () => (await import('./operations.ts')).description,
});

/** `POST /v1/completions`, streamed or not. */
function rawCompletions(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    const request = await parseBody(context.req.raw, completionRequestSchema);
    checkRawPrompts(dependencies, context.get('caller'), {
      what: '/v1/completions, whose prompts may contain control tokens',
      instead: 'Use /v1/chat/completions',
      status: 404,
    });
    const model = findModel(dependencies, request.model, context.get('caller'));
    await refuseExhaustedKey(textsOf(request), model, dependencies, context.get('caller'));
    const prompts = await promptsOf(request, model, context.req.raw.signal);
    const generations = prompts.map((prompt) => toCompletion(request, prompt, model));
    const runs = await startAll(generations, dependencies, generationContext(context));
    const running = toRunning(request, runs, dependencies, (run, index) => {
      const { ids, text } = prompts[index] ?? { ids: [], text: '' };
      return {
        run,
        ids,
        text: text ?? textOf(ids, model),
        promptLogprobs: () => promptLogprobs(ids, request.logprobs ?? 0, model, context.req.raw.signal),
      };
    });
    const [first] = runs;
    if (first === undefined) throw new Error('A request has at least one prompt.');
    const response = {
      streamed: request.stream === true,
      whole: () => wholeCompletion(running),
      frames: () => streamedCompletion(running),
      errorFrame: (error: ApiError) => dataFrame(error.body, 'error'),
    };
    const cancel = () => {
      for (const run of runs) run.cancel();
    };
    return await respond({ ...first, cancel }, response, dependencies, context.get('requestId'));
  };
}

/** Starts the generation of each prompt. If one is refused, those before it are released. */
async function startAll(
  generations: readonly GenerationRequest[],
  dependencies: AppDependencies,
  context: GenerationContext,
): Promise<readonly RunningGeneration[]> {
  const runs: RunningGeneration[] = [];
  try {
    for (const [index, generation] of generations.entries()) {
      // Leases and usage are stored by request id.
      const requestId = index === 0 ? context.requestId : `${context.requestId}-${index}`;
      runs.push(await startGeneration(generation, dependencies, { ...context, requestId }));
    }
    return runs;
  } catch (error) {
    for (const run of runs) {
      run.cancel();
      // A generation that never began is released when its aborted events are read.
      await run.events.next().catch(() => undefined);
    }
    throw error;
  }
}

function toRunning(
  request: CompletionRequest,
  runs: readonly RunningGeneration[],
  { newId, unixTime }: AppDependencies,
  toPrompt: (run: RunningGeneration, index: number) => RunningPrompt,
): RunningCompletion {
  const includeUsage = request.stream_options?.include_usage === true;
  return {
    id: `cmpl-${newId()}`,
    created: unixTime(),
    model: request.model,
    prompts: runs.map(toPrompt),
    includeUsage,
    continuousUsage: includeUsage && request.stream_options?.continuous_usage_stats === true,
    thinks: budgetFieldOf(request) !== undefined,
    echo: request.echo === true,
    echoOnly: request.max_tokens === 0,
    logprobs: request.logprobs != null,
    tokenIds: request.return_token_ids === true,
    stopTokenIds: request.stop_token_ids ?? [],
  };
}

/** The text of a prompt that was sent as ids. If only the server can decode, it is empty. */
function textOf(ids: RawPrompt['ids'], model: ServedModel): string {
  const decoder = model.newDecoder({ controls: 'all' })?.();
  return decoder === undefined ? '' : decoder.push(ids) + decoder.end();
}

/** Asks the server for the log-probabilities of a prompt. It computes them with the first token of a completion, which is not used. */
async function promptLogprobs(
  promptIds: readonly number[],
  topLogprobs: number,
  model: ServedModel,
  signal: AbortSignal,
): Promise<readonly TokenLogprob[]> {
  const sampling = { temperature: 0 };
  const segment = { promptIds, maxTokens: 1, minTokens: 0, stopTokenIds: [], sampling };
  for await (const chunk of model.segments.run({ ...segment, topLogprobs, promptLogprobs: true }, { signal })) {
    if (chunk.promptLogprobs !== undefined) return chunk.promptLogprobs;
  }
  return [];
}
