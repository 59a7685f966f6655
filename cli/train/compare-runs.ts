import type { ResultFolder } from '../../evaluate/folder/result-folder.ts';
import type { Result } from '../../evaluate/results.ts';
import { type PairedDifference, pairedDifference } from '../../evaluate/statistics/paired-difference.ts';
import { scoreInterval } from '../../evaluate/statistics/wilson.ts';

/** Accuracy under one condition of both runs. Shares from 0 to 1, with 95 % intervals. */
export interface ComparedCondition {
  readonly condition: string;
  readonly first: Score | undefined;
  readonly second: Score | undefined;
  /** Second minus first over the questions that both answered, paired by question. `undefined` if there is none. */
  readonly difference: PairedDifference | undefined;
}

interface Score {
  readonly share: number;
  readonly low: number;
  readonly high: number;
  readonly questions: number;
  /** Mean thinking tokens. */
  readonly thinkingTokens: number;
}

/** Compares the answers of two models, condition by condition. Questions count as the same if their ids and texts are. */
export function compareEvaluations(first: ResultFolder, second: ResultFolder): readonly ComparedCondition[] {
  const [before, after] = [byCondition(first), byCondition(second)];
  const conditions = [...new Set([...before.keys(), ...after.keys()])];
  return conditions.map((condition) => {
    const [a, b] = [before.get(condition) ?? [], after.get(condition) ?? []];
    return { condition, first: scoreOf(a), second: scoreOf(b), difference: pairedDifference(valuesOf(a), valuesOf(b)) };
  });
}

interface Answered extends Result {
  /** Id and text of the question. */
  readonly key: string;
}

function byCondition({ questions, results }: ResultFolder): ReadonlyMap<string, readonly Answered[]> {
  const texts = new Map(questions.map(({ id, question, answer }) => [id, JSON.stringify([id, question, answer])]));
  const answered = results.map(
    (result): Answered => ({ ...result, key: texts.get(result.question) ?? result.question }),
  );
  return Map.groupBy(answered, ({ condition }) => condition);
}

function valuesOf(results: readonly Answered[]) {
  return results.map(({ key, correct }) => ({ question: key, value: correct ? 1 : 0 }));
}

function scoreOf(results: readonly Answered[]): Score | undefined {
  if (results.length === 0) return undefined;
  return {
    ...scoreInterval(valuesOf(results)),
    questions: new Set(results.map(({ key }) => key)).size,
    thinkingTokens: results.reduce((sum, { thinkingTokens }) => sum + thinkingTokens, 0) / results.length,
  };
}
