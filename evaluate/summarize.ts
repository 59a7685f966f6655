import { type Condition, conditionId } from './conditions.ts';
import { type Method, methods } from './methods.ts';
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
  /** The budget, the number of Waits, steps or samples, or a word. */
  readonly setting: number | string;
  readonly accuracy: Accuracy;
  /** Difference to the natural run, paired by question. `undefined` for the natural run itself. */
  readonly gain: Gain | undefined;
  readonly thinkingTokens: number;
  readonly spentTokens: number;
  readonly forcedTokens: number;
  readonly medianMs: number;
  /** Share of questions within the budget. */
  readonly control: number;
  readonly dollarsPerAnswer: number | undefined;
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
  const naturalTokensOf = new Map(
    natural.map((result) => [`${result.question}|${result.seed}`, result.thinkingTokens]),
  );
  const add = (
    id: string,
    method: string,
    setting: number | string,
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
      dollarsPerAnswer: dollarsPerMillionTokens === undefined ? undefined : (spent * dollarsPerMillionTokens) / 1e6,
      dollarsPerRightAnswer:
        dollarsPerMillionTokens === undefined || accuracy.right === 0
          ? undefined
          : ((spent * judged.length) / accuracy.right / 1e6) * dollarsPerMillionTokens,
    });
  };

  for (const condition of conditions) {
    const id = conditionId(condition);
    const found = of(id);
    if (condition.method === 'natural') {
      add(id, 'natural', 1, natural);
      for (let samples = 2; samples <= condition.samples; samples++) {
        add(`vote-${samples}`, 'vote', samples, votes(found, samples));
      }
      continue;
    }
    const { setting = 0 } = condition;
    const { bounds }: Method = methods[condition.method];
    add(id, condition.method, setting, found, ({ waits, question, seed }) => {
      const naturalTokens = naturalTokensOf.get(`${question}|${seed}`);
      return bounds?.(setting, { waits, naturalTokens }) ?? {};
    });
  }
  // The natural run with its text cut at the budget and no forced answer: it has an answer only if the thought had ended.
  for (const condition of conditions) {
    if (condition.method !== 'budget') continue;
    const budget = Number(condition.setting);
    const cut = natural.map((result) => {
      const ended = result.thinkingTokens <= budget;
      return {
        ...result,
        correct: ended && result.correct,
        thinkingTokens: Math.min(result.thinkingTokens, budget),
      };
    });
    add(`cut-text-${budget}`, 'cut-text', budget, cut, () => ({ max: budget }));
  }
  return { rows, methods: metricsOf(rows) };
}

type Judged = Pick<
  Result,
  'question' | 'seed' | 'waits' | 'correct' | 'thinkingTokens' | 'spentTokens' | 'forcedTokens' | 'ms'
>;

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
        seed: one.seed,
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
