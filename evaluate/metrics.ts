import type { Result } from './results.ts';
import type { QuestionValue } from './statistics/clusters.ts';
import { type PairedDifference, pairedDifference } from './statistics/paired-difference.ts';
import { scoreInterval } from './statistics/wilson.ts';

/** Accuracy with a 95 % interval. Shares, 0 to 1. */
export interface Accuracy {
  readonly right: number;
  readonly of: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** Whether an answer to a question was right. */
export interface Judgement {
  readonly question: string;
  readonly correct: boolean;
}

/**
 * Accuracy with Wilson's score interval for the number of independent answers. Answers to the same question under several seeds are not
 * independent, so that more seeds never make it surer than more questions would.
 *
 * Source: Wilson 1927, doi:10.1080/01621459.1927.10502953; see `independentAnswers`.
 */
export function accuracyOf(judgements: readonly Judgement[]): Accuracy {
  const of = judgements.length;
  if (of === 0) return { right: 0, of, share: 0, low: 0, high: 1 };
  const right = judgements.filter(({ correct }) => correct).length;
  return { right, of, ...scoreInterval(toValues(judgements)) };
}

/** A difference of two accuracies with a 95 % interval. Shares, -1 to 1. */
export type Gain = PairedDifference;

/**
 * Difference of accuracy to `base` on the questions that both answered. Paired by question, so that differences in difficulty do not
 * widen the interval. `undefined` for fewer than two questions.
 */
export function gainOver(base: readonly Judgement[], judgements: readonly Judgement[]): Gain | undefined {
  const gain = pairedDifference(toValues(base), toValues(judgements));
  return gain === undefined || gain.questions < 2 ? undefined : gain;
}

function toValues(judgements: readonly Judgement[]): readonly QuestionValue[] {
  return judgements.map(({ question, correct }) => ({ question, value: Number(correct) }));
}

/** One run at one budget: a point of a curve. */
export interface Point {
  /** Mean thinking tokens. */
  readonly tokens: number;
  /** Accuracy, 0 to 1. */
  readonly accuracy: number;
}

/**
 * Control of answers: the share of answers whose thinking tokens lie in [minimum, maximum]. 0 to 1. The paper's Control is the same
 * share of runs (`controlOfRuns`), so that one answer beyond the budget does not count if the mean is within it.
 *
 * Source of Control, Scaling and Performance: arXiv 2501.19393, section 3.2.
 */
export function control(
  runs: readonly { readonly tokens: number; readonly min: number; readonly max: number }[],
): number {
  if (runs.length === 0) return 1;
  return runs.filter(({ tokens, min, max }) => tokens >= min && tokens <= max).length / runs.length;
}

/** Mean thinking tokens of a run, and the bounds of its budget. */
export interface BoundedRun {
  readonly tokens: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Control of runs, the paper's metric: the share of runs whose mean thinking tokens lie in [minimum, maximum]. `undefined` if no run
 * has a bound in tokens.
 */
export function controlOfRuns(runs: readonly BoundedRun[]): number | undefined {
  const bounded = runs.filter(({ min, max }) => min > 0 || max < Number.POSITIVE_INFINITY);
  return bounded.length === 0 ? undefined : control(bounded);
}

/** Scaling: the mean over all pairs a < b of the slope (f(b) − f(a)) / (b − a), in percentage points per 1,000 thinking tokens. */
export function scaling(points: readonly Point[]): number | undefined {
  const slopes: number[] = [];
  for (const a of points) {
    for (const b of points) {
      if (a.tokens < b.tokens) slopes.push((b.accuracy - a.accuracy) / (b.tokens - a.tokens));
    }
  }
  if (slopes.length === 0) return undefined;
  return (slopes.reduce((sum, slope) => sum + slope, 0) / slopes.length) * 100 * 1_000;
}

/** Performance: the best accuracy of all runs. 0 to 1. */
export function performanceOf(points: readonly Point[]): number {
  return Math.max(0, ...points.map((point) => point.accuracy));
}

/** Majority vote: the sample with the most frequent key; of equally frequent keys, the first. */
export function majority(
  samples: readonly Pick<Result, 'key' | 'correct'>[],
): Pick<Result, 'key' | 'correct'> | undefined {
  const counts = new Map<string, number>();
  for (const { key } of samples) if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  const maxCount = Math.max(0, ...counts.values());
  return samples.find(({ key }) => key !== null && counts.get(key) === maxCount);
}
