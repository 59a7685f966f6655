import { createHash } from 'node:crypto';
import { type Api, ask } from './ask.ts';
import { type Condition, conditionId } from './conditions.ts';
import { graders } from './graders.ts';
import { Progress } from './progress.ts';
import type { Question } from './questions.ts';
import { plotsOf, reportPage } from './report.ts';
import { ResultFolder, type Task, taskKey } from './results.ts';
import { runTasks } from './run-tasks.ts';
import { type Summary, summarize } from './summarize.ts';

export interface Evaluation {
  readonly api: Api;
  /** Name of the API in the settings of the folder: its URL, or `embedded`, whose port changes with each run. */
  readonly target: string;
  readonly questions: readonly Question[];
  readonly conditions: readonly Condition[];
  /** Seeds per question. */
  readonly seeds: number;
  readonly concurrency: number;
  readonly dollarsPerMillionTokens: number | undefined;
  /** The folder of results. */
  readonly out: string;
  readonly signal: AbortSignal;
}

/**
 * Runs the tasks that have no result in the folder, and writes each result as it arrives. Then writes the summary, the plots and the
 * page.
 *
 * @throws {UsageError} if the folder holds a run with other settings
 */
export async function evaluate(evaluation: Evaluation): Promise<Summary> {
  const { api, questions, conditions, seeds } = evaluation;
  const { folder, results } = await ResultFolder.open(evaluation.out, {
    target: evaluation.target,
    model: api.model,
    temperature: api.temperature ?? null,
    seeds,
    conditions,
    questions: createHash('sha256').update(JSON.stringify(questions)).digest('hex'),
  });
  const all = [...results];
  const done = new Set(results.map(taskKey));
  const byId = new Map(questions.map((question) => [question.id, question]));
  const byCondition = new Map(conditions.map((condition) => [conditionId(condition), condition]));
  const tasks = tasksOf(evaluation).filter((task) => !done.has(taskKey(task)));
  const progress = new Progress(tasks.length);

  await runTasks(
    tasks,
    evaluation.concurrency,
    async (task) => {
      const question = byId.get(task.question);
      const condition = byCondition.get(task.condition);
      if (question === undefined || condition === undefined) throw new Error(`There is no task ${taskKey(task)}.`);
      const { text, ...account } = await ask(api, question.question, condition, seedOf(task), evaluation.signal);
      const grader = graders[question.grader ?? 'numeric'];
      const result = {
        ...task,
        correct: grader.isRight(text, question.answer),
        key: grader.key(text) ?? null,
        ...account,
      };
      await folder.add(result);
      all.push(result);
      progress.step();
    },
    evaluation.signal,
  );

  const summary = summarize(conditions, all, evaluation.dollarsPerMillionTokens);
  const plots = plotsOf(summary);
  await folder.write('summary.json', `${JSON.stringify(summary, null, 2)}\n`);
  for (const [name, svg] of Object.entries(plots)) await folder.write(name, svg);
  await folder.write('report.html', reportPage(`Budget forcing on ${api.model}`, summary, plots));
  return summary;
}

function tasksOf({ questions, conditions, seeds }: Evaluation): readonly Task[] {
  return conditions.flatMap((condition) =>
    Array.from({ length: seeds }, (_, seed) =>
      questions.flatMap((question) =>
        Array.from({ length: condition.method === 'natural' ? condition.samples : 1 }, (__, sample) => ({
          condition: conditionId(condition),
          question: question.id,
          seed,
          sample,
        })),
      ),
    ).flat(),
  );
}

/** Seed of a task, the same in every run. All conditions share it, so that they differ only in what is forced. */
function seedOf(task: Task): number {
  return createHash('sha256').update(`${task.question}|${task.seed}|${task.sample}`).digest().readUInt32BE(0) >>> 1;
}
