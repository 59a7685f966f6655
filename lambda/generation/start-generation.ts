import type { AppDependencies } from '../context.ts';
import type { Shrink } from '../forcing/settle-limits.ts';
import { remainingHeaders } from '../keys/ledger.ts';
import type { Admission } from '../scaling/admission-gate.ts';
import { type AdmittedGeneration, admitRequest } from './admit-request.ts';
import { generate } from './generate.ts';
import type { Generation } from './generation.ts';
import { logGeneration } from './log-generation.ts';
import { mergeGenerators } from './merge-generators.ts';
import { type PreparedRequest, prepareRequest } from './prepare-request.ts';
import { releaseAtEnd } from './release-admission.ts';
import type { GenerationContext, GenerationRequest, RunningGeneration, SetBy } from './request.ts';
import { defaultRetryPolicy } from './retry.ts';
import type { SampleAccount } from './usage.ts';

/**
 * Settles the limits of a request, admits it and prepares its samples. No call of the model starts before `events` is read.
 *
 * @throws {ApiError} 400 if the limits contradict each other or do not fit; 429 or 503 if the request is not admitted.
 */
export async function startGeneration(
  request: GenerationRequest,
  dependencies: AppDependencies,
  context: GenerationContext,
): Promise<RunningGeneration> {
  const timeoutMs = Math.min(dependencies.requestTimeoutMs, request.thinking.deadlineMs ?? Number.POSITIVE_INFINITY);
  const prepared = await prepareRequest(request, context);
  const admitted = await admitRequest(request, prepared, timeoutMs, dependencies, context);
  const { limits, shrunk, promptTokens, admission, reservation } = admitted;

  const cancel = new AbortController();
  const accounts: SampleAccount[] = [];
  const generation: Generation = {
    ...toGeneration(request, prepared, admitted, dependencies),
    signal: AbortSignal.any([context.signal, cancel.signal]),
    deadlineMs: dependencies.clock.now() + timeoutMs,
    onEnd: (account) => accounts.push(account),
  };
  const samples = Array.from({ length: request.samples }, (_, index) => {
    const events = generate(underLoad(withOwnSeed(generation, index), index, admission));
    return logGeneration(events, generation, request, dependencies, context);
  });
  const events = mergeGenerators(samples, () => cancel.abort(new Error('Another sample of the request failed.')));
  return {
    model: request.model.settings.id,
    samples: request.samples,
    headers: reservation === undefined ? {} : remainingHeaders(reservation.remaining),
    excludeThinking: request.thinking.exclude,
    promptTokens,
    limits,
    shrunk,
    setBy: toSetBy(request, shrunk),
    load: admission?.report,
    accounts,
    events: releaseAtEnd(events, admitted, accounts, dependencies.log),
    cancel: () => cancel.abort(new DOMException('The client went away.', 'AbortError')),
  };
}

/** What all samples of a request have in common. */
function toGeneration(
  { model, thinking, requested, structure, sampling, topLogprobs, stopTexts }: GenerationRequest,
  { promptIds, prefix, format, wait }: PreparedRequest,
  { limits }: AdmittedGeneration,
  { clock, capacityWaitMs, loads }: AppDependencies,
): Omit<Generation, 'signal'> {
  const { settings } = model;
  const load = loads?.get(settings.id);
  const newDecoder = model.newDecoder();
  const softLanding = thinking.softLanding ?? settings.softLanding;
  return {
    model: model.segments,
    sampling,
    ...(structure === undefined ? {} : { structure }),
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
    clock,
    retry: { ...defaultRetryPolicy, capacityWaitMs },
    whileNoCapacity: load === undefined ? undefined : async () => await load.gate.whileWaiting(),
    plan: {
      promptIds,
      prefix,
      format,
      limits,
      wait,
      contextTokens: settings.contextTokens,
      stopTexts,
      detectLoops: thinking.detectLoops ?? settings.detectLoops ?? false,
      ...(softLanding === undefined ? {} : { softLanding }),
      ...(requested.maxCompletionTokens === undefined ? {} : { maxCompletionTokens: requested.maxCompletionTokens }),
      ...(newDecoder === undefined ? {} : { newDecoder }),
    },
  };
}

/** The generation of one sample: a request's seed is increased by the sample's index. */
function withOwnSeed(generation: Generation, index: number): Generation {
  const { seed } = generation.sampling;
  if (seed === undefined || index === 0) return generation;
  return { ...generation, sampling: { ...generation.sampling, seed: seed + index } };
}

/** The generation of one sample, whose tokens count as load and whose thinking the load may cut. */
function underLoad(generation: Generation, index: number, admission: Admission | undefined): Generation {
  if (admission === undefined) return generation;
  const { admitted } = admission;
  return {
    ...generation,
    cutThinking: admitted.cutOf(index),
    onTokens: (soFar) => admitted.count(index, soFar),
  };
}

function toSetBy({ requested, names }: GenerationRequest, shrunk: readonly Shrink[]): SetBy {
  const by = (value: number | undefined, name: string) => (value === undefined ? 'default' : name);
  return {
    min_tokens: by(requested.minTokens, names.minTokens),
    max_tokens: shrunk.at(-1)?.because ?? by(requested.maxTokens, names.maxTokens),
    waits: by(requested.waits, 'thinking.waits'),
    max_answer_tokens: by(requested.maxCompletionTokens, names.maxCompletionTokens),
  };
}
