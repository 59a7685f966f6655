import { type Condition, conditionId } from '../conditions.ts';
import { type Accuracy, accuracyOf, type Gain, gainOver } from '../metrics.ts';
import type { Prices } from '../prices.ts';
import type { Result } from '../results.ts';
import type { Summary } from '../summarize.ts';
import { conditionOfAgainst } from './ask-against.ts';

/** The other API beside the conditions of this one. Means are per answer. */
export interface Comparison {
  readonly model: string;
  readonly accuracy: Accuracy;
  /** Mean tokens, of the answers with usage. `undefined` if none had usage. */
  readonly inputTokens: number | undefined;
  /** Thinking included. */
  readonly outputTokens: number | undefined;
  readonly medianMs: number;
  readonly dollarsPerAnswer: number | undefined;
  readonly dollarsPerRightAnswer: number | undefined;
  readonly pairs: readonly Pair[];
  /** What the figures do not include, in sentences. */
  readonly notes: readonly string[];
}

/** A condition of this deployment against the other API. */
export interface Pair {
  readonly condition: string;
  /** Accuracy of the condition minus that of the other API, paired by question. `undefined` for fewer than two common questions. */
  readonly gain: Gain | undefined;
  readonly dollarsPerRightAnswer: number | undefined;
  /** Requests per day above which the deployment is cheaper: per answer, and per right answer. */
  readonly breakEvenRequestsPerDay:
    | { readonly perAnswer: number; readonly perRightAnswer: number | undefined }
    | undefined;
}

export function compareAgainst(
  model: string,
  conditions: readonly Condition[],
  results: readonly Result[],
  summary: Summary,
  { againstPrice, dollarsPerHour }: Prices,
): Comparison | undefined {
  const others = results.filter(({ condition }) => condition === conditionOfAgainst(model));
  if (others.length === 0) return undefined;
  const accuracy = accuracyOf(others);
  const counted = others.filter(({ usage }) => usage !== null);
  const mean = (of: (result: Result) => number) =>
    counted.length === 0 ? undefined : counted.reduce((sum, result) => sum + of(result), 0) / counted.length;
  const inputTokens = mean(({ promptTokens }) => promptTokens);
  const outputTokens = mean(({ spentTokens }) => spentTokens);
  const dollarsPerAnswer =
    againstPrice === undefined || inputTokens === undefined || outputTokens === undefined
      ? undefined
      : (inputTokens * againstPrice.input + outputTokens * againstPrice.output) / 1e6;
  const times = others.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return {
    model,
    accuracy,
    inputTokens,
    outputTokens,
    medianMs: times[Math.floor(times.length / 2)] ?? 0,
    dollarsPerAnswer,
    dollarsPerRightAnswer:
      dollarsPerAnswer === undefined || accuracy.share === 0 ? undefined : dollarsPerAnswer / accuracy.share,
    pairs: conditions.map((condition) => {
      const id = conditionId(condition);
      const own = results.filter((result) => result.condition === id && result.sample === 0);
      const share = own.length === 0 ? 0 : own.filter(({ correct }) => correct).length / own.length;
      return {
        condition: id,
        gain: gainOver(others, own),
        dollarsPerRightAnswer: summary.rows.find((row) => row.id === id)?.dollarsPerRightAnswer,
        breakEvenRequestsPerDay:
          dollarsPerHour === undefined || dollarsPerAnswer === undefined || dollarsPerAnswer === 0
            ? undefined
            : {
                perAnswer: (24 * dollarsPerHour) / dollarsPerAnswer,
                perRightAnswer:
                  share === 0 ? undefined : (24 * dollarsPerHour * accuracy.share) / (dollarsPerAnswer * share),
              },
      };
    }),
    notes: notesOf(others, counted.length, againstPrice !== undefined),
  };
}

function notesOf(others: readonly Result[], counted: number, priced: boolean): readonly string[] {
  const incomplete = Object.entries(Object.groupBy(others, ({ note }) => note ?? '')).filter(([note]) => note !== '');
  return [
    counted === others.length
      ? undefined
      : counted === 0
        ? `None of the ${others.length} answers had usage: their tokens and dollars are unknown.`
        : `${others.length - counted} of ${others.length} answers had no usage: tokens and dollars are means of the others.`,
    priced ? undefined : 'Dollars are unknown: give the prices with --against-price INPUT,OUTPUT.',
    ...incomplete.map(([note, answers = []]) => `${answers.length} of ${others.length} answers: ${note}`),
  ].filter((note) => note !== undefined);
}
