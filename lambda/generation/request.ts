import type { Turn } from '../forcing/format.ts';
import type { Limits } from '../forcing/report.ts';
import type { FieldNames, RequestedBudget, Shrink } from '../forcing/settle-limits.ts';
import type { Caller } from '../keys/key-record.ts';
import type { ServedModel } from '../models/served-model.ts';
import type { LoadReport } from '../scaling/admission-gate.ts';
import type { AnswerStructure, Sampling } from '../upstream/segment-model.ts';
import type { GenerationEvent } from './generation.ts';

/** What a client wants, whichever dialect it speaks. */
export interface GenerationRequest {
  readonly model: ServedModel;
  readonly turns: readonly Turn[];
  readonly requested: RequestedBudget;
  /** How the client's dialect calls the limits, for messages. */
  readonly names: FieldNames;
  readonly thinking: ThinkingOptions;
  readonly sampling: Sampling;
  readonly stopTexts: readonly string[];
  /** Asks for the answer's logarithms of probabilities, and for so many of the likeliest at each token: 0 to 20. */
  readonly topLogprobs?: number;
  /** The form that the answer has to have. Absent: any text. */
  readonly structure?: AnswerStructure;
  /** Minimum: 1. */
  readonly samples: number;
}

/** Who set a limit: a field of the request by its name, `default`, or what made it shrink. */
export interface SetBy {
  readonly min_tokens: string;
  readonly max_tokens: string;
  readonly waits: string;
  readonly max_answer_tokens: string;
}

export interface GenerationContext {
  readonly requestId: string;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** A request under way. */
export interface RunningGeneration {
  readonly samples: number;
  /** What is left of the key's limits. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the thoughts are kept from the client. They are counted all the same. */
  readonly excludeThinking: boolean;
  readonly promptTokens: number;
  readonly limits: Limits;
  readonly shrunk: readonly Shrink[];
  readonly setBy: SetBy;
  /** What the load made of the request. Absent: nobody looks at it. */
  readonly load: LoadReport | undefined;
  /** What the samples give, as it comes. */
  readonly events: AsyncGenerator<{ readonly index: number; readonly value: GenerationEvent }>;
  /** The client went away: everything of it ends. */
  readonly cancel: () => void;
}

/** What a request says of its thinking, whatever the dialect. */
export interface ThinkingOptions {
  /** At most, and which field said so; an effort is a preference that may shrink to fit. */
  readonly maximum: { readonly field: string; readonly tokens: number; readonly effort: boolean } | undefined;
  readonly minTokens: number | undefined;
  readonly waits: number | undefined;
  readonly waitText: string | undefined;
  readonly softLanding: number | undefined;
  readonly detectLoops: boolean | undefined;
  readonly deadlineMs: number | undefined;
  /** Whether the maximum may shrink under load, and how far. `undefined`: nothing was said. */
  readonly elastic: { readonly allowed: boolean; readonly floorTokens: number | undefined } | undefined;
  /** Whether the thoughts are kept from the client. */
  readonly exclude: boolean;
}
