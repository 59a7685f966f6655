import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { calibrate } from '../../evaluate/calibration/calibrate.ts';
import {
  calibrationPlots,
  calibrationSummary,
  calibrationText,
} from '../../evaluate/calibration/calibration-report.ts';
import { readQuestions } from '../../evaluate/questions/read-questions.ts';
import { plotsPage } from '../../evaluate/report.ts';
import { confidenceMeasures } from '../../lambda/forcing/confidence.ts';
import { startLocal } from '../../local/start-local.ts';
import { apiKeyOf, apiOptions, parseBaseUrl } from '../api-client.ts';
import { defineCommand } from '../command.ts';
import { evalOptions } from '../eval/eval-options.ts';
import { graderFrom } from '../eval/grader-option.ts';
import { firstModel } from '../first-model.ts';
import { parseChoice, parseNumber, parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';

const QUESTIONS = fileURLToPath(new URL('../../local/model/questions.jsonl', import.meta.url));
const WEIGHTS = fileURLToPath(new URL('../../local/model/budgetforce-tiny.gguf', import.meta.url));

/** `budgetforce calibrate`. */
export const calibrateCommand = defineCommand({
  name: 'calibrate',
  description:
    "Finds the thresholds of a model's confidence: splits a set of questions into two halves, chooses on one and judges on the other. Writes calibration.json for the config, a summary, plots and report.html into a folder. The same command continues an interrupted run.",
  options: {
    'base-url': evalOptions['base-url'],
    'api-key': apiOptions['api-key'],
    model: { ...evalOptions.model, description: 'model to calibrate' },
    questions: evalOptions.questions,
    skip: {
      type: 'string',
      placeholder: 'NUMBER',
      defaultText: '500 of the embedded questions, else 0',
      description: 'questions to leave out at the start of the file, so that eval can judge them',
    },
    limit: { type: 'string', placeholder: 'NUMBER', default: '500', description: 'questions to ask, both halves' },
    grader: evalOptions.grader,
    'grader-command': evalOptions['grader-command'],
    'grader-url': evalOptions['grader-url'],
    'grader-python': evalOptions['grader-python'],
    'grader-timeout': evalOptions['grader-timeout'],
    prompt: evalOptions.prompt,
    temperature: evalOptions.temperature,
    seeds: { type: 'string', placeholder: 'NUMBER', default: '1', description: 'seeds per question' },
    'split-seed': { type: 'string', placeholder: 'NUMBER', default: '0', description: 'seed of the split into halves' },
    waits: { type: 'string', placeholder: 'NUMBER', default: '2', description: 'most Waits of a policy' },
    measures: {
      type: 'string',
      placeholder: 'LIST',
      defaultText: 'all',
      description: `measures to choose from: ${confidenceMeasures.join(', ')}`,
    },
    tolerance: {
      type: 'string',
      placeholder: 'POINTS',
      default: '0.5',
      description: 'percentage points of accuracy that a threshold may lose to save tokens',
    },
    'sure-above': {
      type: 'string',
      placeholder: 'LIST',
      default: '0.9,0.95,0.99,1',
      description: 'candidates of sureAbove; "none" to leave it out',
    },
    id: {
      type: 'string',
      placeholder: 'NAME',
      defaultText: 'model and date',
      description: 'name of the calibration, which reports give',
    },
    concurrency: evalOptions.concurrency,
    out: {
      type: 'string',
      placeholder: 'FOLDER',
      default: '.budgetforce/calibrate',
      description: 'folder of the answers and the report',
    },
    write: {
      type: 'string',
      placeholder: 'FILE',
      description: 'write the calibration to this file as well, such as model.calibration.json beside model.gguf',
    },
    json: { type: 'boolean', description: 'print the summary as JSON' },
  },
  exitCodes: ['done', 'failed or interrupted (run it again to continue)'],
  async run({ values }) {
    const whole = (name: 'limit' | 'seeds' | 'split-seed' | 'waits' | 'concurrency', min: number, max: number) =>
      parseWholeNumber(name, values[name], { min, max });
    const { out, prompt, questions: path = QUESTIONS } = values;
    if (!prompt.includes('{question}'))
      throw new UsageError(
        `--prompt is ${JSON.stringify(prompt)}. It must contain {question}, where the question goes.`,
      );
    const limit = whole('limit', 1, 1e6);
    const skip = parseWholeNumber('skip', values.skip ?? (path === QUESTIONS ? '500' : '0'), { min: 0, max: 1e6 });
    const concurrency = whole('concurrency', 1, 256);
    const settings = {
      seeds: whole('seeds', 1, 100),
      splitSeed: whole('split-seed', 0, 2 ** 31 - 1),
      maxWaits: whole('waits', 1, 64),
      measures: measuresFrom(values.measures),
      tolerance: parseNumber('tolerance', values.tolerance, { min: 0, max: 100 }) / 100,
      sureAbove: sharesFrom(values['sure-above']),
    };
    const temperature =
      values.temperature === undefined ? undefined : parseNumber('temperature', values.temperature, { min: 0, max: 2 });
    if (values.id !== undefined && (values.id === '' || values.id.length > 128))
      throw new UsageError('--id must have 1 to 128 characters.');
    const baseUrl = values['base-url'] === undefined ? undefined : parseBaseUrl(values['base-url']);
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
      const read = await readQuestions(path, skip + limit, {
        grader: typeof grader === 'string' ? grader : undefined,
        gradedOutside: external !== undefined,
      });
      const questions = read.slice(skip);
      if (questions.length === 0)
        throw new UsageError(`--skip is ${skip}, but ${path} has ${read.length} questions. Give a smaller number.`);
      if (baseUrl === undefined) server = await startLocal({ port: 0, host: '127.0.0.1', parallel: concurrency });
      const api = { baseUrl: server === undefined ? (baseUrl ?? '') : `${server.url}/v1`, apiKey: apiKeyOf(values) };
      const model = values.model ?? (await firstModel(api));
      const date = new Date().toISOString().slice(0, 10);
      const result = await calibrate({
        ...settings,
        api: { ...api, model, temperature },
        target: server === undefined ? api.baseUrl : 'embedded',
        weights: server === undefined ? undefined : sha256(await readFile(WEIGHTS)),
        prompt,
        questions,
        file: { sha256: sha256(await readFile(path)), first: skip + 1, last: skip + questions.length },
        grader: external,
        id: values.id ?? `${model}-${date}`.slice(-128),
        date,
        concurrency,
        out,
        signal: interrupt.signal,
      });
      const text = `${JSON.stringify(result.calibration, null, 2)}\n`;
      const summary = `${JSON.stringify(calibrationSummary(result), null, 2)}\n`;
      const plots = calibrationPlots(result);
      const page = plotsPage(`Calibration of ${model}`, Object.values(plots), `${calibrationText(result)}\n\n${text}`);
      const files = { 'calibration.json': text, 'summary.json': summary, 'report.html': page, ...plots };
      for (const [name, content] of Object.entries(files)) await writeFile(join(out, name), content);
      if (values.write !== undefined) await writeFile(values.write, text);
      process.stdout.write(
        values.json
          ? summary
          : `${calibrationText(result)}\n\nIn ${out}: calibration.json (models[].thinking.calibration of the config), report.html, summary.json\n`,
      );
      return 0;
    } finally {
      process.removeListener('SIGINT', onInterrupt);
      external?.close();
      await server?.close();
    }
  },
});

function measuresFrom(text: string | undefined) {
  if (text === undefined || text === 'all') return confidenceMeasures;
  const named = text.split(',').map((name) => parseChoice('measures', name.trim(), confidenceMeasures));
  return confidenceMeasures.filter((measure) => named.includes(measure));
}

function sharesFrom(text: string): readonly number[] {
  if (text === 'none') return [];
  const shares = text.split(',').map((part) => parseNumber('sure-above', part, { min: 0, max: 1 }));
  return [...new Set(shares)].toSorted((a, b) => a - b);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
