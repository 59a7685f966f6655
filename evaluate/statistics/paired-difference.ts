import { type Cluster, clustersOf, type Interval, type QuestionValue } from './clusters.ts';
import { independentAnswers, wilson } from './wilson.ts';

/** A difference of two accuracies, -1 to 1, with a 95 % interval. */
export interface PairedDifference extends Interval {
  readonly share: number;
  /** Two-sided p-value of the exact McNemar test by question: how likely so uneven a change is if nothing differs. */
  readonly p: number;
  /** Questions that both answered. */
  readonly questions: number;
}

/**
 * The mean difference over the questions that both answered. `undefined` if there is none.
 *
 * The interval is Newcombe's for paired proportions (his method 10): each accuracy has its score interval, and the correlation of the
 * two over the questions narrows their difference. It holds for few questions, and where all answers are right, wrong or unchanged.
 * Several answers to a question count as their share, with as many independent answers as `independentAnswers` finds.
 *
 * Source: Newcombe 1998, doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.
 */
export function pairedDifference(
  base: readonly QuestionValue[],
  other: readonly QuestionValue[],
): PairedDifference | undefined {
  const before = new Map(clustersOf(base).map((cluster) => [cluster.question, cluster]));
  const pairs = clustersOf(other).flatMap((after) => {
    const own = before.get(after.question);
    return own === undefined ? [] : [{ before: own, after }];
  });
  if (pairs.length === 0) return undefined;
  const a = scoreOf(pairs.map(({ after }) => after));
  const b = scoreOf(pairs.map((pair) => pair.before));
  const r = correlation(a.shares, b.shares);
  const share = a.share - b.share;
  const distance = (x: number, y: number) => Math.sqrt(Math.max(0, x * x - 2 * r * x * y + y * y));
  return {
    share,
    low: Math.max(-1, share - distance(a.share - a.low, b.high - b.share)),
    high: Math.min(1, share + distance(a.high - a.share, b.share - b.low)),
    p: mcNemar(pairs.map((_, index) => (a.shares[index] ?? 0) - (b.shares[index] ?? 0))),
    questions: pairs.length,
  };
}

/** Accuracy as the mean of the questions' shares, with its score interval. */
function scoreOf(clusters: readonly Cluster[]) {
  const shares = clusters.map(({ sum, count }) => sum / count);
  const share = shares.reduce((sum, value) => sum + value, 0) / shares.length;
  return { shares, share, ...wilson(share, independentAnswers(clusters)) };
}

/** Correlation of the questions' shares, corrected for continuity as in Newcombe's method. 0 if one of them does not vary. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const n = a.length;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / n;
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = mean(a.map((value, index) => (value - meanA) * ((b[index] ?? 0) - meanB)));
  const variances = mean(a.map((value) => (value - meanA) ** 2)) * mean(b.map((value) => (value - meanB) ** 2));
  if (variances <= 1e-24) return 0;
  const corrected = covariance > 0 ? Math.max(0, covariance - 1 / (2 * n)) : covariance;
  return Math.max(-1, Math.min(1, corrected / Math.sqrt(variances)));
}

/**
 * The exact McNemar test: of the questions whose share changed, as many should have risen as fallen. With several answers to a
 * question it is the sign test over questions.
 *
 * @param differences one for each question
 */
export function mcNemar(differences: readonly number[]): number {
  const rose = differences.filter((difference) => difference > 1e-12).length;
  const fell = differences.filter((difference) => difference < -1e-12).length;
  const changed = rose + fell;
  let tail = 0;
  // The logarithm, since 0.5^n is 0 in floating point for n above 1,074.
  let logTerm = -changed * Math.LN2;
  for (let k = 0; k <= Math.min(rose, fell); k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log((changed - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}
