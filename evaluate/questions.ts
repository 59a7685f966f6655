import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { UsageError } from '../cli/usage-error.ts';
import { arrangeChoices } from './graders/shuffle-choices.ts';
import { checkExpected, graderNames } from './graders.ts';

const questionSchema = z.looseObject({
  id: z.string().min(1),
  question: z.string().min(1),
  answer: z.string().min(1),
  /** @default numeric */
  grader: z.enum(graderNames).optional(),
  /** Options of a multiple-choice question. They are shuffled, and `answer` is the right one. */
  choices: z.array(z.string().min(1)).optional(),
});
export type Question = z.infer<typeof questionSchema>;

/**
 * Reads questions from a JSONL file: one object per line with `id`, `question`, `answer` and, if it is not numeric, `grader` or
 * `choices`.
 *
 * @throws {UsageError} if the file cannot be read or a line is invalid; the message names the line
 */
export async function readQuestions(path: string, limit: number): Promise<readonly Question[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(
      cause.code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read: ${cause.message}`,
    );
  });
  const questions = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line.trim() !== '')
    .slice(0, limit)
    .map(({ line, number }) => parseLine(line, path, number));
  if (questions.length === 0) throw new UsageError(`${path} has no questions.`);
  const seen = new Set<string>();
  for (const { id } of questions) {
    if (seen.has(id))
      throw new UsageError(`${path} has the id ${JSON.stringify(id)} twice. Each question needs its own.`);
    seen.add(id);
  }
  return questions;
}

function parseLine(line: string, path: string, number: number): Question {
  let question: Question;
  try {
    question = questionSchema.parse(JSON.parse(line));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new UsageError(`${path}, line ${number}, is not a valid question: ${reason}`);
  }
  const arranged = arrangeChoices(question);
  if (typeof arranged === 'string') throw new UsageError(`${path}, line ${number}: ${arranged}`);
  const { grader = 'numeric', answer } = arranged;
  const problem = checkExpected(grader, answer);
  if (problem === undefined) return arranged;
  throw new UsageError(
    `${path}, line ${number}: no answer can match ${JSON.stringify(answer)}, as the grader ${grader} expects ${problem}.`,
  );
}
