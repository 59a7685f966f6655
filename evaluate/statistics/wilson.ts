import { type Cluster, clustersOf, type Interval, type QuestionValue, Z } from './clusters.ts';

/** Wilson's score interval of a share of `count` independent answers. `count` may be fractional. */
export function wilson(share: number, count: number): Interval {
  const spread = Z * Math.sqrt((share * (1 - share)) / count + (Z * Z) / (4 * count * count));
  const scale = 1 + (Z * Z) / count;
  const middle = share + (Z * Z) / (2 * count);
  return {
    low: share === 0 ? 0 : Math.max(0, (middle - spread) / scale),
    high: share === 1 ? 1 : Math.min(1, (middle + spread) / scale),
  };
}

/**
 * The number of independent answers that give the same certainty as these answers: between one for each question, if the answers to a
 * question always agree, and all, if they agree no more often than answers to different questions.
 *
 * The design effect compares the variance between questions with that of independent answers. Without a right (or wrong) answer there
 * is no variance to measure, and answers of one question may agree without limit, so that the number falls to that of the questions.
 * So that a single right answer does not make it jump, Z²/2 right and as many wrong questions are added to both variances, as the
 * interval of Agresti and Coull adds them to a proportion.
 *
 * Sources: Kish 1965, Survey Sampling, section 8.2 (design effect); Agresti and Coull 1998, doi:10.1080/00031305.1998.10480550.
 */
export function independentAnswers(clusters: readonly Cluster[]): number {
  const questions = clusters.length;
  const answers = clusters.reduce((sum, { count }) => sum + count, 0);
  const right = clusters.reduce((sum, { sum: own }) => sum + own, 0);
  const added = Z * Z;
  const total = questions + added;
  const perQuestion = answers / questions;
  const share = (right / perQuestion + added / 2) / total;
  const squares =
    clusters.reduce((sum, { sum: own, count }) => sum + ((own - share * count) / perQuestion) ** 2, 0) +
    (added / 2) * (share ** 2 + (1 - share) ** 2);
  const independent = (share * (1 - share) * total ** 2) / squares - added;
  return Math.min(answers, Math.max(1, independent));
}

/** The mean of values from 0 to 1, such as right answers or estimates of pass@k, with its score interval. At least one value. */
export function scoreInterval(values: readonly QuestionValue[]): Interval & { readonly share: number } {
  const share = values.reduce((sum, { value }) => sum + value, 0) / values.length;
  return { share, ...wilson(share, independentAnswers(clustersOf(values))) };
}
