import type { MovedPlan, WrittenText } from '../forcing/plan.ts';
import type { FallbackGap } from '../settings/fallback-settings.ts';
import type { SegmentModel } from '../upstream/segment-model.ts';
import type { LookUp } from './retrieval.ts';

/** Why a fallback does not take a request, although it may be up. */
export type PassedOverReason =
  | FallbackGap
  /** The request gives or wants token ids, which another vocabulary does not have. */
  | 'token_ids'
  /** The request has tools, which the other model's family cannot call. */
  | 'tools'
  /** Only its server could decode its ids. */
  | 'text'
  /** Prompt, rest of the budget and answer exceed its window. */
  | 'window'
  /** Its ids cannot be made: a control token is missing, or its server does not tokenize. */
  | 'tokenizer';

/** An upstream on which a generation may run: the model's own, or a fallback. */
export interface FailoverTarget {
  /** Id of a model, or the name of a fallback. */
  readonly name: string;
  readonly segments: SegmentModel;
  /** Whether its breaker lets a call pass. */
  readonly isAvailable: () => boolean;
  /** Number that targets of the same vocabulary share: the ids of one are valid at the other. */
  readonly vocabulary: number;
  /** Looks documents up for the thought, in its own ids. If omitted, none are looked up while the model thinks. */
  readonly lookUp?: LookUp | undefined;
  /** Why it cannot take this request. `undefined`: it can. */
  readonly unfit: PassedOverReason | undefined;
  /**
   * Encodes the prompt and the text so far in its own ids.
   *
   * @returns a reason if it cannot take the request
   */
  readonly move: (written: WrittenText, roomNeeded: number) => Promise<MovedPlan | PassedOverReason>;
}

/** How the targets of a request are used. */
export interface FailoverPlan {
  /** The model's own upstream first, then its fallbacks. At least two. */
  readonly targets: readonly [FailoverTarget, ...FailoverTarget[]];
  /** Time without a first chunk after which the next target is called as well, in milliseconds. If omitted, it is not. */
  readonly hedgeAfterMs?: number | undefined;
  /** Called for each move to another target. */
  readonly onMove?:
    | ((move: { readonly from: string; readonly to: string; readonly because: string }) => void)
    | undefined;
}
