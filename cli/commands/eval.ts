import { fileURLToPath } from 'node:url';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { evaluate } from '../../evaluate/evaluate.ts';
import { readQuestions } from '../../evaluate/questions.ts';
import { summaryText } from '../../evaluate/report.ts';
import { startLocal } from '../../local/start-local.ts';
import { apiKeyOf, apiOptions, parseBaseUrl } from '../api-client.ts';
import { defineCommand } from '../command.ts';
import { firstModel } from '../first-model.ts';
import { parseNumber, parseNumberList, parseWholeNumber } from '../option-values.ts';

const QUESTIONS = fileURLToPath(new URL('../../local/model/questions.jsonl', import.meta.url));

/** `budgetforce eval`. */
export const evalCommand = defineCommand({
  name: 'eval',
  description:
    'Asks a set of questions at several budgets, and reports accuracy, tokens and the metrics of the s1 paper. Writes results.jsonl, summary.json, plots and report.html into a folder. The same command continues an interrupted run.',
  options: {
    'base-url': {
      type: 'string',
      placeholder: 'URL',
      description: 'URL of the API, which ends in /v1',
      defaultText: 'the embedded engine, started for this run',
    },
    'api-key': apiOptions['api-key'],
    model: { type: 'string', placeholder: 'ID', defaultText: 'the first one', description: 'model to evaluate' },
    questions: {
      type: 'string',
      placeholder: 'FILE',
      default: QUESTIONS,
      defaultText: 'arithmetic',
      description: 'JSONL with id, question, answer, and grader: numeric, exact or choice',
    },
    limit: {
      type: 'string',
      placeholder: 'NUMBER',
      defaultText: '100',
      description: 'questions to ask, from the start of the file',
    },
    budgets: {
      type: 'string',
      placeholder: 'LIST',
      default: '0,24,36,48,60,72',
      description: 'maximum thinking tokens; "none" for no budgets',
    },
    waits: {
      type: 'string',
      placeholder: 'LIST',
      default: '1,2,4',
      description: 'numbers of forced Waits; "none" for no Waits',
    },
    samples: {
      type: 'string',
      placeholder: 'NUMBER',
      defaultText: '3',
      description: 'samples of the natural run, for a majority vote',
    },
    baselines: {
      type: 'string',
      placeholder: 'LIST',
      defaultText: '32',
      description: 'budgets of the baselines; "none" for no baselines',
    },
    seeds: { type: 'string', placeholder: 'NUMBER', defaultText: '1', description: 'seeds per question' },
    temperature: {
      type: 'string',
      placeholder: 'NUMBER',
      defaultText: "the model's own",
      description: 'sampling temperature, 0 to 2',
    },
    concurrency: { type: 'string', placeholder: 'NUMBER', default: '4', description: 'concurrent requests' },
    price: {
      type: 'string',
      placeholder: 'NUMBER',
      description: 'dollars per million tokens, to report dollars per right answer',
    },
    full: {
      type: 'boolean',
      description: "the figures of the model's card: 500 questions, 3 seeds, no baselines, one sample",
    },
    out: {
      type: 'string',
      placeholder: 'FOLDER',
      default: '.budgetforce/eval',
      description: 'folder of the results',
    },
    json: { type: 'boolean', description: 'print the summary as JSON' },
  },
  exitCodes: ['done', 'failed or interrupted (run it again to continue)'],
  async run({ values }) {
    const { full, temperature, price } = values;
    const numbers = {
      samples: parseWholeNumber('samples', values.samples ?? (full ? '1' : '3'), { min: 1, max: 64 }),
      temperature: temperature === undefined ? undefined : parseNumber('temperature', temperature, { min: 0, max: 2 }),
      price: price === undefined ? undefined : parseNumber('price', price, { min: 0, max: 1e6 }),
      budgets: parseNumberList('budgets', values.budgets),
      waits: parseNumberList('waits', values.waits),
      baselineBudgets: parseNumberList('baselines', values.baselines ?? (full ? 'none' : '32')),
      limit: parseWholeNumber('limit', values.limit ?? (full ? '500' : '100'), { min: 1, max: 1e6 }),
      concurrency: parseWholeNumber('concurrency', values.concurrency, { min: 1, max: 256 }),
      seeds: parseWholeNumber('seeds', values.seeds ?? (full ? '3' : '1'), { min: 1, max: 100 }),
    };
    const { concurrency, seeds } = numbers;
    const baseUrl = values['base-url'] === undefined ? undefined : parseBaseUrl(values['base-url']);
    const questions = await readQuestions(values.questions, numbers.limit);
    const server =
      baseUrl === undefined ? await startLocal({ port: 0, host: '127.0.0.1', parallel: concurrency }) : undefined;
    const interrupt = new AbortController();
    const onInterrupt = () => {
      process.stderr.write('\nWaiting for the requests in flight. Press Ctrl-C again to exit at once.\n');
      interrupt.abort(new Error('Interrupted. Run the same command again to continue.'));
    };
    process.once('SIGINT', onInterrupt);
    try {
      const api = { baseUrl: server === undefined ? (baseUrl ?? '') : `${server.url}/v1`, apiKey: apiKeyOf(values) };
      const summary = await evaluate({
        api: { ...api, temperature: numbers.temperature, model: values.model ?? (await firstModel(api)) },
        target: server === undefined ? api.baseUrl : 'embedded',
        questions,
        conditions: conditionsOf(numbers),
        seeds,
        concurrency,
        dollarsPerMillionTokens: numbers.price,
        out: values.out,
        signal: interrupt.signal,
      });
      process.stdout.write(
        values.json
          ? `${JSON.stringify(summary, null, 2)}\n`
          : `${summaryText(summary)}\nIn ${values.out}: report.html, summary.json, results.jsonl\n`,
      );
      return 0;
    } finally {
      process.removeListener('SIGINT', onInterrupt);
      await server?.close();
    }
  },
});
