import type { OutputPrefix, Turn } from '../forcing/format.ts';
import type { Limits } from '../forcing/report.ts';
import type { ToolUse } from '../formats/tools/tool.ts';
import type { ServedModel } from '../models/served-model.ts';
import type { RouteAttempt } from './route-account.ts';

/** How a request ended: with all its samples, because its client left or the server stopped, or with an error. */
export type Outcome = 'done' | 'aborted' | 'failed';

/** A range of a text that was forced, not sampled, in UTF-16 code units. */
export interface ForcedRange {
  readonly at: number;
  readonly length: number;
}

/** What a model wrote for one sample, with the thinking even if its client excludes it. */
export interface RecordedSample {
  readonly index: number;
  /** Id of the model whose answer it is. */
  readonly model: string;
  readonly thinking: string;
  readonly answer: string;
  readonly forced: { readonly thinking: readonly ForcedRange[]; readonly answer: readonly ForcedRange[] };
  /** Set if the answer is complete. Of a sample that was aborted, the counts are unknown. */
  readonly account?: {
    readonly thinking_tokens: number;
    readonly answer_tokens: number;
    readonly waits: number;
    readonly end_reason: string | null;
    readonly finish_reason: string | null;
    /** 0 to 1, if it was measured. */
    readonly confidence?: number;
  };
  /** The models of a route that worked on it. */
  readonly attempts?: readonly RouteAttempt[];
}

/** A request with all that its models wrote. */
export interface RecordedGeneration {
  /** What the first model saw. */
  readonly request: {
    readonly model: ServedModel;
    readonly turns: readonly Turn[];
    readonly tools: ToolUse | undefined;
    readonly prefix?: OutputPrefix;
  };
  /** The limits in force. */
  readonly limits: Limits;
  /** The rules by which thinking ended and answers were chosen (`policyName`). */
  readonly policy: string;
  readonly outcome: Outcome;
  /** By index. Of a vote, with those that did not win. */
  readonly samples: readonly RecordedSample[];
  /** Index of the sample in the response. `undefined` if the samples do not vote, or the vote was not decided. */
  readonly winner: number | undefined;
}

/** Receives a request when it ends. A request has one only if its client consented. */
export type GenerationRecorder = (recorded: RecordedGeneration) => Promise<void>;
