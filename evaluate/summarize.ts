import * as z from 'zod';
import { type Condition, conditionId } from './conditions.ts';
import { dollarsOfAnswer, type ModelPrices, processedTokens } from './cost.ts';
import { type Bounds, type Method, methods } from './methods.ts';
import {
  type Accuracy,
  accuracyOf,
  type BoundedRun,
  control,
  controlOfRuns,
  type Gain,
  gainOver,
  majority,
  type Point,
  performanceOf,
  scaling,
} from './metrics.ts';
import { type TokenPrice, tokenPrice } from './prices.ts';
import type { Result } from './results.ts';
import { type Saving, savingsOf } from './savings.ts';
import { bootstrapRatio } from './statistics/bootstrap.ts';
import type { Interval } from './statistics/clusters.ts';
import { type SampleMetrics, sampleMetrics } from './statistics/sample-metrics.ts';

/** Results of one condition. Token counts are means over its questions. */
export interface Row {
  readonly id: string;
  readonly method: string;
  /** The budget, the number of Waits, steps or samples, or a word. */
  readonly setting: number | string;
  /** Maximum tokens of passages in the prompt. `undefined` if nothing was looked up. */
  readonly retrieval?: number | undefined;
  /** Tokens of passages that were read, mean. Only with `retrieval`. */
  readonly retrievedTokens?: number | undefined;
  readonly accuracy: Accuracy;
  /** Difference to the natural run, paired by question. `undefined` for the natural run itself. */
  readonly gain: Gain | undefined;
  readonly thinkingTokens: number;
  /** Interval of the mean, by the bootstrap over questions. `undefined` for one question. */
  readonly thinkingTokensInterval: Interval | undefined;
  /** Sampled tokens of all calls and attempts. */
  readonly spentTokens: number;
  /** Evaluated prompt tokens of all calls and attempts. */
  readonly promptTokens: number;
  readonly forcedTokens: number;
  readonly medianMs: number;
  /** Share of answers within the budget. */
  readonly control: number;
  /** Whether the mean thinking tokens are within the budget, as the paper's Control counts. `undefined` without a bound in tokens. */
  readonly runInBudget: boolean | undefined;
  /** All sampled tokens over the right answers. `undefined` if no answer is right. */
  readonly tokensPerRightAnswer: number | undefined;
  readonly dollarsPerAnswer: number | undefined;
  readonly dollarsPerRightAnswer: number | undefined;
  /** By the bootstrap over questions. JSON has `null` for an infinite end: a resample may have no right answer. */
  readonly dollarsPerRightAnswerInterval: Interval | undefined;
}

interface MethodMetrics {
  /** Share of answers within the budget. */
  readonly control: number;
  /** Share of runs whose mean is within the budget: the paper's Control. `null` without a bound in tokens. */
  readonly controlOfRuns: number | null;
  /** In percentage points per 1,000 thinking tokens; `null` for fewer than two budgets. */
  readonly scaling: number | null;
  readonly performance: number;
  readonly runs: number;
}

export interface Summary {
  readonly rows: readonly Row[];
  /** The three metrics of the s1 paper, for each method over its budgets. */
  readonly methods: Readonly<Record<string, MethodMetrics>>;
  /** Rules that are to save tokens, against what they replace. */
  readonly savings: readonly Saving[];
  /** pass@k, maj@k and cons@k of the natural run's samples. Empty for one sample. */
  readonly samples: readonly SampleMetrics[];
}

/** Summarizes the results. Pure: the same results give the same summary. */
export function summarize(
  conditions: readonly Condition[],
  results: readonly Result[],
  dollarsPerMillionTokens: number | TokenPrice | undefined,
  modelPrices: ModelPrices = {},
): Summary {
  const price = tokenPrice(dollarsPerMillionTokens);
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
    bounds: (result: Pick<Judged, 'question' | 'seed' | 'waits'>) => Bounds = () => ({}),
    /** Bounds of the run: of its mean thinking tokens. */
    runBounds: Bounds = {},
    retrieval: number | undefined = undefined,
  ) => {
    if (judged.length === 0) return;
    const accuracy = accuracyOf(judged);
    const thinkingTokens = mean(judged.map((result) => result.thinkingTokens));
    const dollars = (result: Judged) => (price === undefined ? 0 : dollarsOfAnswer(result, price, modelPrices));
    const allDollars = judged.reduce((sum, result) => sum + dollars(result), 0);
    rows.push({
      id,
      method,
      setting,
      ...(retrieval === undefined ? {} : { retrieval, retrievedTokens: mean(judged.map(retrievedTokens)) }),
      accuracy,
      gain: id === 'natural' ? undefined : gainOver(natural, judged),
      thinkingTokens,
      thinkingTokensInterval: ratioInterval(
        judged,
        (result) => result.thinkingTokens,
        () => 1,
      ),
      spentTokens: mean(judged.map((result) => result.spentTokens)),
      promptTokens: mean(judged.map((result) => result.promptTokens)),
      forcedTokens: mean(judged.map((result) => result.forcedTokens)),
      medianMs: median(judged.map((result) => result.ms)),
      control: control(
        judged.map((result) => ({
          tokens: result.thinkingTokens,
          ...NO_BOUNDS,
          ...bounds(result),
        })),
      ),
      runInBudget: runInBudget({ tokens: thinkingTokens, ...NO_BOUNDS, ...runBounds }),
      tokensPerRightAnswer:
        accuracy.right === 0
          ? undefined
          : (mean(judged.map((result) => result.spentTokens)) * judged.length) / accuracy.right,
      dollarsPerAnswer: price === undefined ? undefined : allDollars / judged.length,
      dollarsPerRightAnswer: price === undefined || accuracy.right === 0 ? undefined : allDollars / accuracy.right,
      dollarsPerRightAnswerInterval:
        price === undefined || accuracy.right === 0
          ? undefined
          : ratioInterval(judged, dollars, ({ correct }) => Number(correct)),
    });
  };

  for (const condition of conditions) {
    const id = conditionId(condition);
    const found = of(id);
    if (condition.method === 'natural' && condition.retrieval === undefined) {
      add(id, 'natural', 1, natural);
      for (let samples = 2; samples <= condition.samples; samples++) {
        add(`vote-${samples}`, 'vote', samples, votes(found, samples));
      }
      continue;
    }
    const { setting = condition.method === 'natural' ? 1 : 0, retrieval } = condition;
    const { bounds }: Method = methods[condition.method];
    const naturalMean = natural.length === 0 ? undefined : mean(natural.map((result) => result.thinkingTokens));
    add(
      id,
      condition.method,
      setting,
      // The samples of a vote are those of the natural run.
      found.filter((result) => condition.method !== 'natural' || result.sample === 0),
      ({ waits, question, seed }) => {
        const naturalTokens = naturalTokensOf.get(`${question}|${seed}`);
        return bounds?.(setting, { waits, naturalTokens }) ?? {};
      },
      bounds?.(setting, { waits: Number.POSITIVE_INFINITY, naturalTokens: naturalMean }),
      retrieval,
    );
  }
  // The natural run with its text cut at the budget and no forced answer: it has an answer only if the thought had ended.
  for (const condition of conditions) {
    if (condition.method !== 'budget' || condition.retrieval !== undefined) continue;
    const budget = Number(condition.setting);
    const cut = natural.map((result) => {
      const ended = result.thinkingTokens <= budget;
      return {
        ...result,
        correct: ended && result.correct,
        thinkingTokens: Math.min(result.thinkingTokens, budget),
        // The rest of the natural run would not have been asked for.
        spentTokens: ended ? result.spentTokens : budget,
        promptTokens: ended ? result.promptTokens : firstPrompt(result),
        forcedTokens: ended ? result.forcedTokens : 0,
      };
    });
    add(`cut-text-${budget}`, 'cut-text', budget, cut, () => ({ max: budget }), { max: budget });
  }
  return {
    rows,
    methods: metricsOf(rows),
    savings: savingsOf(
      conditions.filter(({ retrieval }) => retrieval === undefined),
      results,
      rows,
    ),
    samples: sampleMetrics(of('natural')),
  };
}

type Judged = Pick<
  Result,
  | 'question'
  | 'seed'
  | 'waits'
  | 'correct'
  | 'thinkingTokens'
  | 'spentTokens'
  | 'promptTokens'
  | 'forcedTokens'
  | 'ms'
  | 'model'
  | 'report'
>;

const NO_BOUNDS = { min: 0, max: Number.POSITIVE_INFINITY };

function runInBudget(run: BoundedRun): boolean | undefined {
  const share = controlOfRuns([run]);
  return share === undefined ? undefined : share === 1;
}

/** Interval of Σ numerator / Σ denominator, by the bootstrap over questions. */
function ratioInterval(
  judged: readonly Judged[],
  numerator: (result: Judged) => number,
  denominator: (result: Judged) => number,
): Interval | undefined {
  const questions = Map.groupBy(judged, ({ question }) => question);
  const sum = (own: readonly Judged[], of: (result: Judged) => number) =>
    own.reduce((total, result) => total + of(result), 0);
  return bootstrapRatio(
    [...questions.values()].map((own) => ({ numerator: sum(own, numerator), denominator: sum(own, denominator) })),
  );
}

/** Prompt tokens of the first call: the prompt without anything thought. */
function firstPrompt({ report, promptTokens }: Result): number {
  const calls = report?.['calls'];
  const first = Array.isArray(calls) ? processedTokens({ calls: calls.slice(0, 1) }) : undefined;
  return first?.prompt ?? promptTokens;
}

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
        promptTokens: sum((result) => result.promptTokens),
        forcedTokens: sum((result) => result.forcedTokens),
        ms: Math.max(...first.map((result) => result.ms)),
        model: one.model,
        // Samples of a route may have had different models.
        report: null,
      },
    ];
  });
}

function metricsOf(rows: readonly Row[]): Readonly<Record<string, MethodMetrics>> {
  const methods = Object.groupBy(rows, ({ method, retrieval }) =>
    retrieval === undefined ? method : `${method}+retrieval-${retrieval}`,
  );
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
          controlOfRuns: shareOfRuns(own),
          scaling: scaling(points) ?? null,
          performance: performanceOf(points),
          runs: found.length,
        },
      ];
    }),
  );
}

/** Share of the runs with a bound in tokens that keep it. */
function shareOfRuns(rows: readonly Row[]): number | null {
  const bounded = rows.flatMap(({ runInBudget: kept }) => (kept === undefined ? [] : [kept]));
  return bounded.length === 0 ? null : bounded.filter((kept) => kept).length / bounded.length;
}

/** Tokens of the passages that an answer read, by its report. */
function retrievedTokens({ report }: Pick<Judged, 'report'>): number {
  const parsed = retrievalSchema.safeParse(report);
  return parsed.success ? parsed.data.retrieval.tokens : 0;
}

const retrievalSchema = z.looseObject({ retrieval: z.looseObject({ tokens: z.int() }) });

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
