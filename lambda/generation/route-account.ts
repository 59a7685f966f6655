import type { Shrink } from '../forcing/settle-limits.ts';
import type { LoadReport } from '../scaling/admission-gate.ts';
import type { SetBy } from './set-by.ts';

/** Why a model was asked: it is the first; the one before was unsure, or its samples disagreed; or the one before failed. */
export type AttemptReason = 'first' | 'unsure' | 'disagree' | 'failed';

/** One model of a route that was asked for a sample. */
export interface RouteAttempt {
  readonly model: string;
  readonly reason: AttemptReason;
  /** 0 if the model was not reached. */
  readonly promptTokens: number;
  /** Thinking and answer of all its samples (several if they had to agree), whether they are part of the answer or not. */
  readonly completionTokens: number;
  /** Tokens of the probes of all its samples. They count in no budget. */
  readonly probeTokens: number;
  /** 0 to 1. `undefined` if it was not measured. */
  readonly confidence: number | undefined;
  /** `error.code` of its failure. `undefined` if it did not fail. */
  readonly failure: string | undefined;
}

/** What a model was admitted with. */
export interface AttemptLimits {
  readonly model: string;
  readonly shrunk: readonly Shrink[];
  readonly setBy: SetBy;
  readonly load: LoadReport | undefined;
}

/** How a sample of a route was answered. */
export interface RouteAccount {
  readonly id: string;
  /** In order. */
  readonly attempts: readonly RouteAttempt[];
  /** The model whose answer it is. */
  readonly answered: AttemptLimits;
  readonly keptBecause: KeptBecause | undefined;
}

/**
 * Why the answer of a model went out although it was not found to be sure: every further model failed, or the budget of thinking was
 * used up. `unmeasured`: its server gave no log-probabilities, so it counts as sure.
 */
export type KeptBecause = 'failed' | 'budget' | 'unmeasured';
