import type { ConfidenceMeasure } from '../../lambda/forcing/confidence.ts';
import type { Confidences } from './measure-passes.ts';

/** One question and seed of the calibration half: the natural thought, and the same with one Wait. Tokens are all that were sampled. */
export interface Trial {
  readonly confidences: Confidences;
  readonly natural: Outcome;
  readonly wait: Outcome;
}

export interface Outcome {
  readonly right: boolean;
  readonly tokens: number;
}

/** What a threshold would have given on the calibration half. */
export interface ThresholdPoint {
  /** Confidence below which the Wait comes. 0: never. */
  readonly unsureBelow: number;
  /** Share of right answers. */
  readonly accuracy: number;
  readonly meanTokens: number;
  /** Share of thoughts with a Wait. */
  readonly waits: number;
}

export interface ChosenThreshold extends ThresholdPoint {
  readonly measure: ConfidenceMeasure;
}

/**
 * What each threshold gives: 0, the middle between each two successive confidences, and 1. In ascending order. A threshold has four
 * digits, as it is written to the config, and its figures are those of the rounded value. Empty if a thought has no value of the measure.
 */
export function thresholdCurve(trials: readonly Trial[], measure: ConfidenceMeasure): readonly ThresholdPoint[] {
  const valued = trials.flatMap(({ confidences, ...outcomes }) => {
    const value = confidences[measure];
    return value === undefined ? [] : [{ value, ...outcomes }];
  });
  if (valued.length === 0 || valued.length < trials.length) return [];
  const values = [...new Set(valued.map(({ value }) => value))].toSorted((a, b) => a - b);
  const middles = values.slice(1).map((value, index) => round((value + (values[index] ?? value)) / 2));
  return [...new Set([0, ...middles, 1])].map((unsureBelow) => {
    const outcomes = valued.map(({ value, natural, wait }) => (value < unsureBelow ? wait : natural));
    return {
      unsureBelow,
      accuracy: mean(outcomes.map(({ right }) => Number(right))),
      meanTokens: mean(outcomes.map(({ tokens }) => tokens)),
      waits: mean(valued.map(({ value }) => Number(value < unsureBelow))),
    };
  });
}

/**
 * Chooses the cheapest threshold whose accuracy is within the tolerance of the best one. Of equal cost, the more accurate one.
 *
 * @param tolerance share of right answers, for example 0.005
 */
export function chooseThreshold(curve: readonly ThresholdPoint[], tolerance: number): ThresholdPoint | undefined {
  const best = Math.max(...curve.map(({ accuracy }) => accuracy));
  const [chosen] = curve
    .filter(({ accuracy }) => accuracy >= best - tolerance - 1e-12)
    .toSorted((a, b) => a.meanTokens - b.meanTokens || b.accuracy - a.accuracy);
  return chosen;
}

/** Share of the tokens that a later measure must save to be preferred: smaller differences are noise. */
const LEAST_SAVING = 0.05;

/**
 * Chooses the measure: of those whose accuracy is within the tolerance of the best one, the first of the list that needs at most 5 %
 * more tokens than the cheapest. So measures that need less of the server come first.
 */
export function chooseMeasure(chosen: readonly ChosenThreshold[], tolerance: number): ChosenThreshold | undefined {
  const cheapest = chooseThreshold(chosen, tolerance);
  if (cheapest === undefined) return undefined;
  const best = Math.max(...chosen.map(({ accuracy }) => accuracy));
  return chosen.find(
    ({ accuracy, meanTokens }) =>
      accuracy >= best - tolerance - 1e-12 && meanTokens * (1 - LEAST_SAVING) <= cheapest.meanTokens,
  );
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
