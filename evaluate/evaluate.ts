import { createHash } from 'node:crypto';
import { UsageError } from '../cli/usage-error.ts';
import { type Against, askAgainst, conditionOfAgainst } from './against/ask-against.ts';
import { type Api, ask } from './ask.ts';
import { checkPublished } from './check-published.ts';
import { type Condition, conditionId } from './conditions.ts';
import { ResultFolder } from './folder/result-folder.ts';
import { gradeAnswer } from './grade.ts';
import type { ExternalGrader } from './graders/external.ts';
import { defaultThresholds, type Method, methods } from './methods.ts';
import type { Prices } from './prices.ts';
import { Progress } from './progress.ts';
import type { Question } from './questions/question.ts';
import type { Report } from './report.ts';
import { type Result, type Task, taskKey } from './results.ts';
import { runTasks } from './run-tasks.ts';
import { writeReport } from './write-report.ts';

export interface Evaluation extends Prices {
  readonly api: Omit<Api, 'route'>;
  /** Id of the route that conditions ask. @default - none */
  readonly route?: string | undefined;
  /** Name of the API in the settings of the folder: its URL, or `embedded`, whose port changes with each run. */
  readonly target: string;
  /** SHA-256 of the model's weights. @default - what `/v1/models` publishes */
  readonly weights?: string | undefined;
  /** The user's message, with `{question}` in it. @default '{question}' */
  readonly prompt?: string | undefined;
  readonly questions: readonly Question[];
  readonly conditions: readonly Condition[];
  /** Grader outside this process. @default - each question's own grader */
  readonly grader?: ExternalGrader | undefined;
  /** Seeds per question. */
  readonly seeds: number;
  /** Another API that is asked the same questions. @default - none */
  readonly against?: Against | undefined;
  readonly concurrency: number;
  /** The folder of results. */
  readonly out: string;
  readonly signal: AbortSignal;
}

/**
 * Asks what has no answer in the folder, and writes each answer as it arrives. Then writes summary, plots and page of all that the
 * folder holds.
 *
 * @throws {UsageError} if the folder holds answers of another model, weights, temperature, prompt, question or grader, or if the
 * model's published limits exclude a condition
 */
export async function evaluate(evaluation: Evaluation): Promise<Report> {
  const { against, prompt = '{question}', signal } = evaluation;
  const published = await checkPublished(evaluation.api, evaluation.conditions);
  const route = routeOf(evaluation, published.routes);
  const api: Api = { ...evaluation.api, route };
  const calibrated = evaluation.conditions.some(({ method }) => (methods[method] as Method).calibrated === true);
  const folder = await ResultFolder.extend(
    evaluation.out,
    {
      format: 2,
      model: api.model,
      weights: evaluation.weights ?? published.weights ?? null,
      target: evaluation.target,
      temperature: api.temperature ?? null,
      repetitionPenalty: api.repetitionPenalty ?? null,
      prompt,
      seeds: evaluation.seeds,
      conditions: evaluation.conditions,
      against: against === undefined ? null : { url: against.url, model: against.model, extra: against.extra },
      grader: evaluation.grader?.name ?? null,
      price: published.price ?? null,
      modelPrices: route === undefined ? {} : published.modelPrices,
      thresholds: calibrated ? (api.thresholds ?? defaultThresholds) : null,
      route: route ?? null,
      stores: evaluation.conditions.some(({ retrieval }) => retrieval !== undefined) ? [...(api.stores ?? [])] : null,
    },
    evaluation.questions,
  );
  const all = [...folder.results];
  const byId = new Map(evaluation.questions.map((question) => [question.id, question]));
  const byCondition = new Map(evaluation.conditions.map((condition) => [conditionId(condition), condition]));
  const tasks = oneOfEachFirst(folder.missing(tasksOf(evaluation)));
  const progress = new Progress(tasks.length);
  await runTasks(
    tasks,
    // A batch has all requests that wait.
    api.batch === undefined ? evaluation.concurrency : MAX_WAITING,
    async (task) => {
      const question = byId.get(task.question);
      if (question === undefined) throw new Error(`There is no question ${task.question}.`);
      const text = prompt.replaceAll('{question}', () => question.question);
      const condition = byCondition.get(task.condition);
      let answer: Awaited<ReturnType<typeof ask>>;
      if (condition !== undefined) answer = await ask(api, text, condition, seedOf(task), signal);
      else if (against !== undefined) answer = await askAgainst(against, text, signal);
      else throw new Error(`There is no task ${taskKey(task)}.`);
      const result: Result = { ...task, ...answer, ...(await gradeAnswer(question, answer, evaluation.grader)) };
      await folder.add(result);
      all.push(result);
      progress.step();
    },
    signal,
  );
  await api.batch?.close();
  return await writeReport(folder, all, evaluation);
}

/** Requests that wait for the answer of a batch at once. */
const MAX_WAITING = 10_000;

/** The route that conditions ask, and its last model. */
function routeOf({ conditions, route }: Evaluation, routes: Readonly<Record<string, readonly string[]>>): Api['route'] {
  const asking = conditions.find(({ method }) => (methods[method] as Method).asks !== undefined);
  const known = Object.keys(routes);
  const offered = known.length === 0 ? 'The API has no routes.' : `The API has: ${known.join(', ')}.`;
  if (route === undefined) {
    if (asking === undefined) return undefined;
    throw new UsageError(`${conditionId(asking)} needs a route: --route ID. ${offered}`);
  }
  const last = routes[route]?.at(-1);
  if (last === undefined) throw new UsageError(`There is no route ${JSON.stringify(route)}. ${offered}`);
  return { id: route, last };
}

function tasksOf({ conditions, questions, seeds, against }: Evaluation): readonly Task[] {
  const asked = [
    ...conditions.map((condition) => ({ id: conditionId(condition), samples: condition.samples })),
    ...(against === undefined ? [] : [{ id: conditionOfAgainst(against.model), samples: 1 }]),
  ];
  return asked.flatMap(({ id, samples }) =>
    Array.from({ length: seeds }, (_, seed) =>
      questions.flatMap((question) =>
        Array.from({ length: samples }, (__, sample) => ({ condition: id, question: question.id, seed, sample })),
      ),
    ).flat(),
  );
}

/** The first task of each condition, then the others: a condition that the API refuses ends the run at once, not after hours. */
function oneOfEachFirst(tasks: readonly Task[]): readonly Task[] {
  const first = new Set(new Map(tasks.toReversed().map((task) => [task.condition, task])).values());
  return [...tasks.filter((task) => first.has(task)), ...tasks.filter((task) => !first.has(task))];
}

/** Seed of a task, the same in every run. All conditions share it, so that they differ only in what is forced. */
function seedOf(task: Task): number {
  return createHash('sha256').update(`${task.question}|${task.seed}|${task.sample}`).digest().readUInt32BE(0) >>> 1;
}
