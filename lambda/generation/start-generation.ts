import type { AppDependencies } from '../context.ts';
import type { FormatIds } from '../forcing/format.ts';
import type { Shrink } from '../forcing/settle-limits.ts';
import { remainingHeaders } from '../keys/ledger.ts';
import type { ServedModel } from '../models/served-model.ts';
import type { Admission } from '../scaling/admission-gate.ts';
import type { ZeroCopiesSettings } from '../settings/settings.ts';
import { sampleSeed } from '../upstream/segment-seed.ts';
import { type AdmittedGeneration, admitRequest } from './admit-request.ts';
import { failoverPlan } from './failover-plan.ts';
import { generate } from './generate.ts';
import type { Generation, TokensSoFar } from './generation.ts';
import { logGeneration } from './log-generation.ts';
import { mergeGenerators } from './merge-generators.ts';
import { type PreparedRequest, prepareRequest } from './prepare-request.ts';
import { releaseAtEnd } from './release-admission.ts';
import type { GenerationContext, GenerationRequest, RunningGeneration, SetBy } from './request.ts';
import { defaultRetryPolicy } from './retry.ts';
import { type SettledPolicy, settlePolicy } from './settle-policy.ts';
import type { SampleAccount } from './usage.ts';

/**
 * Settles the limits of a request, admits it and prepares its samples. No call of the model starts before `events` is read.
 *
 * @throws {ApiError} 400 if the limits contradict each other or do not fit; 429 or 503 if the request is not admitted.
 */
export async function startGeneration(
  asked: GenerationRequest,
  dependencies: AppDependencies,
  context: GenerationContext,
): Promise<RunningGeneration> {
  const { shutdown } = dependencies;
  const policy = settlePolicy(asked, context.caller);
  const { request } = policy;
  const timeoutMs = Math.min(dependencies.requestTimeoutMs, request.thinking.deadlineMs ?? Number.POSITIVE_INFINITY);
  const prepared = await prepareRequest(request, context);
  const admitted = await admitRequest(request, prepared, timeoutMs, dependencies, context);
  const { limits, shrunk, promptTokens, admission, reservation } = admitted;

  const cancel = new AbortController();
  const accounts: SampleAccount[] = [];
  const tokens = Array.from({ length: request.samples }, () => ({ thinking: 0, answer: 0 }));
  const generation: Generation = {
    ...(await toGeneration(policy, prepared, admitted, dependencies)),
    signal: AbortSignal.any([context.signal, cancel.signal, ...(shutdown === undefined ? [] : [shutdown.stop])]),
    cutThinking: shutdown?.cutThinking,
    failover: failoverPlan(request, { ...prepared, limits }, context, dependencies.log),
    cacheSalt: dependencies.prefixCache === 'per-key' ? context.caller.id : undefined,
    deadlineMs: dependencies.clock.now() + timeoutMs,
    onEnd: (account) => accounts.push(account),
  };
  const samples = Array.from({ length: request.samples }, (_, index) => {
    const counted = underLoad(withOwnSeed(generation, index), index, admission);
    const onTokens = (soFar: TokensSoFar) => {
      tokens[index] = soFar;
      counted.onTokens?.(soFar);
    };
    const events = generate({ ...counted, onTokens });
    return logGeneration(events, generation, request, dependencies, context);
  });
  const events = mergeGenerators(samples, () => cancel.abort(new Error('Another sample of the request failed.')));
  const released = releaseAtEnd(events, admitted, accounts, {
    log: dependencies.log,
    model: request.model.settings.id,
  });
  return {
    model: request.model.settings.id,
    samples: request.samples,
    headers: reservation === undefined ? {} : remainingHeaders(reservation.remaining),
    excludeThinking: request.thinking.exclude,
    promptTokens,
    limits,
    shrunk,
    setBy: toSetBy(request, shrunk),
    ignored: request.ignored ?? [],
    ...(policy.risk === undefined ? {} : { risk: policy.risk }),
    fallbacks: request.model.failover?.fallbacks.map(({ name }) => name) ?? [],
    load: admission?.report,
    accounts,
    tokensSoFar: () => ({
      thinking: tokens.reduce((sum, { thinking }) => sum + thinking, 0),
      answer: tokens.reduce((sum, { answer }) => sum + answer, 0),
    }),
    events: shutdown === undefined ? released : shutdown.tracked(released),
    cancel: () => cancel.abort(new DOMException('The client went away.', 'AbortError')),
  };
}

/** What all samples of a request have in common. */
async function toGeneration(
  { request, gates }: SettledPolicy,
  { promptIds, prefix, format, wait, laterWaits }: PreparedRequest,
  { limits }: AdmittedGeneration,
  { clock, capacityWaitMs, loads, zeroCopies, random }: AppDependencies,
): Promise<Omit<Generation, 'signal'>> {
  const { model, thinking, requested, structure, sampling, topLogprobs, stopTexts, plain, ignoreAnswerEnd } = request;
  const { settings } = model;
  const load = loads?.get(settings.id);
  const report = zeroCopies?.get(settings.id);
  const newDecoder = model.newDecoder({ controls: plain?.showControls === true ? 'inside' : 'none' });
  const softLanding = thinking.softLanding ?? settings.softLanding;
  return {
    model: model.segments,
    sampling,
    ...(structure === undefined ? {} : { structure }),
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
    ...(thinking.topLogprobs === undefined ? {} : { thinkingLogprobs: thinking.topLogprobs }),
    ...(plain === undefined ? {} : { yieldsTokens: true, skipControls: !plain.showControls }),
    clock,
    retry: { ...defaultRetryPolicy, capacityWaitMs, ...(random === undefined ? {} : { random }) },
    coldStart: toColdStart(settings.zeroCopies),
    onNoCapacity: report === undefined ? undefined : async () => await report.noCapacity(),
    whileNoCapacity: load === undefined ? undefined : async () => await load.gate.whileWaiting(),
    plan: {
      promptIds,
      prefix,
      format,
      limits,
      wait,
      ...(laterWaits.length === 0 ? {} : { laterWaits }),
      contextTokens: settings.contextTokens,
      stopTexts,
      ...(plain === undefined ? {} : { minAnswerTokens: plain.minTokens }),
      ...(ignoreAnswerEnd === true ? { ignoreAnswerEnd } : {}),
      detectLoops: thinking.detectLoops ?? settings.detectLoops ?? false,
      ...(softLanding === undefined ? {} : { softLanding }),
      ...(requested.maxCompletionTokens === undefined ? {} : { maxCompletionTokens: requested.maxCompletionTokens }),
      ...(newDecoder === undefined ? {} : { newDecoder }),
      ...(gates.confidence === undefined ? {} : { confidence: gates.confidence }),
      ...(gates.waitBelow === undefined ? {} : { waitBelow: gates.waitBelow }),
      ...(gates.stopWhenSure === undefined
        ? {}
        : { stopWhenSure: { ...gates.stopWhenSure, hint: await hintOf(format, model) } }),
    },
  };
}

/** Text after which a model gives its short answer, unless the format's own opening of a forced answer ends in such a text. */
const PROBE_HINT = 'Final Answer:';

async function hintOf({ forcedAnswerText }: FormatIds, model: ServedModel): Promise<readonly number[]> {
  return forcedAnswerText === '' ? await model.textIds(PROBE_HINT) : [];
}

function toColdStart(zeroCopies: ZeroCopiesSettings | undefined): Generation['coldStart'] {
  if (zeroCopies?.startSeconds === undefined) return undefined;
  const { startSeconds, secondsPerToken } = zeroCopies;
  return { startMs: startSeconds * 1_000, msPerToken: secondsPerToken && secondsPerToken * 1_000 };
}

/** The generation of one sample, with its own seed if the request has one. */
function withOwnSeed(generation: Generation, index: number): Generation {
  const { sampling, plan } = generation;
  if (sampling.seed === undefined) return generation;
  return { ...generation, sampling: { ...sampling, seed: sampleSeed(sampling.seed, index, plan.promptIds) } };
}

/** The generation of one sample, whose tokens count as load and whose thinking the load may cut. */
function underLoad(generation: Generation, index: number, admission: Admission | undefined): Generation {
  if (admission === undefined) return generation;
  const { admitted } = admission;
  return {
    ...generation,
    cutThinking: anyOf(admitted.cutOf(index), generation.cutThinking),
    onTokens: (soFar) => admitted.count(index, soFar),
  };
}

function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined);
  return given.length === 0 ? undefined : AbortSignal.any(given);
}

function toSetBy({ requested, names, thinking }: GenerationRequest, shrunk: readonly Shrink[]): SetBy {
  const by = (value: number | undefined, name: string) => (value === undefined ? 'default' : name);
  return {
    min_tokens: by(requested.minTokens, names.minTokens),
    max_tokens: shrunk.at(-1)?.because ?? by(requested.maxTokens, names.maxTokens),
    waits: by(thinking.waits ?? thinking.risk, thinking.waits === undefined ? 'thinking.risk' : 'thinking.waits'),
    max_answer_tokens: by(requested.maxCompletionTokens, names.maxCompletionTokens),
  };
}
