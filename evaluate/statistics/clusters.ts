/** The 97.5 % quantile of the normal distribution. */
export const Z = 1.959963984540054;

/** A 95 % confidence interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A value of one answer to a question. Answers to the same question are not independent. */
export interface QuestionValue {
  readonly question: string;
  readonly value: number;
}

/** The answers to one question. */
export interface Cluster {
  readonly question: string;
  readonly sum: number;
  readonly count: number;
}

/** Groups values by question. */
export function clustersOf(values: readonly QuestionValue[]): readonly Cluster[] {
  const clusters = new Map<string, { question: string; sum: number; count: number }>();
  for (const { question, value } of values) {
    const cluster = clusters.get(question);
    if (cluster === undefined) clusters.set(question, { question, sum: value, count: 1 });
    else {
      cluster.sum += value;
      cluster.count++;
    }
  }
  return [...clusters.values()];
}
