import type { AppDependencies } from '../context.ts';
import type { Log } from '../errors/log.ts';
import type { ConfidenceMeasure } from '../forcing/confidence.ts';
import type { ForcingPlan } from '../forcing/plan.ts';
import type { Admission } from '../scaling/admission-gate.ts';
import type { ModelSettings, ZeroCopiesSettings } from '../settings/settings.ts';
import { sampleSeed } from '../upstream/segment-seed.ts';
import type { AdmittedGeneration } from './admit-request.ts';
import { failoverPlan } from './failover-plan.ts';
import type { FailoverPlan } from './failover-target.ts';
import { generate } from './generate.ts';
import type { Generation, GenerationEvent } from './generation.ts';
import { logGeneration } from './log-generation.ts';
import { passagesFor } from './lookup.ts';
import type { PreparedRequest } from './prepare-request.ts';
import { probeHint } from './probe-hint.ts';
import type { GenerationContext, GenerationRequest } from './request.ts';
import { defaultRetryPolicy } from './retry.ts';
import type { SettledPolicy } from './settle-policy.ts';
import type { TokenCounts } from './token-counts.ts';
import type { SampleAccount } from './usage.ts';

/** What all samples and all models of a request have in common. */
export interface RequestRun {
  readonly dependencies: AppDependencies;
  readonly context: GenerationContext;
  /** Aborts when the client left, another sample failed, or the server stops. */
  readonly signal: AbortSignal;
  /** Time on the clock by which the answer must be complete. */
  readonly deadlineMs: number;
  readonly tokens: TokenCounts;
  /** Receives the account of each sample of each model when it ends. */
  readonly accounts: SampleAccount[];
}

/** One sample to run. */
export interface SampleOptions {
  /** Index by which the seed differs from that of the request. */
  readonly index: number;
  /** Index of the sample in its admission. @default index */
  readonly place?: number;
  /** Ends this sample alone. */
  readonly signal: AbortSignal;
  /** See `ForcingPlan`. */
  readonly gateMeasure?: ConfidenceMeasure | undefined;
  /** See `Generation`. */
  readonly yieldsThoughtEnd?: boolean;
  readonly onEnd?: (account: SampleAccount) => void;
}

export interface ModelRunOptions {
  /** Index of the model in the request's route. @default 0 */
  readonly attempt?: number;
  /** How long to wait for a first copy, in milliseconds. @default - the deployment's setting */
  readonly capacityWaitMs?: number;
}

/** A request to one model, prepared and admitted. */
export class ModelRun {
  readonly request: GenerationRequest;
  readonly admitted: AdmittedGeneration;
  readonly #run: RequestRun;
  readonly #generation: Omit<Generation, 'signal'>;
  readonly #attempt: number;

  static async create(
    policy: SettledPolicy,
    prepared: PreparedRequest,
    admitted: AdmittedGeneration,
    run: RequestRun,
    options: ModelRunOptions = {},
  ): Promise<ModelRun> {
    const probes = policy.gates.stopWhenSure !== undefined;
    const hint = probes ? await probeHint(prepared.format, policy.request.model) : [];
    return new ModelRun(policy, hint, prepared, admitted, run, options);
  }

  private constructor(
    policy: SettledPolicy,
    hint: readonly number[],
    prepared: PreparedRequest,
    admitted: AdmittedGeneration,
    run: RequestRun,
    { attempt = 0, capacityWaitMs = run.dependencies.capacityWaitMs }: ModelRunOptions,
  ) {
    const { shutdown, prefixCache } = run.dependencies;
    const { continuation } = run.context;
    const failover = failoverPlan(policy, { ...prepared, limits: admitted.limits }, run.context, run.dependencies.log);
    this.request = policy.request;
    this.admitted = admitted;
    this.#run = run;
    this.#attempt = attempt;
    this.#generation = {
      ...toGeneration(policy, prepared, admitted, { ...run.dependencies, capacityWaitMs }, hint),
      // What goes on elsewhere is left, not cut.
      cutThinking: continuation === undefined ? shutdown?.cutThinking : undefined,
      journal: continuation?.journal,
      retrieval: prepared.retrieval,
      lookUp: passagesFor(policy.request.model, run.context, run.dependencies.log),
      failover: continuation === undefined ? failover : failover && inOneVocabulary(failover),
      cacheSalt: prefixCache === 'per-key' ? run.context.caller.id : undefined,
      deadlineMs: run.deadlineMs,
    };
  }

  get log(): Log {
    return this.#run.dependencies.log;
  }

  /** Runs one sample. No call of the model starts before the events are read. */
  sample({ index, place = index, signal, gateMeasure, yieldsThoughtEnd = false, onEnd }: SampleOptions) {
    const { accounts, tokens, dependencies, context } = this.#run;
    const count = tokens.add();
    const { admission } = this.admitted;
    const counted = underLoad(
      withOwnSeed({ ...this.#generation, signal: AbortSignal.any([this.#run.signal, signal]) }, index),
      place,
      admission,
    );
    const generation: Generation = {
      ...counted,
      yieldsThoughtEnd,
      ...(gateMeasure === undefined ? {} : { plan: { ...counted.plan, gateMeasure } }),
      onTokens: (soFar) => {
        count(soFar);
        counted.onTokens?.(soFar);
      },
      onEnd: (account) => {
        const own = this.#attempt === 0 ? account : { ...account, attempt: this.#attempt };
        accounts.push(own);
        onEnd?.(own);
      },
    };
    const events: AsyncGenerator<GenerationEvent> = generate(generation);
    return logGeneration(events, generation, this.request, dependencies, context);
  }
}

/** What all samples of a model have in common. */
function toGeneration(
  { request, gates }: SettledPolicy,
  { promptIds, prefix, format, wait, laterWaits, passageTokens }: PreparedRequest,
  { limits, admission }: AdmittedGeneration,
  { clock, capacityWaitMs, loads, zeroCopies, random }: AppDependencies,
  hint: readonly number[],
): Omit<Generation, 'signal'> {
  const { model, thinking, requested, structure, sampling, topLogprobs, stopTexts, plain, minCompletionTokens } =
    request;
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
      ...(minCompletionTokens === undefined ? {} : { minCompletionTokens }),
      detectLoops: thinking.detectLoops ?? settings.detectLoops ?? false,
      ...(softLanding === undefined ? {} : { softLanding }),
      ...(requested.maxCompletionTokens === undefined ? {} : { maxCompletionTokens: requested.maxCompletionTokens }),
      ...(newDecoder === undefined ? {} : { newDecoder }),
      ...confidenceOf(gates, settings, admission),
      ...(gates.off === undefined ? {} : { gateOff: gates.off }),
      ...(gates.waitBelow === undefined ? {} : { waitBelow: gates.waitBelow }),
      ...(gates.lookUpBelow === undefined ? {} : { lookUp: { below: gates.lookUpBelow, maxTokens: passageTokens } }),
      ...(gates.stopWhenSure === undefined ? {} : { stopWhenSure: { ...gates.stopWhenSure, hint } }),
    },
  };
}

/** The measure of the rules in force. Without a rule, that by which the load cuts the surest of the elastic thoughts first. */
function confidenceOf(
  { confidence }: SettledPolicy['gates'],
  { calibration }: ModelSettings,
  admission: Admission | undefined,
): Pick<ForcingPlan, 'confidence'> {
  if (confidence !== undefined) return { confidence };
  return admission?.report.elastic === true ? { confidence: { measure: calibration?.measure ?? 'min_token' } } : {};
}

function toColdStart(zeroCopies: ZeroCopiesSettings | undefined): Generation['coldStart'] {
  if (zeroCopies?.startSeconds === undefined) return undefined;
  const { startSeconds, secondsPerToken } = zeroCopies;
  return { startMs: startSeconds * 1_000, msPerToken: secondsPerToken && secondsPerToken * 1_000 };
}

/** The plan without upstreams of another vocabulary: a journal is of one. */
function inOneVocabulary({ targets: [own, ...others], ...plan }: FailoverPlan): FailoverPlan | undefined {
  const same = others.filter(({ vocabulary }) => vocabulary === own.vocabulary);
  return same.length === 0 ? undefined : { ...plan, targets: [own, ...same] };
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
