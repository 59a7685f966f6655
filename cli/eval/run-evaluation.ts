import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Against } from '../../evaluate/against/ask-against.ts';
import { detectDialect, dialectNames } from '../../evaluate/against/dialects.ts';
import { BatchAsker } from '../../evaluate/batch/batch-asker.ts';
import { type Condition, conditionsOf, parseConditionId } from '../../evaluate/conditions.ts';
import { evaluate } from '../../evaluate/evaluate.ts';
import type { ExternalGrader } from '../../evaluate/graders/external.ts';
import type { GraderName } from '../../evaluate/graders.ts';
import { methodNames, methods } from '../../evaluate/methods.ts';
import type { TokenPrice } from '../../evaluate/prices.ts';
import { type DatasetName, datasetNames, datasets } from '../../evaluate/questions/datasets.ts';
import type { Question } from '../../evaluate/questions/question.ts';
import { readQuestions } from '../../evaluate/questions/read-questions.ts';
import { reportText } from '../../evaluate/report.ts';
import { autoRoute, missingFile, smallModel } from '../../local/further-models.ts';
import { startLocal } from '../../local/start-local.ts';
import { apiKeyOf, callApi, parseBaseUrl } from '../api-client.ts';
import { BatchesApi } from '../batch/batches-api.ts';
import { firstModel } from '../first-model.ts';
import {
  parseChoice,
  parseNumber,
  parseNumberList,
  parsePrice,
  parsePrices,
  parseWholeNumber,
} from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import { thresholdsFrom } from './calibration-option.ts';
import type { EvalValues } from './eval-options.ts';
import { graderFrom } from './grader-option.ts';
import { type Preset, presetNames, presets } from './presets.ts';

const QUESTIONS = fileURLToPath(new URL('../../local/model/questions.jsonl', import.meta.url));
const TINY = 'budgetforce-tiny';
const WEIGHTS = fileURLToPath(new URL(`../../local/model/${TINY}.gguf`, import.meta.url));
const CALIBRATION = fileURLToPath(new URL(`../../local/model/${TINY}.calibration.json`, import.meta.url));

/** `budgetforce eval`: asks what the folder does not have, and prints the report. */
export async function runEvaluation(values: EvalValues): Promise<number> {
  const preset = presetOf(values);
  const of = (name: keyof Preset) => values[name] ?? preset[name];
  const number = (name: 'samples' | 'seeds' | 'limit', max: number) =>
    parseWholeNumber(name, String(of(name)), { min: 1, max });
  const { out = '.budgetforce/eval', prompt } = values;
  if (values.format !== undefined) throw new UsageError('--format is for export: budgetforce eval export FOLDER.');
  if (!prompt.includes('{question}'))
    throw new UsageError(`--prompt is ${JSON.stringify(prompt)}. It must contain {question}, where the question goes.`);
  const seeds = number('seeds', 100);
  const concurrency = parseWholeNumber('concurrency', values.concurrency, { min: 1, max: 256 });
  const temperature = of('temperature');
  const penalty = of('repetition-penalty');
  const settings = {
    temperature: temperature === undefined ? undefined : parseNumber('temperature', temperature, { min: 0, max: 2 }),
    repetitionPenalty:
      penalty === undefined ? undefined : parseNumber('repetition-penalty', penalty, { min: 0.01, max: 2 }),
    conditions: conditionsFrom(values, of, number('samples', 1_024)),
    prices: pricesFrom(values),
    against: againstFrom(values),
  };
  const baseUrl = values['base-url'] === undefined ? undefined : parseBaseUrl(values['base-url']);
  if (values.batch && baseUrl === undefined)
    throw new UsageError('--batch needs an API that takes batches: --base-url URL.');
  const grader = await graderFrom(values);
  const external = typeof grader === 'object' ? grader : undefined;
  let server: Awaited<ReturnType<typeof startLocal>> | undefined;
  const interrupt = new AbortController();
  const onInterrupt = () => {
    process.stderr.write('\nWaiting for the requests in flight. Press Ctrl-C again to exit at once.\n');
    interrupt.abort(new Error('Interrupted. Run the same command again to continue.'));
  };
  process.once('SIGINT', onInterrupt);
  try {
    const questions = await questionsFrom(values, number('limit', 1e6), grader);
    if (baseUrl === undefined)
      server = await startLocal({ ...embeddedModels(), port: 0, host: '127.0.0.1', parallel: concurrency });
    const api = { baseUrl: server === undefined ? (baseUrl ?? '') : `${server.url}/v1`, apiKey: apiKeyOf(values) };
    // An unknown store is an error of every question: better before the first one.
    for (const store of values.store ?? []) await callApi(api, 'GET', `/vector_stores/${encodeURIComponent(store)}`);
    const model = values.model ?? (await firstModel(api));
    const weights = server === undefined ? undefined : await embeddedWeights(model);
    const thresholds = await thresholdsFrom(
      values.calibration ?? (server === undefined || model !== TINY ? undefined : CALIBRATION),
      {
        model,
        weights,
        conditions: settings.conditions,
        questions: questionsPath(values),
        rows: questions.length,
      },
    );
    const report = await evaluate({
      api: {
        ...api,
        temperature: settings.temperature,
        repetitionPenalty: settings.repetitionPenalty,
        model,
        thresholds,
        ...(values.store === undefined ? {} : { stores: values.store }),
        ...(values.batch
          ? {
              batch: await BatchAsker.open(new BatchesApi(api), {
                statePath: join(out, 'batches.json'),
                progress: (line) => process.stderr.write(`${line}\n`),
                signal: interrupt.signal,
              }),
            }
          : {}),
      },
      route: values.route,
      target: server === undefined ? api.baseUrl : 'embedded',
      weights,
      prompt,
      questions,
      conditions: settings.conditions,
      grader: external,
      seeds,
      against: settings.against,
      concurrency,
      ...settings.prices,
      out,
      signal: interrupt.signal,
    });
    process.stdout.write(
      values.json
        ? `${JSON.stringify(report, null, 2)}\n`
        : `${reportText(report)}\nIn ${out}: report.html, summary.json, results.jsonl\n`,
    );
    return 0;
  } finally {
    process.removeListener('SIGINT', onInterrupt);
    external?.close();
    await server?.close();
  }
}

/** The second embedded model and the route to it, if its files are installed. */
function embeddedModels() {
  return missingFile(smallModel) === undefined ? { furtherModels: [smallModel], routes: [autoRoute] } : {};
}

/** SHA-256 of the weights of an embedded model. `undefined` for a route, which has several. */
async function embeddedWeights(model: string): Promise<string | undefined> {
  const path = { [TINY]: WEIGHTS, [smallModel.id]: smallModel.modelPath }[model];
  return path === undefined
    ? undefined
    : createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
}

function presetOf(values: EvalValues): Preset {
  if (values.full && values.preset !== undefined && values.preset !== 'card')
    throw new UsageError(`--full is the preset card, but --preset is ${values.preset}. Give one of them.`);
  return presets[parseChoice('preset', values.preset ?? (values.full ? 'card' : 'default'), presetNames)];
}

function conditionsFrom(
  values: EvalValues,
  of: (name: keyof Preset) => string | undefined,
  samples: number,
): readonly Condition[] {
  const list = (name: 'budgets' | 'waits' | 'baselines') => parseNumberList(name, of(name) ?? 'none');
  const words = (text: string) =>
    text === 'none' || text.trim() === '' ? [] : text.split(',').map((part) => part.trim());
  const ofRoute = values.route !== undefined && values.preset === 'adaptive' ? ['route', 'last-model'] : [];
  return conditionsOf({
    budgets: list('budgets'),
    waits: list('waits'),
    baselineBudgets: list('baselines'),
    samples,
    steps: parseNumberList('steps', values.steps),
    retrieval: retrievalFrom(values),
    lengths: words(values.lengths).map((word) => parseChoice('lengths', word, ['short', 'long'])),
    further: [...words(of('conditions') ?? 'none'), ...ofRoute].map((id) => {
      const condition = parseConditionId(id);
      if (condition !== undefined) return condition;
      const known = methodNames.map((name) => {
        const { settings } = methods[name];
        return settings === 'none' ? name : `${name}-${settings === 'number' ? 'N' : settings.join('|')}`;
      });
      throw new UsageError(`--conditions has ${JSON.stringify(id)}. There are: ${known.join(', ')}.`);
    }),
  });
}

/** Tokens of passages of the grid. */
function retrievalFrom({ retrieval, store = [] }: EvalValues): readonly number[] {
  if (retrieval === undefined) {
    if (store.length === 0) return [0];
    throw new UsageError('--store needs the tokens of its passages: --retrieval 0,500,1000.');
  }
  const tokens = parseNumberList('retrieval', retrieval);
  if (tokens.length === 0) throw new UsageError('--retrieval is empty. Give tokens, such as 0,500,1000.');
  if (store.length > 0 || tokens.every((count) => count === 0)) return tokens;
  throw new UsageError(
    '--retrieval needs a store of documents: --store vs_…. The API lists its stores at /v1/vector_stores.',
  );
}

/** Path of the file of questions. */
function questionsPath({ dataset, questions }: Pick<EvalValues, 'dataset' | 'questions'>): string {
  const named = datasetNames.some((name) => name === dataset);
  return questions ?? (named ? undefined : dataset) ?? QUESTIONS;
}

/** Reads the questions. `--dataset` names the columns of `--questions`, or is itself a file. */
async function questionsFrom(
  values: EvalValues,
  limit: number,
  grader: GraderName | ExternalGrader | undefined,
): Promise<readonly Question[]> {
  const { dataset, questions } = values;
  const named: DatasetName | undefined = datasetNames.find((name) => name === dataset);
  if (named !== undefined && questions === undefined)
    throw new UsageError(
      `--dataset ${named} needs its file: take ${datasets[named].source}, and give its path with --questions FILE.`,
    );
  if (dataset !== undefined && named === undefined && questions !== undefined)
    throw new UsageError(
      `--dataset is ${JSON.stringify(dataset)}. It must be one of ${datasetNames.join(', ')} if --questions gives the file.`,
    );
  if (dataset !== undefined && named === undefined && !existsSync(dataset))
    throw new UsageError(
      `--dataset is ${JSON.stringify(dataset)}: there is no such file, and the datasets are ${datasetNames.join(', ')}.`,
    );
  const { 'question-key': question, 'answer-key': answer, 'id-key': id, 'choices-key': choices } = values;
  const mapped = question !== undefined || answer !== undefined || id !== undefined || choices !== undefined;
  const columns = {
    ...(question === undefined ? {} : { question }),
    ...(answer === undefined ? {} : { answer }),
    ...(id === undefined ? {} : { id }),
    ...(choices === undefined ? {} : { choices }),
  };
  return await readQuestions(questionsPath(values), limit, {
    dataset: named,
    columns: mapped ? columns : undefined,
    grader: typeof grader === 'string' ? grader : undefined,
    gradedOutside: typeof grader === 'object',
  });
}

function modelPrice(text: string): readonly [string, TokenPrice] {
  const at = text.lastIndexOf('=');
  if (at < 1)
    throw new UsageError(`--model-price is ${JSON.stringify(text)}. Give a model and its price, such as s1-32b=0.5,2.`);
  const price = parsePrice('model-price', text.slice(at + 1));
  return [text.slice(0, at), typeof price === 'number' ? { prompt: price, completion: price } : price];
}

/** What the options say of dollars. */
export function pricesFrom(values: EvalValues) {
  const { price, 'against-price': againstPrice, 'dollars-per-hour': hourly } = values;
  return {
    dollarsPerMillionTokens: price === undefined ? undefined : parsePrice('price', price),
    againstPrice: againstPrice === undefined ? undefined : parsePrices('against-price', againstPrice),
    modelPrices: Object.fromEntries((values['model-price'] ?? []).map(modelPrice)),
    dollarsPerHour: hourly === undefined ? undefined : parseNumber('dollars-per-hour', hourly, { min: 0, max: 1e6 }),
  };
}

function againstFrom(values: EvalValues): Against | undefined {
  const { against, 'against-model': model } = values;
  if (against === undefined) {
    if (model !== undefined) throw new UsageError('--against-model needs the URL of its API: --against URL.');
    return undefined;
  }
  if (model === undefined) throw new UsageError('--against needs a model: --against-model ID.');
  if (!/^https?:\/\//.test(against) || !URL.canParse(against))
    throw new UsageError(
      `--against is ${JSON.stringify(against)}. Give an http:// or https:// URL, such as https://…/v1.`,
    );
  const { url, dialect } = detectDialect(against, model);
  const named = values['against-dialect'];
  const keyName = values['against-key-env'];
  const key = process.env[keyName];
  return {
    url,
    model,
    dialect: named === undefined ? dialect : parseChoice('against-dialect', named, dialectNames),
    apiKey: key === '' ? undefined : key,
    extra: extraFields(values['against-body']),
  };
}

function extraFields(text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const fields = z.record(z.string(), z.unknown()).safeParse(parsed);
  if (fields.success) return fields.data;
  throw new UsageError(`--against-body is ${text}. It must be a JSON object, such as {"reasoning_effort":"high"}.`);
}
