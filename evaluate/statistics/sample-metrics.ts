import type { Interval, QuestionValue } from './clusters.ts';
import { consensusAtK, majorityAtK, passAtK, type Sample } from './samples-at-k.ts';
import { scoreInterval } from './wilson.ts';

/** An accuracy with its 95 % interval. Shares, 0 to 1. */
export type Share = Interval & { readonly share: number };

/** What k samples of a question are worth: means over questions and seeds of estimates without bias. */
export interface SampleMetrics {
  readonly k: number;
  /** At least one of k is right. */
  readonly pass: Share;
  /** The most frequent answer of k is right. */
  readonly majority: Share;
  /** More than half of k agree on the right answer. */
  readonly consensus: Share;
}

interface Answer extends Sample {
  readonly question: string;
  readonly seed: number;
}

/** Metrics for k = 1, 2, 4, … and all samples, from the answers that have as many. Empty for fewer than two samples. */
export function sampleMetrics(answers: readonly Answer[]): readonly SampleMetrics[] {
  const groups = [...Map.groupBy(answers, ({ question, seed }) => `${seed}|${question}`).values()];
  // In a folder whose samples are being extended, a group may have fewer than the others.
  const least = Math.min(...groups.map(({ length }) => length));
  if (groups.length === 0 || least < 2) return [];
  const powers = Array.from({ length: Math.ceil(Math.log2(least)) }, (_, power) => 2 ** power);
  return [...powers, least].map((k) => {
    const over = (estimate: (samples: readonly Sample[], k: number) => number | undefined): Share => {
      const values = groups.map(
        (group): QuestionValue => ({ question: group[0]?.question ?? '', value: estimate(group, k) ?? 0 }),
      );
      return scoreInterval(values);
    };
    return { k, pass: over(passAtK), majority: over(majorityAtK), consensus: over(consensusAtK) };
  });
}
