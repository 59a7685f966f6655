import { extractAnswer } from '../../lambda/generation/extract-answer.ts';
import { shuffleChoices } from '../graders/shuffle-choices.ts';
import type { GraderName } from '../graders.ts';

export const datasetNames = ['aime24', 'aime25', 'math500', 'gpqa-diamond', 'gsm8k'] as const;
export type DatasetName = (typeof datasetNames)[number];

/** Columns of a file of questions. */
export interface Columns {
  readonly question: string;
  readonly answer: string;
  /** @default - the number of the row */
  readonly id?: string | undefined;
  /** Column with a list of options. @default - none */
  readonly choices?: string | undefined;
}

/** A public dataset, read in its own columns. Questions are asked as s1 asks them: the text alone. */
export interface Dataset {
  /** Where it is published, and which file has it. */
  readonly source: string;
  readonly grader: GraderName;
  /** Columns of its publications, the usual one first. */
  readonly columns: readonly Columns[];
  /** The expected answer in the text of the answer column. @default - the whole text */
  readonly expected?: (text: string) => string;
  /** Makes the question of a row that has its options in columns of their own. */
  readonly arrange?: (
    id: string,
    row: Readonly<Record<string, unknown>>,
  ) => { readonly question: string; readonly answer: string };
}

const aimeColumns: readonly Columns[] = [
  { id: 'id', question: 'problem', answer: 'answer' },
  { id: 'ID', question: 'Problem', answer: 'Answer' },
  { id: 'problem_idx', question: 'problem', answer: 'answer' },
  { id: 'id', question: 'question', answer: 'answer' },
  { question: 'problem', answer: 'answer' },
  { question: 'question', answer: 'answer' },
  // The solution is only the boxed answer.
  { id: 'id', question: 'problem', answer: 'solution' },
];

export const datasets: Readonly<Record<DatasetName, Dataset>> = {
  aime24: {
    source: 'HuggingFaceH4/aime_2024 on Hugging Face, data/train-00000-of-00001.parquet',
    grader: 'numeric',
    columns: aimeColumns,
    expected: extractAnswer,
  },
  aime25: {
    source: 'math-ai/aime25 on Hugging Face, test.jsonl',
    grader: 'numeric',
    columns: aimeColumns,
    expected: extractAnswer,
  },
  math500: {
    source: 'HuggingFaceH4/MATH-500 on Hugging Face, test.jsonl',
    grader: 'math',
    columns: [
      { id: 'unique_id', question: 'problem', answer: 'answer' },
      { question: 'problem', answer: 'answer' },
    ],
  },
  'gpqa-diamond': {
    source: 'Idavidrein/gpqa on Hugging Face, gpqa_diamond.csv',
    grader: 'choice',
    columns: [{ id: 'Record ID', question: 'Question', answer: 'Correct Answer' }],
    arrange: gpqaQuestion,
  },
  gsm8k: {
    source: 'openai/gsm8k on Hugging Face, main/test-00000-of-00001.parquet',
    grader: 'numeric',
    columns: [{ question: 'question', answer: 'answer' }],
    // The working comes first, then a line with #### and the result.
    expected: (text) => text.slice(text.lastIndexOf('####') + 4).trim(),
  },
};

const INCORRECT = ['Incorrect Answer 1', 'Incorrect Answer 2', 'Incorrect Answer 3'];

/** GPQA's four options in an order that depends on the question's id, as s1 writes them. */
function gpqaQuestion(id: string, row: Readonly<Record<string, unknown>>) {
  const right = String(row['Correct Answer']).trim();
  const options = [right, ...INCORRECT.map((column) => String(row[column]).trim())];
  const shuffled = shuffleChoices(id, options, right);
  const lines = shuffled.options.map((option, index) => `${'ABCD'.charAt(index)}) ${option}`);
  return { question: `${String(row['Question']).trim()}\n\n${lines.join('\n')}`, answer: shuffled.letter };
}

/** The columns of a dataset that a row has. `undefined` if none of its publications has them. */
export function columnsOf({ columns, arrange }: Dataset, row: Readonly<Record<string, unknown>>): Columns | undefined {
  const has = (name: string | undefined) => name === undefined || Object.hasOwn(row, name);
  if (arrange !== undefined && !INCORRECT.every(has)) return undefined;
  return columns.find(({ id, question, answer }) => has(id) && has(question) && has(answer));
}

/** The dataset whose own columns no other file has: MATH-500's and GPQA's, and GSM8K's answers. */
export function recognize(row: Readonly<Record<string, unknown>>): DatasetName | undefined {
  if (columnsOf(datasets['gpqa-diamond'], row) !== undefined) return 'gpqa-diamond';
  if (Object.hasOwn(row, 'unique_id') && columnsOf(datasets.math500, row) !== undefined) return 'math500';
  if (/\n#### \S+\s*$/.test(String(row['answer'])) && Object.hasOwn(row, 'question')) return 'gsm8k';
  return undefined;
}
