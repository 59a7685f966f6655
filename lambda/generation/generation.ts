import type { Clock } from '../clock.ts';
import type { ForcingPlan } from '../forcing/plan.ts';
import type { ForcingReport } from '../forcing/report.ts';
import type { AnswerStructure, Sampling, SegmentModel, TokenLogprob } from '../upstream/segment-model.ts';
import type { FailoverPlan } from './failover-target.ts';
import type { Journal } from './journal.ts';
import type { LookUp, RetrievalAccount } from './retrieval.ts';
import type { RetryPolicy } from './retry.ts';
import type { RouteAccount } from './route-account.ts';
import type { SegmentAccount } from './segment-account.ts';

/** All that `generate` needs to run one sample of a request. */
export interface Generation {
  readonly model: SegmentModel;
  readonly plan: ForcingPlan;
  /** `seed` is that of the sample (`sampleSeed`), from which each call gets its own. */
  readonly sampling: Sampling;
  /** Number of most likely tokens whose log-probabilities come with each answer token, 0 to 20. If omitted, none come. */
  readonly topLogprobs?: number;
  /** Number of most likely tokens whose log-probabilities come with each thinking token, 0 to 20. If omitted, none come. */
  readonly thinkingLogprobs?: number;
  /** Whether to yield the sampled ids as they come. @default false */
  readonly yieldsTokens?: boolean;
  /** Whether the server's text leaves control tokens out, if there is no decoder. @default false */
  readonly skipControls?: boolean;
  /** Form that the answer must have. The thinking is not constrained. If omitted, any text. */
  readonly structure?: AnswerStructure;
  readonly clock: Clock;
  readonly retry: RetryPolicy;
  /** Upstreams on which the generation goes on if one fails. If omitted, `model` alone. */
  readonly failover?: FailoverPlan | undefined;
  readonly signal: AbortSignal;
  /** Time on `clock` by which the answer must be complete. Thinking is cut early enough to leave time for the answer. */
  readonly deadlineMs?: number;
  /** Expected start time of the first copy and its decode time of one token, in milliseconds. If omitted, both are unknown. */
  readonly coldStart?: { readonly startMs: number; readonly msPerToken: number | undefined } | undefined;
  /** Whether to yield the end of the thinking as an event, before the answer begins. @default false */
  readonly yieldsThoughtEnd?: boolean;
  /** Salt of the prefix cache (`SegmentRequest.cacheSalt`). */
  readonly cacheSalt?: string | undefined;
  /** Aborts when the endpoint's load, or a shutdown, allows no more thinking; the thinking ends with the reason `load` or `shutdown`. */
  readonly cutThinking?: AbortSignal | undefined;
  /** The passages in the prompt. If omitted, nothing was looked up before the thinking. */
  readonly retrieval?: RetrievalAccount | undefined;
  /** Looks documents up for the thought. Required if the plan has `lookUp`. */
  readonly lookUp?: LookUp | undefined;
  /** Where the generation goes on, and what keeps it. If omitted, it begins, and nothing is kept. */
  readonly journal?: Journal | undefined;
  /** Called after each chunk. */
  readonly onTokens?: ((soFar: TokensSoFar) => void) | undefined;
  /** Called before each wait for the first copy; returns the status message for the client. Throws if no copy will start. */
  readonly whileNoCapacity?: (() => Promise<string>) | undefined;
  /** Called when a call found no copy. Returns whether a copy was starting already, if that is known. */
  readonly onNoCapacity?: (() => Promise<boolean | undefined>) | undefined;
  /** Called exactly once with what was used, whether the generation completes, fails or is aborted. */
  readonly onEnd?: (account: {
    readonly report: ForcingReport;
    readonly segments: readonly SegmentAccount[];
    readonly retrieval?: RetrievalAccount | undefined;
  }) => void;
}

/** Token counts of a sample so far, as the limits count them, and the confidence in its thought, 0 to 1, if it is measured. */
export interface TokensSoFar {
  readonly thinking: number;
  readonly answer: number;
  readonly confidence?: number;
}

/** Log-probability of a thinking token. `null`: the token was forced, so it has none. */
export interface ThinkingLogprob extends Omit<TokenLogprob, 'logprob'> {
  readonly logprob: number | null;
}

/** What `generate` yields: text and log-probabilities in order, then one `done`. */
export type GenerationEvent =
  | { readonly kind: 'text'; readonly part: 'thinking' | 'answer'; readonly text: string; readonly forced: boolean }
  /** Log-probabilities of sampled answer tokens, in order. Their text comes with them or later. */
  | { readonly kind: 'logprobs'; readonly part: 'answer'; readonly tokens: readonly TokenLogprob[] }
  /** One for each thinking token, in order, if requested. Their text comes with them or later. */
  | { readonly kind: 'logprobs'; readonly part: 'thinking'; readonly tokens: readonly ThinkingLogprob[] }
  /** Sampled ids, an end token included, with their log-probabilities if requested. Only if `yieldsTokens` is set. */
  | { readonly kind: 'tokens'; readonly ids: readonly number[]; readonly logprobs: readonly TokenLogprob[] }
  /** The generation pauses before a retry: a call failed, or the endpoint has no copy yet. */
  | { readonly kind: 'waiting'; readonly because: string; readonly retryInMs: number }
  /** Documents are looked up, or were: then with the `account`. */
  | { readonly kind: 'lookup'; readonly query: string; readonly account: RetrievalAccount | undefined }
  /** The thinking is over, and no call for the answer has begun. Only if `yieldsThoughtEnd` is set. */
  | { readonly kind: 'thought'; readonly report: ForcingReport }
  | {
      readonly kind: 'done';
      readonly report: ForcingReport;
      readonly segments: readonly SegmentAccount[];
      /** What was looked up, if anything was. */
      readonly retrieval?: RetrievalAccount | undefined;
      /** The models that were asked. Only if the request names a route. */
      readonly route?: RouteAccount;
    };
