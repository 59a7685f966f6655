import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { calibrate } from '../../evaluate/calibration/calibrate.ts';
import { calibrationText } from '../../evaluate/calibration/calibration-report.ts';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { evaluate } from '../../evaluate/evaluate.ts';
import { ResultFolder } from '../../evaluate/folder/result-folder.ts';
import { type DatasetName, datasetNames } from '../../evaluate/questions/datasets.ts';
import type { Question } from '../../evaluate/questions/question.ts';
import { readQuestions } from '../../evaluate/questions/read-questions.ts';
import type { Result } from '../../evaluate/results.ts';
import { type PairedDifference, pairedDifference } from '../../evaluate/statistics/paired-difference.ts';
import { scoreInterval } from '../../evaluate/statistics/wilson.ts';
import { confidenceMeasures } from '../../lambda/forcing/confidence.ts';
import type { EvaluationSettings, Verdict } from '../../lib/training/evaluation-settings.ts';
import { parseChoice } from '../option-values.ts';

/** A model to ask: an API in front of its component, and the folder of its answers. */
export interface AskedModel {
  /** Name of the SageMaker model, which stands for its weights. */
  readonly modelName: string;
  /** Ends in `/v1`. */
  readonly baseUrl: string;
  readonly folder: string;
}

/** Accuracy and thinking at one budget, of both models. Accuracies are shares with 95 % intervals. */
interface ComparedBudget {
  readonly budget: number;
  readonly trained: Score;
  readonly service: Score;
  /** Trained minus service, paired by question. `undefined` if no question was asked of both. */
  readonly difference: PairedDifference | undefined;
}

interface Score {
  readonly share: number;
  readonly low: number;
  readonly high: number;
  /** Mean thinking tokens. */
  readonly thinkingTokens: number;
}

export interface ComparedModels {
  readonly trained: string;
  readonly service: string;
  readonly questions: number;
  readonly budgets: readonly ComparedBudget[];
  readonly verdict: Verdict;
  /** Text of the calibration of the trained model, or why there is none. */
  readonly calibration: string;
}

/** Questions that are asked for the calibration, after those of the comparison. */
const CALIBRATION_QUESTIONS = 200;
/** Fewest of them. */
const LEAST_CALIBRATION = 40;

/**
 * Asks both models the same questions at the same budgets with the same seeds. A folder that has the answers already is not asked
 * again: the model in service was once a trained one.
 *
 * @param path file of the questions
 */
export async function compareModels(
  settings: EvaluationSettings,
  path: string,
  models: { readonly trained: AskedModel; readonly service: AskedModel },
  signal: AbortSignal,
): Promise<ComparedModels> {
  const read = await readQuestions(path, settings.limit + (settings.calibrate ? CALIBRATION_QUESTIONS : 0), {
    grader: settings.grader,
    dataset: datasetOf(settings),
  });
  const questions = read.slice(0, settings.limit);
  const answers = {
    service: await answersOf(settings, questions, models.service, signal),
    trained: await answersOf(settings, questions, models.trained, signal),
  };
  const budgets = settings.budgets.map((budget) => compareAt(budget, answers));
  const calibration = settings.calibrate
    ? await calibrationOf(settings, path, read.slice(settings.limit), models.trained, signal)
    : 'Not asked for.';
  return {
    trained: models.trained.modelName,
    service: models.service.modelName,
    questions: questions.length,
    budgets,
    verdict: verdictOf(settings, budgets.at(-1)),
    calibration,
  };
}

function datasetOf({ dataset }: EvaluationSettings): DatasetName | undefined {
  return dataset === undefined ? undefined : parseChoice('dataset', dataset, datasetNames);
}

async function answersOf(
  { budgets, concurrency, endpointName, model }: EvaluationSettings,
  questions: readonly Question[],
  { baseUrl, folder, modelName }: AskedModel,
  signal: AbortSignal,
): Promise<readonly Result[]> {
  await evaluate({
    api: { baseUrl, model: model.id, apiKey: undefined, temperature: undefined },
    target: endpointName,
    weights: modelName,
    questions,
    // The natural run would think without a limit; the budgets are what is compared.
    conditions: conditionsOf({ budgets, waits: [], samples: 1, baselineBudgets: [] }).filter(
      ({ method }) => method === 'budget',
    ),
    seeds: 1,
    concurrency,
    dollarsPerMillionTokens: undefined,
    out: folder,
    signal,
  });
  const asked = new Set(questions.map(({ id }) => id));
  return (await ResultFolder.open(folder)).results.filter(({ question }) => asked.has(question));
}

function compareAt(
  budget: number,
  answers: { readonly trained: readonly Result[]; readonly service: readonly Result[] },
): ComparedBudget {
  const at = (results: readonly Result[]) => results.filter(({ condition }) => condition === `budget-${budget}`);
  const values = (results: readonly Result[]) =>
    at(results).map(({ question, correct }) => ({ question, value: correct ? 1 : 0 }));
  const score = (results: readonly Result[]): Score => ({
    ...scoreInterval(values(results)),
    thinkingTokens: at(results).reduce((sum, { thinkingTokens }) => sum + thinkingTokens, 0) / at(results).length,
  });
  return {
    budget,
    trained: score(answers.trained),
    service: score(answers.service),
    difference: pairedDifference(values(answers.service), values(answers.trained)),
  };
}

/** Judges by the last budget: the lower end of the difference's 95 % interval may be as low as the allowed loss, and no lower. */
export function verdictOf(
  { maxLossPoints }: Pick<EvaluationSettings, 'maxLossPoints'>,
  last: ComparedBudget | undefined,
): Verdict {
  if (last?.difference === undefined) return { passes: false, sentence: 'No question was answered by both models.' };
  const { budget, trained, service, difference } = last;
  const figures = `At ${budget} thinking tokens the trained model answers ${percent(trained.share)} right, the model in service ${percent(service.share)}: a difference of ${points(difference.share)} (95 %: ${points(difference.low)} to ${points(difference.high)}).`;
  if (maxLossPoints === null) return { passes: false, sentence: `${figures} A person decides.` };
  const passes = difference.low >= -maxLossPoints / 100;
  const rule = `It may lose ${maxLossPoints} points`;
  return {
    passes,
    sentence: passes
      ? `${figures} ${rule}, and loses no more with 95 % confidence.`
      : `${figures} ${rule}, and may lose more. More questions narrow the interval.`,
  };
}

/** Thresholds of confidence of the trained model. Without enough questions, or if the server reports no log-probabilities, a sentence says so. */
async function calibrationOf(
  { concurrency, endpointName, model, limit }: EvaluationSettings,
  path: string,
  questions: readonly Question[],
  { baseUrl, folder, modelName }: AskedModel,
  signal: AbortSignal,
): Promise<string> {
  if (questions.length < LEAST_CALIBRATION) {
    return `The file has ${questions.length} questions after the first ${limit}, and a calibration needs ${LEAST_CALIBRATION}.`;
  }
  const out = join(folder, 'calibration');
  try {
    const result = await calibrate({
      api: { baseUrl, model: model.id, apiKey: undefined, temperature: undefined },
      target: endpointName,
      weights: modelName,
      prompt: '{question}',
      questions,
      file: { sha256: await sha256(path), first: limit + 1, last: limit + questions.length },
      grader: undefined,
      splitSeed: 0,
      seeds: 1,
      maxWaits: 2,
      measures: confidenceMeasures,
      tolerance: 0.005,
      sureAbove: [0.9, 0.95, 0.99, 1],
      id: modelName,
      date: new Date().toISOString().slice(0, 10),
      concurrency,
      out,
      signal,
    });
    await writeFile(join(out, 'calibration.json'), `${JSON.stringify(result.calibration, null, 2)}\n`);
    return calibrationText(result);
  } catch (error) {
    // The comparison stands without it.
    return `The calibration failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Name of a set of questions and of how they are graded. Answers to another set are kept apart. */
export async function questionsKey(path: string, { grader, dataset }: EvaluationSettings): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .update(JSON.stringify([grader ?? null, dataset ?? null]))
    .digest('hex')
    .slice(0, 16);
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** The report that a person reads before the approval, in Markdown. */
export function comparisonText({ trained, service, questions, budgets, verdict, calibration }: ComparedModels): string {
  const rows = budgets.map(({ budget, trained: after, service: before, difference }) =>
    [
      budget,
      interval(after),
      interval(before),
      difference === undefined
        ? '-'
        : `${points(difference.share)} (${points(difference.low)} to ${points(difference.high)})`,
      after.thinkingTokens.toFixed(0),
      before.thinkingTokens.toFixed(0),
    ].join(' | '),
  );
  return `# ${trained} beside ${service}

${questions} questions, each once at each budget, with the same seeds. Intervals are 95 %; the difference is paired by question.

| budget | trained | in service | difference | thinking, trained | thinking, in service |
| --- | --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row} |`).join('\n')}

${verdict.sentence}

## Calibration of the trained model

${calibration}
`;
}

function interval({ share, low, high }: Score): string {
  return `${percent(share)} (${percent(low)} to ${percent(high)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function points(share: number): string {
  return `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} points`;
}
