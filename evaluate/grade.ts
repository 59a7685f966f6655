import { type GraderName, graders } from './graders.ts';
import type { Question } from './questions/question.ts';
import type { Result } from './results.ts';

/** What grading adds to an answer. */
export type Grade = Pick<Result, 'expected' | 'grader' | 'correct' | 'key'>;

/** The grader of a question. */
export function graderOf({ grader = 'numeric' }: Question): GraderName {
  return grader;
}

/** Grades an answer. Of rejection sampling that found no thought within its budget, the answer does not count. */
export async function gradeAnswer(
  question: Question,
  { answer, rejected }: Pick<Result, 'answer' | 'rejected'>,
): Promise<Grade> {
  const name = graderOf(question);
  const { isRight, key } = graders[name];
  return {
    expected: question.answer,
    grader: name,
    correct: !rejected && (await isRight(answer, question.answer)),
    key: rejected ? null : (key(answer) ?? null),
  };
}
