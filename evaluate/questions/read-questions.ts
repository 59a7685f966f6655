import * as z from 'zod';
import { UsageError } from '../../cli/usage-error.ts';
import { arrangeChoices } from '../graders/shuffle-choices.ts';
import { checkExpected, type GraderName } from '../graders.ts';
import { type Columns, columnsOf, type DatasetName, datasets, recognize } from './datasets.ts';
import { type Question, questionSchema } from './question.ts';
import { readRows } from './read-rows.ts';

/** How a file is read. */
export interface QuestionOptions {
  /** Dataset whose columns the file has. @default - recognized by its columns, else the own format */
  readonly dataset?: DatasetName | undefined;
  /** Names of the columns. @default - those of the dataset, or `id`, `question`, `answer`, `choices` */
  readonly columns?: Partial<Columns> | undefined;
  /** Grader of all questions. @default - the question's own, else that of the dataset, else numeric */
  readonly grader?: GraderName | undefined;
  /** Whether an external grader judges the answers, which may be of any kind. @default false */
  readonly gradedOutside?: boolean | undefined;
}

/**
 * Reads questions from a JSONL, JSON, CSV or Parquet file. In the own format, each row has `id`, `question`, `answer` and, if it is
 * not numeric, `grader` or `choices`.
 *
 * @throws {UsageError} if the file cannot be read or a row is invalid; the message names the line
 */
export async function readQuestions(
  path: string,
  limit: number,
  options: QuestionOptions = {},
): Promise<readonly Question[]> {
  const rows = await readRows(path, limit);
  const [first] = rows;
  if (first === undefined) throw new UsageError(`${path} has no questions.`);
  const dataset =
    options.dataset ?? (options.columns === undefined && isRow(first.value) ? recognize(first.value) : undefined);
  const seen = new Set<string>();
  return rows.map(({ at, number, value }) => {
    const place = `${path}, ${at}`;
    const question = toQuestion(value, number, { ...options, dataset }, place);
    if (seen.has(question.id))
      throw new UsageError(
        `${path} has the id ${JSON.stringify(question.id)} twice. Each question needs its own: give another column with --id-key.`,
      );
    seen.add(question.id);
    return question;
  });
}

function isRow(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toQuestion(value: unknown, number: number, options: QuestionOptions, place: string): Question {
  const unified =
    options.dataset === undefined
      ? ownRow(value, number, options.columns, place)
      : datasetRow(value, number, options.dataset, options.columns, place);
  const parsed = questionSchema.safeParse(unified);
  if (!parsed.success) throw new UsageError(`${place}, is not a valid question: ${z.prettifyError(parsed.error)}`);
  const arranged = arrangeChoices(parsed.data);
  if (typeof arranged === 'string') throw new UsageError(`${place}: ${arranged}`);
  const grader = options.grader ?? arranged.grader ?? 'numeric';
  const problem = options.gradedOutside === true ? undefined : checkExpected(grader, arranged.answer);
  if (problem === undefined) return options.grader === undefined ? arranged : { ...arranged, grader };
  throw new UsageError(
    `${place}: no answer can match ${JSON.stringify(arranged.answer)}, as the grader ${grader} expects ${problem}.`,
  );
}

/** A row with the named columns as `id`, `question`, `answer` and `choices`. */
function ownRow(value: unknown, number: number, columns: Partial<Columns> | undefined, place: string): unknown {
  if (columns === undefined || !isRow(value)) return value;
  const { id, question = 'question', answer = 'answer', choices } = columns;
  for (const name of [id, question, answer, choices]) if (name !== undefined) requireColumn(value, name, place);
  const { id: _, ...rest } = value;
  return {
    ...rest,
    id: id === undefined ? String(value['id'] ?? number) : String(value[id]),
    question: value[question],
    answer: scalarText(value[answer]),
    ...(choices === undefined ? {} : { choices: listOf(value[choices]) }),
  };
}

function datasetRow(
  value: unknown,
  number: number,
  name: DatasetName,
  mapped: Partial<Columns> | undefined,
  place: string,
): unknown {
  const dataset = datasets[name];
  if (!isRow(value)) throw new UsageError(`${place}, is not an object.`);
  const found = columnsOf(dataset, value);
  if (found === undefined && (mapped?.question === undefined || mapped.answer === undefined)) {
    const { question, answer } = dataset.columns[0] ?? {};
    throw new UsageError(
      `${place}: ${name} has the columns ${JSON.stringify(question)} and ${JSON.stringify(answer)}, but this file has ${Object.keys(
        value,
      )
        .map((key) => JSON.stringify(key))
        .join(', ')}. Name its columns with --question-key and --answer-key, or take the file of ${dataset.source}.`,
    );
  }
  const columns = { question: '', answer: '', ...found, ...mapped };
  for (const column of [columns.question, columns.answer, columns.id])
    if (column !== undefined) requireColumn(value, column, place);
  const id = columns.id === undefined ? `${name}-${number}` : String(value[columns.id]);
  const answer = scalarText(value[columns.answer]);
  return {
    id,
    question: value[columns.question],
    answer: typeof answer === 'string' ? (dataset.expected?.(answer) ?? answer) : answer,
    grader: dataset.grader,
    ...(found === undefined ? {} : dataset.arrange?.(id, value)),
  };
}

function requireColumn(row: Readonly<Record<string, unknown>>, name: string, place: string): void {
  if (Object.hasOwn(row, name)) return;
  const names = Object.keys(row).map((key) => JSON.stringify(key));
  throw new UsageError(`${place}: there is no column ${JSON.stringify(name)}. There are ${names.join(', ')}.`);
}

/** A number as text, as answers are compared. */
function scalarText(value: unknown): unknown {
  return typeof value === 'number' ? String(value) : value;
}

/** A list, or the JSON text of one, as a CSV file has it. */
function listOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
