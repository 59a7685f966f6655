import type { OutputPrefix, Turn } from '../forcing/format.ts';
import type { Limits } from '../forcing/report.ts';
import type { GateOptions } from '../forcing/settle-gates.ts';
import type { FieldNames, RequestedBudget, Shrink } from '../forcing/settle-limits.ts';
import type { ToolUse } from '../formats/tools/tool.ts';
import type { Caller } from '../keys/key-record.ts';
import type { Work } from '../keys/ledger.ts';
import type { ServedModel } from '../models/served-model.ts';
import type { BatchPriority, LoadReport } from '../scaling/admission-gate.ts';
import type { RouteSettings } from '../settings/routes.ts';
import type { ModelSettings } from '../settings/settings.ts';
import type { AnswerStructure, Sampling } from '../upstream/segment-model.ts';
import type { Continuation } from './continuation.ts';
import type { GenerationEvent } from './generation.ts';
import type { Lookup } from './lookup.ts';
import type { GenerationRecorder } from './recorded-generation.ts';
import type { RetrievalAccount, RetrievalOptions } from './retrieval.ts';
import type { RunningVote, VoteOptions } from './running-vote.ts';
import type { SetBy } from './set-by.ts';
import type { SampleAccount } from './usage.ts';

/** A generation request, whatever its dialect. */
export interface GenerationRequest {
  readonly model: ServedModel;
  readonly turns: readonly Turn[];
  /** `undefined` if the answer may not call tools. */
  readonly tools: ToolUse | undefined;
  /** Raw prompt in token ids, in place of `turns`. If omitted, the format renders the turns. */
  readonly promptIds?: readonly number[];
  /** Set for a plain completion of `promptIds`, without thinking and without the format's delimiters. */
  readonly plain?: PlainCompletion;
  /** Documents that the generation may read. If omitted, none. */
  readonly retrieval?: RetrievalOptions;
  /** The beginning of the output, which the generation continues. If omitted, the output begins with the thinking. */
  readonly prefix?: OutputPrefix;
  readonly requested: RequestedBudget;
  /** Names of the limits in the request's dialect, for error messages. */
  readonly names: FieldNames;
  readonly thinking: ThinkingOptions;
  /** Whether probes may run, whose tokens the limits of the key count. @default false */
  readonly probes?: boolean;
  readonly sampling: Sampling;
  readonly stopTexts: readonly string[];
  /** Number of most likely tokens whose log-probabilities come with each answer token, 0 to 20. If omitted, none come. */
  readonly topLogprobs?: number;
  /** Form that the answer must have. If omitted, any text. */
  readonly structure?: AnswerStructure;
  /** Minimum of completion tokens (`ForcingPlan.minCompletionTokens`). @default 0 */
  readonly minCompletionTokens?: number;
  /** Fields of the request that have no effect. If omitted, none. */
  readonly ignored?: readonly IgnoredField[];
  /** Number of answers (`n`). Minimum: 1. */
  readonly samples: number;
  /** How the samples vote on one answer. If omitted, each is an answer. */
  readonly vote?: VoteOptions;
  /** Further models that may answer. If omitted, only `model` does. */
  readonly route?: RequestRoute;
}

/** The models that may answer a request, beside its first one. */
export interface RequestRoute {
  readonly settings: RouteSettings;
  /** The request to each model after the first, in order. */
  readonly further: readonly GenerationRequest[];
}

/** How a plain completion ends, and what its text shows. */
export interface PlainCompletion {
  /** Tokens that end it, in addition to the model's own end tokens. */
  readonly stopTokenIds: readonly number[];
  /** Number of tokens before which no end token is sampled. */
  readonly minTokens: number;
  /** Whether control tokens are part of the text. */
  readonly showControls: boolean;
}

/**
 * A field of a request that has no effect, and why: nothing here depends on it (`no_effect`), nothing is stored (`not_stored`),
 * it happens without being asked for (`automatic`), it is not enforced (`not_enforced`), or the model reads text only (`text_only`).
 */
export interface IgnoredField {
  /** Path without indices, for instance `tools.strict`. */
  readonly field: string;
  readonly reason: (typeof ignoredReasons)[number];
}
export const ignoredReasons = ['no_effect', 'not_stored', 'automatic', 'not_enforced', 'text_only'] as const;

/** What the app knows of a request beside its body. */
export interface GenerationContext {
  readonly requestId: string;
  readonly caller: Caller;
  readonly signal: AbortSignal;
  /** Set for a line of a batch, which is admitted below other requests. */
  readonly batch?: BatchPriority | undefined;
  /** Stores the request and what its models write. If omitted, nothing of it is stored. */
  readonly recorder?: GenerationRecorder | undefined;
  /** Who waits for it. @default 'interactive' */
  readonly work?: Work;
  /** How the generation goes on over several segments of work. If omitted, one process runs it as a whole. */
  readonly continuation?: Continuation | undefined;
  /** The search of the request, which all its models share. `startGeneration` makes it. */
  readonly lookup?: Lookup | undefined;
}

/** How `thinking.risk` was kept: the upper 95 % bound of wrong answers on the held-out questions of a calibration. */
export interface RiskReport {
  readonly requested: number;
  readonly upper_bound: number;
  /** Id of the calibration. */
  readonly calibration: string;
}

/** An admitted request whose events can be read. */
export interface RunningGeneration {
  /** Id of the model; of a route, that of its first model. */
  readonly model: string;
  readonly samples: number;
  /** Response headers with the remaining limits of the key. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether to leave the thinking out of the response. It counts in `usage` all the same. */
  readonly excludeThinking: boolean;
  /** Prompt tokens as `usage` counts them. */
  readonly promptTokens: number;
  readonly limits: Limits;
  readonly shrunk: readonly Shrink[];
  readonly setBy: SetBy;
  /** Fields of the request that have no effect. */
  readonly ignored: readonly IgnoredField[];
  /** The policy that the risk of the request chose. `undefined` if the request has none. */
  readonly risk?: RiskReport | undefined;
  /** Whether numbers in brackets in the answer cite passages: not if it must have a form, such as JSON, where they are lists. */
  readonly cites: boolean;
  /** The passages in the prompt (of a route, in that of its first model). `undefined` if nothing was looked up before the thinking. */
  readonly retrieval?: RetrievalAccount | undefined;
  /** Names of the fallbacks on which the request may go on. */
  readonly fallbacks: readonly string[];
  /** How the load admitted the request (of a route, to its first model). `undefined` if the load of the model is not tracked. */
  readonly load: LoadReport | undefined;
  /** Price of a model of the request's route, in dollars per million tokens, if it is known. */
  readonly priceOf?: ((modelId: string) => ModelSettings['dollarsPerMillionTokens']) | undefined;
  /** Accounts of the samples that ended so far, completed or not. */
  readonly accounts: readonly SampleAccount[];
  /** Thinking and answer tokens of all samples so far. */
  readonly tokensSoFar: () => { readonly thinking: number; readonly answer: number };
  /** The vote of the samples. If omitted, they do not vote. */
  readonly vote?: RunningVote;
  /** Events of all samples as they come, with the index of their sample. */
  readonly events: AsyncGenerator<{ readonly index: number; readonly value: GenerationEvent }>;
  /** Aborts all samples; for a client that disconnected. */
  readonly cancel: () => void;
}

/** The thinking options of a request, whatever its dialect. `undefined`: not given. */
export interface ThinkingOptions {
  /** Maximum in tokens and the field that set it. `effort`: a preference that may shrink to fit, not an exact number. */
  readonly maximum: { readonly field: string; readonly tokens: number; readonly effort: boolean } | undefined;
  readonly minTokens: number | undefined;
  readonly waits: number | undefined;
  /** A list has one text for each Wait in turn; the last one repeats. At least one text. */
  readonly waitText: string | readonly string[] | undefined;
  /** Number of most likely tokens whose log-probabilities come with each thinking token, 0 to 20. If omitted, none come. */
  readonly topLogprobs?: number | undefined;
  /** Rules by confidence. If omitted, none is given. */
  readonly gates?: GateOptions | undefined;
  /** Highest share of wrong answers, from which the calibration chooses the policy. Above 0, below 1. */
  readonly risk?: number | undefined;
  /** See `ForcingPlan`. */
  readonly softLanding: number | undefined;
  readonly detectLoops: boolean | undefined;
  /** Maximum duration of the request, in milliseconds. */
  readonly deadlineMs: number | undefined;
  /** Whether the maximum may shrink under load, and the least that it may shrink to. */
  readonly elastic: { readonly allowed: boolean; readonly floorTokens: number | undefined } | undefined;
  /** Whether to leave the thinking out of the response. */
  readonly exclude: boolean;
}
