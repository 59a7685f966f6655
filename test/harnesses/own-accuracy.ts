import { readFile } from 'node:fs/promises';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { evaluate } from '../../evaluate/evaluate.ts';
import { readQuestions } from '../../evaluate/questions/read-questions.ts';

const QUESTIONS = 'local/model/questions.jsonl';

/** Accuracy of the natural run, with its 95 % interval, and the lines of the questions. */
export interface OwnAccuracy {
  readonly share: number;
  readonly low: number;
  readonly high: number;
  readonly lines: readonly string[];
}

/** Asks the first `count` of the embedded model's questions as `budgetforce eval` does, without a budget. */
export async function ownAccuracy(baseUrl: string, count: number, out: string): Promise<OwnAccuracy> {
  const { rows } = await evaluate({
    api: { baseUrl, model: 'budgetforce-tiny', apiKey: undefined, temperature: undefined },
    target: 'embedded',
    questions: await readQuestions(QUESTIONS, count),
    conditions: conditionsOf({ budgets: [], waits: [], samples: 1, baselineBudgets: [] }),
    seeds: 1,
    concurrency: 4,
    dollarsPerMillionTokens: undefined,
    out,
    signal: new AbortController().signal,
  });
  const natural = rows.find(({ id }) => id === 'natural');
  if (natural === undefined) throw new Error('The evaluation has no natural run.');
  const lines = (await readFile(QUESTIONS, 'utf8')).trim().split('\n').slice(0, count);
  return { ...natural.accuracy, lines };
}
