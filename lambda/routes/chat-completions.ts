import type { Context } from 'hono';
import { ApiError, toApiError } from '../api-error.ts';
import { type AppDependencies, type AppEnvironment, logFailure } from '../app.ts';
import { toBudgetReport } from '../dialects/budget-report.ts';
import {
  type ChatIdentity,
  chatCompletion,
  finishChunk,
  roleChunk,
  textChunk,
  usageChunk,
} from '../dialects/chat-events.ts';
import { type ChatRequest, chatRequestSchema } from '../dialects/chat-request.ts';
import { budgetOf, samplingOf, stopTextsOf, turnsOf } from '../dialects/chat-to-generation.ts';
import { toChatUsage } from '../dialects/chat-usage.ts';
import { parseBody } from '../dialects/parse-body.ts';
import { type Shrink, settleLimits } from '../forcing/settle-limits.ts';
import { defaultRetryPolicy, type Generation, type GenerationEvent, generate } from '../generate.ts';
import type { ServedModel } from '../served-model.ts';
import { commentFrame, dataFrame, eventStream } from './event-stream.ts';
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
    const { generation, shrunk } = await prepare(request, model, dependencies, signal);
    const run: Run = {
      request,
      shrunk,
      events: logged(generate(generation), dependencies, context.get('requestId'), model, generation),
      identity: { id: `chatcmpl-${dependencies.newId()}`, created: dependencies.unixTime(), model: request.model },
    };
    const onCancel = () => cancel.abort(new DOMException('The client went away.', 'AbortError'));
    if (request.stream !== true) return await patientJson(wholeCompletion(run), { onCancel });
    const onFailure = (error: ApiError) => logFailure(dependencies.log, context.get('requestId'), error);
    return await eventStream(streamedCompletion(run, onFailure), {
      keepAliveMs: dependencies.keepAliveMs,
      headers: {},
      onCancel,
    });
  };
}

interface Run {
  readonly request: ChatRequest;
  readonly identity: ChatIdentity;
  readonly events: AsyncGenerator<GenerationEvent>;
  readonly shrunk: readonly Shrink[];
}

async function prepare(
  request: ChatRequest,
  model: ServedModel,
  dependencies: AppDependencies,
  signal: AbortSignal,
): Promise<{ readonly generation: Generation; readonly shrunk: readonly Shrink[] }> {
  const { settings } = model;
  const { wanted, names } = budgetOf(request, settings);
  const waitText = request.thinking?.wait_text ?? DEFAULT_WAIT_TEXT;
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

async function wholeCompletion({ events, identity, shrunk }: Run) {
  const texts = { thinking: '', answer: '' };
  for await (const event of events) {
    if (event.kind === 'text') texts[event.part] += event.text;
    if (event.kind === 'done') {
      const { report, segments } = event;
      return chatCompletion(
        identity,
        texts,
        report.finishReason ?? 'stop',
        toChatUsage(report, segments),
        toBudgetReport(report, segments, shrunk),
      );
    }
  }
  throw new Error('The generation ended without an account.');
}

/** The frames of a streamed completion. What fails before the first frame is thrown; later it becomes an error event. */
async function* streamedCompletion(run: Run, onFailure: (error: ApiError) => void): AsyncGenerator<string> {
  const { events, identity, request, shrunk } = run;
  let begun = false;
  try {
    for await (const event of events) {
      if (!begun) yield dataFrame(roleChunk(identity));
      begun = true;
      if (event.kind === 'text') yield dataFrame(textChunk(identity, event));
      if (event.kind === 'waiting') {
        yield commentFrame(`${event.because}: next try in ${Math.ceil(event.retryInMs / 1_000)} s`);
      }
      if (event.kind === 'done') {
        const { report, segments } = event;
        yield dataFrame(finishChunk(identity, report.finishReason ?? 'stop', toBudgetReport(report, segments, shrunk)));
        if (request.stream_options?.include_usage === true) {
          yield dataFrame(usageChunk(identity, toChatUsage(report, segments)));
        }
        yield 'data: [DONE]\n\n';
      }
    }
  } catch (error) {
    if (!begun) throw error;
    const apiError = toApiError(error);
    onFailure(apiError);
    yield dataFrame(apiError.body, 'error');
  }
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
