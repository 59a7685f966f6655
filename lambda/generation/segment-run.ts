import type { BudgetForcing } from '../forcing/budget-forcing.ts';
import type { NextSegment } from '../forcing/plan.ts';
import { ModelError, ModelTimeoutError, TokensMismatchError } from '../upstream/errors.ts';
import type { Sampling, SegmentChunk, SegmentRequest } from '../upstream/segment-model.ts';
import { callSeed } from '../upstream/segment-seed.ts';
import type { Generation, GenerationEvent, TokensSoFar } from './generation.ts';
import type { SegmentAccount } from './segment-account.ts';
import { SHUTDOWN } from './shutdown.ts';
import { checkLogprobs, forcedLogprobs, keptLogprobs, requestedLogprobs } from './thinking-logprobs.ts';
import type { Timing } from './timing.ts';

/** Tokens beyond a segment's maximum after which the call is closed, not just ignored. */
const OVERRUN_ALLOWED = 8;

/**
 * One call of the model: passes each chunk to the machine, yields the text that became certain, and reports the end, a cut
 * or a failure of the call to the machine.
 */
export class SegmentRun {
  readonly #segment: NextSegment;
  readonly #machine: BudgetForcing;
  readonly #generation: Generation;
  readonly #timing: Timing;
  readonly #completionTokensBefore: number;
  #tokens = 0;
  #promptUsage: SegmentChunk['promptUsage'];
  #failure: ModelError | undefined;
  /** Whether the machine knows that the segment is over. */
  #ended = false;

  constructor(segment: NextSegment, machine: BudgetForcing, generation: Generation, timing: Timing) {
    this.#segment = segment;
    this.#machine = machine;
    this.#generation = generation;
    this.#timing = timing;
    this.#completionTokensBefore = completionTokens(machine);
  }

  /** Whether the call gave at least one token. */
  get progressed(): boolean {
    return this.#tokens > 0;
  }

  /** The failure of the call, even if the segment was over before it. */
  get failure(): ModelError | undefined {
    return this.#failure;
  }

  /** The failure of the call if the segment must be retried. */
  get failureToRetry(): ModelError | undefined {
    return this.#ended ? undefined : this.#failure;
  }

  get account(): SegmentAccount {
    return {
      part: this.#segment.probe === true ? 'probe' : this.#segment.part,
      promptTokens: this.#segment.promptIds.length,
      promptTokensEvaluated: this.#promptUsage && this.#promptUsage.total - this.#promptUsage.cached,
      tokens: this.#tokens,
      completionTokens: completionTokens(this.#machine) - this.#completionTokensBefore,
      failure: this.#failure?.code,
    };
  }

  /** Runs the call to its end. @throws the abort reason of `generation.signal`, and errors that are not a `ModelError`. */
  async *events(): AsyncGenerator<GenerationEvent, void, undefined> {
    const { model, signal } = this.#generation;
    const cutThinking = this.#segment.part === 'thinking' ? this.#generation.cutThinking : undefined;
    const deadline = this.#timing.startCutTimer(this.#segment.part);
    try {
      const chunks = model.run(toSegmentRequest(this.#segment, this.#generation), {
        signal: AbortSignal.any([signal, deadline.signal, ...(cutThinking === undefined ? [] : [cutThinking])]),
      });
      for await (const chunk of chunks) {
        // Leaving the loop ends the call: the engine stops at its next token.
        if (yield* this.#take(chunk)) break;
      }
      if (!this.#ended) this.#machine.segmentBroke();
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.signal.aborted) this.#cut('deadline');
      else if (cutThinking?.aborted === true) this.#cut(cutReason(cutThinking));
      else if (error instanceof ModelError) this.#fail(error);
      else throw error;
    } finally {
      deadline.clear();
    }
  }

  /** Takes one chunk and yields what became certain. Returns whether to close the call. */
  *#take(chunk: SegmentChunk): Generator<GenerationEvent, boolean, undefined> {
    const { tokenIds, promptUsage, finishReason, stopReason } = chunk;
    this.#tokens += tokenIds.length;
    this.#timing.count(tokenIds.length);
    this.#promptUsage = promptUsage ?? this.#promptUsage;
    const sampled = this.#ended ? undefined : this.#sampledTokens(chunk);
    if (!this.#ended) checkLogprobs(chunk, this.#segment, this.#generation);
    const { over, leave, kept } = this.#ended ? { over: true, leave: false, kept: 0 } : this.#machine.push(chunk);
    this.#generation.onTokens?.(soFarOf(this.#machine));
    const logprobs = keptLogprobs(chunk, endsAfter(chunk, kept), this.#segment.part, this.#generation);
    if (sampled !== undefined) yield sampled;
    if (logprobs !== undefined) yield logprobs;
    yield* takeEvents(this.#machine, this.#generation);
    if (leave) {
      this.#ended = true;
      return true;
    }
    if (this.#ended) return false;
    if (finishReason !== undefined) {
      const mismatch = this.#mismatch(chunk);
      // A thought with a gap is still a thought, whose tokens are counted as they came. An answer with a gap is wrong.
      if (mismatch !== undefined && this.#segment.part === 'answer') throw mismatch;
      this.#failure = mismatch;
      this.#ended = true;
      this.#machine.segmentEnded(finishReason, stopReason);
      return false;
    }
    // The server ignores the segment's maximum.
    return over && this.#tokens >= this.#segment.maxTokens + OVERRUN_ALLOWED;
  }

  /** The difference between the ids that came and the server's count, which may leave out an end token. */
  #mismatch({ finishReason, reportedTokens = this.#tokens }: SegmentChunk): TokensMismatchError | undefined {
    const uncounted = finishReason === 'stop' ? 1 : 0;
    if (reportedTokens <= this.#tokens && reportedTokens >= this.#tokens - uncounted) return undefined;
    return new TokensMismatchError(this.#tokens, reportedTokens);
  }

  /** The ids of a chunk, without those beyond the segment's maximum, if the generation yields ids. */
  #sampledTokens({ tokenIds, logprobs = [] }: SegmentChunk): GenerationEvent | undefined {
    const room = this.#segment.maxTokens - (this.#tokens - tokenIds.length);
    if (this.#generation.yieldsTokens !== true || tokenIds.length === 0 || room <= 0) return undefined;
    return { kind: 'tokens', ids: tokenIds.slice(0, room), logprobs: logprobs.slice(0, room) };
  }

  /** @throws {ModelTimeoutError} if the time of the whole request is over and the model gave no token */
  #cut(reason: 'deadline' | 'load' | 'shutdown'): void {
    if (this.#ended) return;
    if (reason === 'deadline' && this.#segment.part === 'answer' && this.#machine.report().sampledTokens === 0) {
      this.#failure = new ModelTimeoutError('The time limit of the request passed before the model gave a token.');
      throw this.#failure;
    }
    this.#machine.cut(reason);
  }

  #fail(failure: ModelError): void {
    this.#failure = failure;
    if (!this.#ended) this.#machine.segmentBroke();
  }
}

/** Why `Generation.cutThinking` has aborted. */
export function cutReason({ reason }: AbortSignal): 'load' | 'shutdown' {
  return reason === SHUTDOWN ? 'shutdown' : 'load';
}

function completionTokens(machine: BudgetForcing): number {
  const { thinking, answer } = machine.tokens();
  return thinking + answer;
}

/** The kept tokens of a chunk without an end token that the server ends with, although the segment did not list it. */
function endsAfter({ tokenIds, finishReason, stopReason }: SegmentChunk, kept: number): number {
  const unlisted = finishReason === 'stop' && kept === tokenIds.length && tokenIds.at(-1) === stopReason;
  return unlisted ? kept - 1 : kept;
}

/** Takes the text that became certain since the last call, and the entries of forced thinking tokens if the client wants them. */
export function* takeEvents(
  machine: BudgetForcing,
  { thinkingLogprobs, plan }: Generation,
): Generator<GenerationEvent, void, undefined> {
  for (const { forcedTokens, ...emission } of machine.takeEmissions()) {
    if (thinkingLogprobs !== undefined && forcedTokens !== undefined) {
      yield { kind: 'logprobs', part: 'thinking', tokens: forcedLogprobs(forcedTokens, plan.newDecoder) };
    }
    if (emission.text !== '') yield { kind: 'text', ...emission };
  }
}

function toSegmentRequest(segment: NextSegment, generation: Generation): SegmentRequest {
  const { sampling, structure, plan } = generation;
  const { stopTexts = [] } = plan;
  // A greedy choice needs no seed.
  const drawn = segment.probe === true ? { temperature: 0 } : withCallSeed(sampling, segment.promptIds);
  const topLogprobs = requestedLogprobs(segment, generation);
  return {
    promptIds: segment.promptIds,
    maxTokens: segment.maxTokens,
    minTokens: segment.minTokens,
    stopTokenIds: segment.stopTokenIds,
    sampling: drawn,
    ...(generation.cacheSalt !== undefined && { cacheSalt: generation.cacheSalt }),
    ...(generation.skipControls === true && { skipControls: true }),
    ...(topLogprobs !== undefined && { topLogprobs }),
    ...(segment.part === 'answer' && {
      ...(stopTexts.length > 0 && { stopTexts }),
      ...(structure !== undefined && { structure }),
    }),
  };
}

function soFarOf(machine: BudgetForcing): TokensSoFar {
  const { confidence } = machine;
  return { ...machine.tokens(), ...(confidence === undefined ? {} : { confidence }) };
}

function withCallSeed(sampling: Sampling, promptIds: readonly number[]): Sampling {
  const { seed } = sampling;
  return seed === undefined ? sampling : { ...sampling, seed: callSeed(seed, promptIds) };
}
