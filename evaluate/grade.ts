import type { ExternalGrader } from './graders/external.ts';
import { type GraderName, graders } from './graders.ts';
import type { Question } from './questions/question.ts';
import type { Result } from './results.ts';

/** What grading adds to an answer. */
export type Grade = Pick<Result, 'expected' | 'grader' | 'correct' | 'key' | 'note'>;

/** The grader of a question. */
export function graderOf({ grader = 'numeric' }: Question): GraderName {
  return grader;
}

/** Grades an answer, by the grader of its question or by an external one. Of rejection sampling that found no thought within its budget, the answer does not count. */
export async function gradeAnswer(
  question: Question,
  { answer, rejected, note }: Pick<Result, 'answer' | 'rejected' | 'note'>,
  external?: ExternalGrader,
): Promise<Grade> {
  if (external !== undefined) {
    const verdict = rejected
      ? { right: false, key: null }
      : await external.grade({ question: question.question, expected: question.answer, answer });
    return {
      expected: question.answer,
      grader: external.name,
      correct: verdict.right,
      key: verdict.key,
      note: verdict.note ?? note,
    };
  }
  const name = graderOf(question);
  const { isRight, key } = graders[name];
  return {
    expected: question.answer,
    grader: name,
    correct: !rejected && (await isRight(answer, question.answer)),
    key: rejected ? null : (key(answer) ?? null),
    note,
  };
}
