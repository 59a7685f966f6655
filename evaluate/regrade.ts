import { UsageError } from '../cli/usage-error.ts';
import { ResultFolder } from './folder/result-folder.ts';
import { gradeAnswer, graderOf } from './grade.ts';
import type { ExternalGrader } from './graders/external.ts';
import { checkExpected, type GraderName } from './graders.ts';
import type { Prices } from './prices.ts';
import { Progress } from './progress.ts';
import type { Report } from './report.ts';
import type { Result } from './results.ts';
import { writeReport } from './write-report.ts';

export interface Regrading {
  readonly report: Report;
  readonly answers: number;
  /** Answers that were wrong and are right now. */
  readonly nowRight: number;
  /** Answers that were right and are wrong now. */
  readonly nowWrong: number;
}

/**
 * Grades the answers of a folder again, without asking, and writes results, summary and report.
 *
 * @param by grader of all questions, or an external one. If omitted, each question keeps its grader.
 * @throws {UsageError} if the grader cannot judge an expected answer; the folder is unchanged then
 */
export async function regrade(
  path: string,
  by: GraderName | ExternalGrader | undefined,
  prices: Prices,
): Promise<Regrading> {
  const grader = typeof by === 'string' ? by : undefined;
  const external = typeof by === 'string' ? undefined : by;
  const folder = await ResultFolder.open(path);
  const questions = folder.questions.map((question) => (grader === undefined ? question : { ...question, grader }));
  for (const question of external === undefined ? questions : []) {
    const name = graderOf(question);
    const problem = checkExpected(name, question.answer);
    if (problem !== undefined)
      throw new UsageError(
        `${path}: no answer to question ${JSON.stringify(question.id)} can match ${JSON.stringify(question.answer)}, as the grader ${name} expects ${problem}.`,
      );
  }
  const byId = new Map(questions.map((question) => [question.id, question]));
  const progress = new Progress(folder.results.length);
  const results: Result[] = [];
  let nowRight = 0;
  let nowWrong = 0;
  for (const result of folder.results) {
    const question = byId.get(result.question);
    if (question === undefined)
      throw new UsageError(`${path}/questions.jsonl has no question ${JSON.stringify(result.question)}.`);
    const graded = { ...result, ...(await gradeAnswer(question, result, external)) };
    if (graded.correct && !result.correct) nowRight++;
    if (!graded.correct && result.correct) nowWrong++;
    results.push(graded);
    progress.step();
  }
  const changed = await folder.regrade(questions, results, external?.name ?? null);
  return {
    report: await writeReport(changed, results, prices),
    answers: results.length,
    nowRight,
    nowWrong,
  };
}
