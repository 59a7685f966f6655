import type { Clock } from '../clock.ts';
import { BudgetForcing } from '../forcing/budget-forcing.ts';
import type { ForcingPlan, NextSegment } from '../forcing/plan.ts';
import type { ForcingReport } from '../forcing/report.ts';
import { ModelError, NoCapacityError } from '../upstream/errors.ts';
import type {
  AnswerStructure,
  Sampling,
  SegmentModel,
  SegmentRequest,
  TokenLogprob,
} from '../upstream/segment-model.ts';

/** How calls that fail are tried again. */
export interface RetryPolicy {
  /** Tries in a row without a single new token. Minimum: 1. */
  readonly attempts: number;
  /** Wait before the second try; doubles with each. Milliseconds. */
  readonly backoffMs: number;
  /** How long to wait for a copy where the endpoint has none. Milliseconds; 0 answers 503 at once. */
  readonly capacityWaitMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 3, backoffMs: 250, capacityWaitMs: 0 };

/** Between two looks for a copy that is starting. */
const CAPACITY_POLL_MS = 3_000;

export interface Generation {
  readonly model: SegmentModel;
  readonly plan: ForcingPlan;
  readonly sampling: Sampling;
  /** Asks for the answer's logarithms of probabilities, and for so many of the likeliest at each token. */
  readonly topLogprobs?: number;
  /** The form that the answer has to have; the thought is free. */
  readonly structure?: AnswerStructure;
  readonly clock: Clock;
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal;
  /** When the whole has to be over, on the clock. Thinking is cut early enough for an answer. */
  readonly deadlineMs?: number;
  /** Aborts when the load grants the thinking no more: then it ends with the reason `load`. */
  readonly cutThinking?: AbortSignal | undefined;
  /** Told how many tokens there are, as limits count them, each time that some came. */
  readonly onTokens?: ((soFar: { readonly thinking: number; readonly answer: number }) => void) | undefined;
  /** Asked before a wait for the first copy: what the client is told. It throws where no copy will come. */
  readonly whileNoCapacity?: (() => Promise<string>) | undefined;
  /** Told what was used, once, whichever way the generation ends. */
  readonly onEnd?: (account: { readonly report: ForcingReport; readonly segments: readonly SegmentAccount[] }) => void;
}

/** One call of the model, as it went. */
export interface SegmentAccount {
  readonly part: 'thinking' | 'answer';
  readonly promptTokens: number;
  /** Prompt tokens that the engine had to evaluate, where it says. The rest came from its cache. */
  readonly promptTokensEvaluated: number | undefined;
  readonly tokens: number;
  /** `error.code` where the call failed. */
  readonly failure: string | undefined;
}

export type GenerationEvent =
  | { readonly kind: 'text'; readonly part: 'thinking' | 'answer'; readonly text: string; readonly forced: boolean }
  /** Of sampled tokens of the answer, in order. The text of them comes with it or later. */
  | { readonly kind: 'logprobs'; readonly tokens: readonly TokenLogprob[] }
  /** Nothing comes for a while: a call failed, or the endpoint has no copy yet. */
  | { readonly kind: 'waiting'; readonly because: string; readonly retryInMs: number }
  | { readonly kind: 'done'; readonly report: ForcingReport; readonly segments: readonly SegmentAccount[] };

/** The share of the time that is kept for the answer when a deadline nears, until the speed is known. */
const ANSWER_TIME_SHARE = 0.2;

/**
 * Drives a `BudgetForcing` machine over a model: runs its segments, gives out its text, goes on from the ids so far where a
 * call breaks. All retries and clocks are here; all decisions are the machine's.
 *
 * @throws {ModelError} when tries are used up. What was given out before stands.
 */
export async function* generate(generation: Generation): AsyncGenerator<GenerationEvent, void, undefined> {
  const { plan, clock, retry, signal } = generation;
  const machine = new BudgetForcing(plan);
  const segments: SegmentAccount[] = [];
  const startedAt = clock.now();
  const timing = new Timing(generation, startedAt);
  let attempt = 0;

  try {
    for (;;) {
      const segment = machine.next();
      yield* textOf(machine);
      if (segment === undefined) break;

      let tokens = 0;
      let usage: { readonly total: number; readonly cached: number } | undefined;
      let failure: ModelError | undefined;
      let ended = false;
      const account = (): SegmentAccount => ({
        part: segment.part,
        promptTokens: segment.promptIds.length,
        promptTokensEvaluated: usage === undefined ? undefined : usage.total - usage.cached,
        tokens,
        failure: failure?.code,
      });
      const load = segment.part === 'thinking' ? generation.cutThinking : undefined;
      const cutByLoad = () => load?.aborted === true;
      if (cutByLoad()) {
        machine.cut('load');
        yield* textOf(machine);
        continue;
      }
      const cutAt = timing.cutAt(segment.part);
      const stopper = new AbortController();
      const timer =
        cutAt === undefined ? undefined : setTimeout(() => stopper.abort(), Math.max(0, cutAt - clock.now()));
      try {
        const chunks = generation.model.run(requestOf(segment, generation), {
          signal: AbortSignal.any([signal, stopper.signal, ...(load === undefined ? [] : [load])]),
        });
        for await (const chunk of chunks) {
          tokens += chunk.tokenIds.length;
          timing.count(chunk.tokenIds.length);
          usage = chunk.promptUsage ?? usage;
          const before = chunk.logprobs === undefined ? 0 : machine.report().answerTokens;
          const { over, leave } = ended ? { over: true, leave: false } : machine.push(chunk);
          generation.onTokens?.(machine.tokens());
          if (chunk.logprobs !== undefined && segment.part === 'answer') {
            // Of a chunk the first tokens are kept; ends and what came beyond them are not.
            const kept = chunk.logprobs.slice(0, machine.report().answerTokens - before);
            if (kept.length > 0) yield { kind: 'logprobs', tokens: kept };
          }
          yield* textOf(machine);
          if (leave) {
            ended = true;
            // Leaving the loop ends the call: the engine stops at its next token.
            break;
          }
          if (chunk.finishReason !== undefined && !ended) {
            ended = true;
            machine.segmentEnded(chunk.finishReason, chunk.stopReason);
          } else if (over && !ended && tokens >= segment.maxTokens + OVERRUN_ALLOWED) {
            // A server that does not stop where it was told to. Leaving the loop ends the call.
            break;
          }
        }
        if (!ended) machine.segmentBroke();
      } catch (error) {
        signal.throwIfAborted();
        if (stopper.signal.aborted) {
          if (!ended) machine.cut('deadline');
        } else if (cutByLoad()) {
          if (!ended) machine.cut('load');
        } else if (error instanceof ModelError) {
          failure = error;
          if (!ended) machine.segmentBroke();
        } else {
          throw error;
        }
      } finally {
        clearTimeout(timer);
      }
      segments.push(account());
      yield* textOf(machine);

      attempt = tokens > 0 || failure === undefined ? 0 : attempt + 1;
      if (failure !== undefined && !ended) {
        const delay = retryDelay(failure, attempt, clock.now() - startedAt, retry);
        // Half of a formed text cannot be gone on with: the server would begin the form anew.
        if (generation.structure !== undefined && segment.part === 'answer' && tokens > 0) throw failure;
        const outOfTime = generation.deadlineMs !== undefined && clock.now() + (delay ?? 0) >= generation.deadlineMs;
        if (delay === undefined || outOfTime) throw failure;
        if (delay > 0) {
          const told = failure instanceof NoCapacityError ? await generation.whileNoCapacity?.() : undefined;
          yield { kind: 'waiting', because: told ?? failure.code, retryInMs: delay };
          await clock.sleep(delay, signal);
        }
      }
    }
    yield { kind: 'done', report: machine.report(), segments };
  } finally {
    generation.onEnd?.({ report: machine.report(), segments });
  }
}

/** Tokens beyond its maximum after which a call is closed, not just ignored. */
const OVERRUN_ALLOWED = 8;

function* textOf(machine: BudgetForcing): Generator<GenerationEvent, void, undefined> {
  for (const emission of machine.takeEmissions()) yield { kind: 'text', ...emission };
}

function requestOf(segment: NextSegment, generation: Generation): SegmentRequest {
  const { stopTexts } = generation.plan;
  return {
    promptIds: segment.promptIds,
    maxTokens: segment.maxTokens,
    minTokens: segment.minTokens,
    stopTokenIds: segment.stopTokenIds,
    ...(segment.part === 'answer' && stopTexts !== undefined && stopTexts.length > 0 ? { stopTexts } : {}),
    ...(segment.part === 'answer' && generation.topLogprobs !== undefined
      ? { topLogprobs: generation.topLogprobs }
      : {}),
    ...(segment.part === 'answer' && generation.structure !== undefined ? { structure: generation.structure } : {}),
    sampling: generation.sampling,
  };
}

/** Milliseconds until the next try, or `undefined` where there is none. */
function retryDelay(failure: ModelError, attempt: number, elapsedMs: number, policy: RetryPolicy): number | undefined {
  if (!failure.retryable) return undefined;
  // Tokens came before it broke: go on at once.
  if (attempt === 0) return 0;
  if (failure instanceof NoCapacityError) {
    return elapsedMs + CAPACITY_POLL_MS <= policy.capacityWaitMs ? CAPACITY_POLL_MS : undefined;
  }
  if (attempt >= policy.attempts) return undefined;
  const asked = failure.retryAfterSeconds === undefined ? 0 : failure.retryAfterSeconds * 1_000;
  return Math.max(asked, policy.backoffMs * 2 ** (attempt - 1));
}

/** Knows when the thinking has to be cut, from the deadline and the speed seen so far. */
class Timing {
  readonly #generation: Generation;
  readonly #startedAt: number;
  #tokens = 0;

  constructor(generation: Generation, startedAt: number) {
    this.#generation = generation;
    this.#startedAt = startedAt;
  }

  count(tokens: number): void {
    this.#tokens += tokens;
  }

  cutAt(part: 'thinking' | 'answer'): number | undefined {
    const { deadlineMs, clock, plan } = this.#generation;
    if (deadlineMs === undefined || part === 'answer') return deadlineMs;
    const left = Math.max(0, deadlineMs - this.#startedAt);
    const now = clock.now();
    const perToken = this.#tokens === 0 ? undefined : (now - this.#startedAt) / this.#tokens;
    const forAnswer =
      perToken === undefined ? left * ANSWER_TIME_SHARE : Math.min(left / 2, perToken * plan.limits.maxAnswerTokens);
    return deadlineMs - forAnswer;
  }
}
