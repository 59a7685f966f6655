import type { PassedOverReason } from './failover-target.ts';

/** Token counts and outcome of one call of the model. */
export interface SegmentAccount {
  /** `probe`: a short answer that is not part of the output. */
  readonly part: 'thinking' | 'answer' | 'probe';
  readonly promptTokens: number;
  /** Prompt tokens that the engine evaluated; the rest came from its prefix cache. `undefined` if the server does not report it. */
  readonly promptTokensEvaluated: number | undefined;
  /** Tokens that the model sampled. */
  readonly tokens: number;
  /** Thinking and answer tokens that the call added, with a "Wait" that was appended at its end. */
  readonly completionTokens: number;
  /** `error.code` of the failure, or `undefined` if the call succeeded. */
  readonly failure: string | undefined;
  /** Which upstream the call went to. `undefined` if the model has no fallbacks. */
  readonly upstream?: UpstreamAccount;
}

/** The upstream of a call, and why it was chosen. */
export interface UpstreamAccount {
  /** Id of a model, or the name of a fallback. */
  readonly name: string;
  /** Set on the first call after a move from another upstream. `because`: the failure there, `circuit_open` or `hedge`. */
  readonly move?:
    | { readonly from: string; readonly because: string; readonly continuedFrom: 'ids' | 'text' }
    | undefined;
  /** Fallbacks that could not take the request so far, and why. */
  readonly passedOver: readonly { readonly name: string; readonly because: PassedOverReason }[];
}
