import type { Result } from './results.ts';

/** Accuracy with a 95 % interval. Shares, 0 to 1. */
export interface Accuracy {
  readonly right: number;
  readonly of: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** The 97.5 % quantile of the normal distribution. */
const Z = 1.959964;

/** Whether an answer to a question was right. */
export interface Judgement {
  readonly question: string;
  readonly correct: boolean;
}

/**
 * Accuracy with Wilson's score interval, which is valid near 0 and 1 and for few questions. Answers to the same question under
 * several seeds are not independent: they count as many as the spread between questions allows.
 *
 * Sources: Wilson 1927, doi:10.1080/01621459.1927.10502953; effective sample size as in Kish 1965, Survey Sampling, section 5.4.
 */
export function accuracyOf(judgements: readonly Judgement[]): Accuracy {
  const of = judgements.length;
  if (of === 0) return { right: 0, of, share: 0, low: 0, high: 1 };
  const right = judgements.filter(({ correct }) => correct).length;
  const share = right / of;
  const { squares, count } = overQuestions(
    judgements.map(({ question, correct }) => ({ question, value: Number(correct) })),
  );
  const independent = squares > 0 ? Math.min(of, (share * (1 - share) * count ** 2) / squares) : of;
  const spread = Z * Math.sqrt((share * (1 - share)) / independent + (Z * Z) / (4 * independent * independent));
  const scale = 1 + (Z * Z) / independent;
  const middle = share + (Z * Z) / (2 * independent);
  return {
    right,
    of,
    share,
    low: Math.max(0, (middle - spread) / scale),
    high: Math.min(1, (middle + spread) / scale),
  };
}

/** A difference of two accuracies with a 95 % interval. Shares, -1 to 1. */
export interface Gain {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Difference of accuracy to `base` on the questions that both answered. Paired by question, so that differences in difficulty do not
 * widen the interval. `undefined` for fewer than two questions.
 */
export function gainOver(base: readonly Judgement[], judgements: readonly Judgement[]): Gain | undefined {
  const before = sharesOf(base);
  const values = [...sharesOf(judgements)].flatMap(([question, share]) => {
    const other = before.get(question);
    return other === undefined ? [] : [{ question, value: share - other }];
  });
  if (values.length < 2) return undefined;
  const { mean, squares, count } = overQuestions(values);
  const spread = Z * Math.sqrt(squares / (count - 1) / count);
  return { share: mean, low: mean - spread, high: mean + spread };
}

function sharesOf(judgements: readonly Judgement[]): ReadonlyMap<string, number> {
  const groups = Object.entries(Object.groupBy(judgements, ({ question }) => question));
  return new Map(
    groups.map(([question, own = []]) => [question, own.filter(({ correct }) => correct).length / own.length]),
  );
}

/** The mean of the questions' means, and the sum of their squared distances from it. */
function overQuestions(values: readonly { readonly question: string; readonly value: number }[]) {
  const groups = Object.values(Object.groupBy(values, ({ question }) => question));
  const means = groups.map((own = []) => own.reduce((sum, { value }) => sum + value, 0) / own.length);
  const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
  return { mean, squares: means.reduce((sum, value) => sum + (value - mean) ** 2, 0), count: means.length };
}

/** One run at one budget: a point of a curve. */
export interface Point {
  /** Mean thinking tokens. */
  readonly tokens: number;
  /** Accuracy, 0 to 1. */
  readonly accuracy: number;
}

/**
 * Control: the share of runs whose thinking tokens lie in [minimum, maximum]. 0 to 1.
 *
 * Source of Control, Scaling and Performance: arXiv 2501.19393, section 3.2.
 */
export function control(
  runs: readonly { readonly tokens: number; readonly min: number; readonly max: number }[],
): number {
  if (runs.length === 0) return 1;
  return runs.filter(({ tokens, min, max }) => tokens >= min && tokens <= max).length / runs.length;
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
