import { type Condition, conditionId } from './conditions.ts';
import {
  type Accuracy,
  accuracyOf,
  control,
  type Gain,
  gainOver,
  majority,
  type Point,
  performanceOf,
  scaling,
} from './metrics.ts';
import type { Result } from './results.ts';

/** Results of one condition. Token counts are means over its questions. */
export interface Row {
  readonly id: string;
  readonly method: string;
  /** The budget, the number of Waits or of samples. */
  readonly setting: number;
  readonly accuracy: Accuracy;
  /** Difference to the natural run, paired by question. `undefined` for the natural run itself. */
  readonly gain: Gain | undefined;
  readonly thinkingTokens: number;
  readonly spentTokens: number;
  readonly forcedTokens: number;
  readonly medianMs: number;
  /** Share of questions within the budget. */
  readonly control: number;
  readonly dollarsPerRightAnswer: number | undefined;
}

interface MethodMetrics {
  readonly control: number;
  /** In percentage points per 1,000 thinking tokens; `null` for fewer than two budgets. */
  readonly scaling: number | null;
  readonly performance: number;
  readonly runs: number;
}

export interface Summary {
  readonly rows: readonly Row[];
  /** The three metrics of the s1 paper, for each method over its budgets. */
  readonly methods: Readonly<Record<string, MethodMetrics>>;
}

/** Summarizes the results. Pure: the same results give the same summary. */
export function summarize(
  conditions: readonly Condition[],
  results: readonly Result[],
  dollarsPerMillionTokens: number | undefined,
): Summary {
  const of = (id: string) => results.filter((result) => result.condition === id);
  const rows: Row[] = [];
  const natural = of('natural').filter((result) => result.sample === 0);
  const add = (
    id: string,
    method: string,
    setting: number,
    judged: readonly Judged[],
    bounds: (result: Judged) => { readonly min?: number; readonly max?: number } = () => ({}),
  ) => {
    if (judged.length === 0) return;
    const accuracy = accuracyOf(judged);
    const spent = mean(judged.map((result) => result.spentTokens));
    rows.push({
      id,
      method,
      setting,
      accuracy,
      gain: method === 'natural' ? undefined : gainOver(natural, judged),
      thinkingTokens: mean(judged.map((result) => result.thinkingTokens)),
      spentTokens: spent,
      forcedTokens: mean(judged.map((result) => result.forcedTokens)),
      medianMs: median(judged.map((result) => result.ms)),
      control: control(
        judged.map((result) => ({
          tokens: result.thinkingTokens,
          min: 0,
          max: Number.POSITIVE_INFINITY,
          ...bounds(result),
        })),
      ),
      dollarsPerRightAnswer:
        dollarsPerMillionTokens === undefined || accuracy.right === 0
          ? undefined
          : ((spent * judged.length) / accuracy.right / 1e6) * dollarsPerMillionTokens,
    });
  };

  for (const condition of conditions) {
    const id = conditionId(condition);
    const found = of(id);
    switch (condition.method) {
      case 'budget':
      case 'token-conditional':
      case 'rejection':
        add(id, condition.method, condition.budget, found, () => ({ max: condition.budget }));
        break;
      case 'wait':
        // Maximum, window or loop detection may leave no room for a Wait: the minimum was missed.
        add(id, 'wait', condition.waits, found, ({ waits }) =>
          waits < condition.waits ? { min: Number.POSITIVE_INFINITY } : {},
        );
        break;
      case 'natural':
        add(id, 'natural', 1, natural);
        for (let samples = 2; samples <= condition.samples; samples++) {
          add(`vote-${samples}`, 'vote', samples, votes(found, samples));
        }
        break;
    }
  }
  // The natural run with its text cut at the budget and no forced answer: it has an answer only if the thought had ended.
  for (const condition of conditions) {
    if (condition.method !== 'budget') continue;
    const cut = natural.map((result) => {
      const ended = result.thinkingTokens <= condition.budget;
      return {
        ...result,
        correct: ended && result.correct,
        thinkingTokens: Math.min(result.thinkingTokens, condition.budget),
      };
    });
    add(`cut-text-${condition.budget}`, 'cut-text', condition.budget, cut, () => ({ max: condition.budget }));
  }
  return { rows, methods: metricsOf(rows) };
}

type Judged = Pick<Result, 'question' | 'waits' | 'correct' | 'thinkingTokens' | 'spentTokens' | 'forcedTokens' | 'ms'>;

/** Vote of the first `samples` samples of each question and seed. Its token counts are the sums over the samples. */
function votes(results: readonly Result[], samples: number): readonly Judged[] {
  const groups = Object.values(Object.groupBy(results, (result) => `${result.question}|${result.seed}`));
  return groups.flatMap((group) => {
    const first = (group ?? []).filter((result) => result.sample < samples).toSorted((a, b) => a.sample - b.sample);
    const [one] = first;
    if (one === undefined || first.length < samples) return [];
    const sum = (of: (result: Result) => number) => first.reduce((total, result) => total + of(result), 0);
    return [
      {
        question: one.question,
        waits: one.waits,
        correct: majority(first)?.correct ?? false,
        thinkingTokens: sum((result) => result.thinkingTokens),
        spentTokens: sum((result) => result.spentTokens),
        forcedTokens: sum((result) => result.forcedTokens),
        ms: Math.max(...first.map((result) => result.ms)),
      },
    ];
  });
}

function metricsOf(rows: readonly Row[]): Readonly<Record<string, MethodMetrics>> {
  const methods = Object.groupBy(rows, (row) => row.method);
  const natural = methods['natural'] ?? [];
  return Object.fromEntries(
    Object.entries(methods).map(([method, own = []]) => {
      // Zero Waits and one sample are the natural run, so those two curves start there.
      const found = method === 'wait' || method === 'vote' ? [...natural, ...own] : own;
      const points: Point[] = found.map((row) => ({ tokens: row.thinkingTokens, accuracy: row.accuracy.share }));
      const questions = found.reduce((sum, row) => sum + row.accuracy.of, 0);
      const within = found.reduce((sum, row) => sum + row.control * row.accuracy.of, 0);
      return [
        method,
        {
          control: questions === 0 ? 1 : within / questions,
          scaling: scaling(points) ?? null,
          performance: performanceOf(points),
          runs: found.length,
        },
      ];
    }),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
