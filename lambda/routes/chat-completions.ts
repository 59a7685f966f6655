import type { Context } from 'hono';
import { ApiError } from '../api-error.ts';
import { type AppDependencies, type AppEnvironment, logFailure } from '../app.ts';
import { type ChatRequest, chatRequestSchema } from '../dialects/chat-request.ts';
import { budgetOf, samplingOf, stopTextsOf, turnsOf } from '../dialects/chat-to-generation.ts';
import { parseBody } from '../dialects/parse-body.ts';
import { type Shrink, settleLimits } from '../forcing/settle-limits.ts';
import { defaultRetryPolicy, type Generation, type GenerationEvent, generate } from '../generate.ts';
import { mergeGenerators } from '../merge-generators.ts';
import type { ServedModel } from '../served-model.ts';
import { type ChatRun, streamedCompletion, wholeCompletion } from './chat-answers.ts';
import { eventStream } from './event-stream.ts';
import { findModel } from './models.ts';
import { patientJson } from './patient-json.ts';

const DEFAULT_WAIT_TEXT = 'Wait';

/** `POST /v1/chat/completions`, streamed or not. */
export function chatCompletions(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    const request = await parseBody(context.req.raw, chatRequestSchema);
    const model = findModel(dependencies.models, request.model);
    const cancel = new AbortController();
    const signal = AbortSignal.any([context.req.raw.signal, cancel.signal]);
    const { generation, shrunk, exclude } = await prepare(request, model, dependencies, signal);
    const samples = request.n ?? 1;
    const requestId = context.get('requestId');
    const generators = Array.from({ length: samples }, (_, index) =>
      logged(generate(sampleOf(generation, index)), dependencies, requestId, model, generation),
    );
    const run: ChatRun = {
      identity: { id: `chatcmpl-${dependencies.newId()}`, created: dependencies.unixTime(), model: request.model },
      samples,
      votes: request.vote === true,
      excludeThinking: exclude,
      includeUsage: request.stream_options?.include_usage === true,
      shrunk,
      events: mergeGenerators(generators, () => cancel.abort(new Error('Another sample of the request failed.'))),
    };
    const onCancel = () => cancel.abort(new DOMException('The client went away.', 'AbortError'));
    if (request.stream !== true) return await patientJson(wholeCompletion(run), { onCancel });
    const onFailure = (error: ApiError) => logFailure(dependencies.log, requestId, error);
    return await eventStream(streamedCompletion(run, onFailure), {
      keepAliveMs: dependencies.keepAliveMs,
      headers: {},
      onCancel,
    });
  };
}

/** The same generation with a seed of its own, where there is one. */
function sampleOf(generation: Generation, index: number): Generation {
  const { seed } = generation.sampling;
  if (seed === undefined || index === 0) return generation;
  return { ...generation, sampling: { ...generation.sampling, seed: seed + index } };
}

async function prepare(
  request: ChatRequest,
  model: ServedModel,
  dependencies: AppDependencies,
  signal: AbortSignal,
): Promise<{ readonly generation: Generation; readonly shrunk: readonly Shrink[]; readonly exclude: boolean }> {
  const { settings } = model;
  const { wanted, names, wish } = budgetOf(request, settings);
  const waitText = wish.waitText ?? DEFAULT_WAIT_TEXT;
  const [format, promptIds, waitIds] = await Promise.all([
    model.format(),
    model.promptIds(turnsOf(request)),
    model.textIds(waitText),
  ]);
  const settled = settleLimits(wanted, settings, promptIds.length, format, names);
  if (!settled.ok) throw new ApiError(400, settled.message, { param: settled.field, code: settled.code });

  const { clock } = dependencies;
  const newDecoder = model.newDecoder();
  return {
    exclude: wish.exclude,
    shrunk: settled.shrunk,
    generation: {
      model: model.segments,
      sampling: samplingOf(request, settings),
      clock,
      retry: { ...defaultRetryPolicy, capacityWaitMs: dependencies.capacityWaitMs },
      signal,
      deadlineMs: clock.now() + dependencies.requestTimeoutMs,
      plan: {
        promptIds,
        format,
        limits: settled.limits,
        wait: { ids: waitIds, text: waitText },
        contextTokens: settings.contextTokens,
        stopTexts: stopTextsOf(request),
        ...(wanted.maxCompletionTokens === undefined ? {} : { maxCompletionTokens: wanted.maxCompletionTokens }),
        ...(newDecoder === undefined ? {} : { newDecoder }),
      },
    },
  };
}

/** Passes events on and writes one line to the log at the end, whichever way it ends. */
async function* logged(
  events: AsyncGenerator<GenerationEvent>,
  { log, clock }: AppDependencies,
  requestId: string,
  model: ServedModel,
  { signal }: Generation,
): AsyncGenerator<GenerationEvent> {
  const startedAt = clock.now();
  const elapsed = () => Math.round(clock.now() - startedAt);
  let firstTextMs: number | undefined;
  let firstAnswerMs: number | undefined;
  let outcome: Readonly<Record<string, unknown>> = { outcome: 'failed' };
  try {
    for await (const event of events) {
      if (event.kind === 'text') firstTextMs ??= elapsed();
      if (event.kind === 'text' && event.part === 'answer') firstAnswerMs ??= elapsed();
      if (event.kind === 'done') {
        const { limits, events: _, ...account } = event.report;
        outcome = { outcome: 'done', ...account, wanted: limits };
      }
      yield event;
    }
  } finally {
    if (signal.aborted) outcome = { outcome: 'aborted' };
    log('info', 'generation', {
      request_id: requestId,
      model: model.settings.id,
      ...outcome,
      first_text_ms: firstTextMs,
      first_answer_ms: firstAnswerMs,
      total_ms: elapsed(),
    });
  }
}
