import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import { encodeWritten } from '../formats/encode-written.ts';
import { formats } from '../formats/index.ts';
import { sameVocabulary } from '../models/same-vocabulary.ts';
import type { Fallback, ServedModel } from '../models/served-model.ts';
import type { SegmentModel } from '../upstream/segment-model.ts';
import type { FailoverPlan, FailoverTarget, PassedOverReason } from './failover-target.ts';
import { passagesFor } from './lookup.ts';
import { preparePrompt } from './prepare-prompt.ts';
import type { PreparedRequest } from './prepare-request.ts';
import { probeHint } from './probe-hint.ts';
import type { GenerationContext } from './request.ts';
import type { SettledPolicy } from './settle-policy.ts';

/** The upstreams of a request and what each can take of it, or `undefined` if its model has no fallbacks. */
export function failoverPlan(
  policy: Pick<SettledPolicy, 'request' | 'gates'>,
  { wait, laterWaits, limits }: Pick<PreparedRequest, 'wait' | 'laterWaits' | 'limits'>,
  context: Pick<GenerationContext, 'caller' | 'signal' | 'requestId' | 'lookup'>,
  log: Log,
): FailoverPlan | undefined {
  const { request } = policy;
  const { model } = request;
  const waitTexts = [wait, ...laterWaits].map(({ text }) => text);
  const { failover, settings } = model;
  if (failover === undefined || failover.fallbacks.length === 0) return undefined;
  const models = [model, ...failover.fallbacks.map((fallback) => fallback.model)];
  const own: FailoverTarget = {
    name: settings.id,
    segments: model.segments,
    isAvailable: () => failover.breaker.available,
    vocabulary: 0,
    unfit: undefined,
    lookUp: passagesFor(model, context, log),
    move: mover(model, policy, waitTexts, context, log),
  };
  const others = failover.fallbacks.map((fallback): FailoverTarget => {
    const vocabulary = models.findIndex((other) => sameVocabulary(other, fallback.model));
    return {
      name: fallback.name,
      segments: fallback.cannot.includes('logprobs')
        ? withoutLogprobs(fallback.model.segments)
        : fallback.model.segments,
      isAvailable: () => fallback.breaker.available,
      vocabulary,
      lookUp: passagesFor(fallback.model, context, log),
      unfit: unfitness(policy, limits.minTokens, fallback, vocabulary === 0),
      move: mover(fallback.model, policy, waitTexts, context, log),
    };
  });
  return {
    targets: [own, ...others],
    hedgeAfterMs: request.samples === 1 ? failover.hedgeAfterMs : undefined,
    onMove: ({ from, to, because }) =>
      log(because === 'hedge' ? 'info' : 'warn', 'failover', {
        request_id: context.requestId,
        model: settings.id,
        from,
        to,
        because,
      }),
  };
}

/** A model whose server may refuse log-probabilities: what would only measure with them runs without. */
function withoutLogprobs(model: SegmentModel): SegmentModel {
  return { run: ({ topLogprobs: _, ...request }, options) => model.run(request, options) };
}

/** Why a fallback cannot take a request, whatever happens. */
function unfitness(
  { request, gates }: Pick<SettledPolicy, 'request' | 'gates'>,
  minTokens: number,
  { cannot, model }: Fallback,
  same: boolean,
): PassedOverReason | undefined {
  const { topLogprobs, structure, plain, promptIds, tools, turns, thinking } = request;
  // A rule by default is off where there are none, and the report says so.
  const asksForLogprobs = [gates.confidence, gates.stopWhenSure].some((rule) => rule?.field !== undefined);
  if (cannot.includes('min_tokens') && (minTokens > 0 || (plain?.minTokens ?? 0) > 0)) return 'min_tokens';
  const showsLogprobs = topLogprobs !== undefined || thinking.topLogprobs !== undefined;
  if (cannot.includes('logprobs') && (showsLogprobs || asksForLogprobs)) return 'logprobs';
  if (cannot.includes('structured_outputs') && structure !== undefined) return 'structured_outputs';
  if (same) return undefined;
  if (plain !== undefined || promptIds !== undefined) return 'token_ids';
  // The tokens of log-probabilities would be of two vocabularies.
  if (showsLogprobs) return 'logprobs';
  // Answers are read by the grammar of the requested model, and a family without one cannot write calls of earlier turns.
  if (tools !== undefined && model.tools !== (tools.grammar ?? 'hermes')) return 'tools';
  if (model.tools === undefined && turns.some((turn) => turn.role === 'tool' || turn.calls !== undefined))
    return 'tools';
  return undefined;
}

/** Returns the function that encodes a request and its output so far in the ids of a model. */
function mover(
  model: ServedModel,
  { request, gates }: Pick<SettledPolicy, 'request' | 'gates'>,
  waitTexts: readonly string[],
  context: Pick<GenerationContext, 'caller' | 'signal' | 'lookup'>,
  log: Log,
): FailoverTarget['move'] {
  return async (written, roomNeeded) => {
    try {
      const { signal } = context;
      const { promptIds } = await preparePrompt({ ...request, prefix: {} }, model, context);
      const format = await model.format({ bare: request.structure !== undefined });
      const output = await encodeWritten(
        formats[model.settings.format],
        request.prefix ?? {},
        written,
        model.tokenizer,
        { signal },
      );
      const newDecoder = model.newDecoder();
      if (newDecoder === undefined) return 'text';
      const ids = [...promptIds, ...output.ids];
      const { contextTokens } = model.settings;
      if (ids.length + roomNeeded > contextTokens) return 'window';
      const [wait = { ids: [], text: '' }, ...laterWaits] = await Promise.all(
        waitTexts.map(async (text) => ({ ids: await model.textIds(text), text })),
      );
      const probed = gates.stopWhenSure === undefined ? {} : { probeHint: await probeHint(format, model) };
      return { ids, partLength: output.partLength, format, wait, laterWaits, contextTokens, newDecoder, ...probed };
    } catch (error) {
      context.signal.throwIfAborted();
      log('error', 'fallback not encodable', { model: model.settings.id, ...loggableError(error) });
      return 'tokenizer';
    }
  };
}
