import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Api } from '../../evaluate/ask.ts';
import { conditionsOf, numberList } from '../../evaluate/conditions.ts';
import { evaluate } from '../../evaluate/evaluate.ts';
import { readQuestions } from '../../evaluate/questions.ts';
import { summaryText } from '../../evaluate/report.ts';
import { startLocal } from '../../local/start-local.ts';
import { UsageError } from '../usage-error.ts';

const QUESTIONS = fileURLToPath(new URL('../../local/model/questions.jsonl', import.meta.url));

const HELP = `Usage: budgetforce eval [options]

Asks a set of questions at several budgets, and reports accuracy, tokens, and the metrics of the s1 paper. Writes results.jsonl, summary.json,
plots and report.html into a folder; an interrupted run goes on where it was.

Options:
  --base-url URL       an API to ask, with its /v1 (default: the embedded engine, started for this)
  --api-key KEY        its bearer key (or the variable BUDGETFORCE_API_KEY)
  --model ID           which of its models (default: its first)
  --questions FILE     JSONL with id, question, answer, and grader: numeric, exact or choice (default: arithmetic)
  --limit NUMBER       the first so many questions (default 100)
  --budgets LIST       maximum thinking tokens; "none" for none (default 0,24,36,48,60,72)
  --waits LIST         forced Waits; "none" for none (default 1,2,4)
  --samples NUMBER     samples of the natural run, for a majority vote (default 3)
  --baselines LIST     budgets at which the baselines run too; "none" for none (default 32)
  --seeds NUMBER       each question so often, with other seeds (default 1)
  --temperature NUMBER 0 to 2 (default: the model's own)
  --concurrency NUMBER questions at once (default 4)
  --price NUMBER       dollars for a million tokens, for dollars per right answer
  --full               the card's figures: 500 questions, 3 seeds, no baselines, one sample
  --out FOLDER         where to write (default .budgetforce/eval)
  --json               print the summary as JSON
  --help               this text

Exit codes: 0 done, 1 failed or interrupted (run it again to go on), 2 wrong options.
`;

export const evalCommand = {
  name: 'eval',
  summary: 'measure accuracy against thinking budgets',
  help: HELP,
  async run(argv: readonly string[]): Promise<number> {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        'base-url': { type: 'string' },
        'api-key': { type: 'string' },
        model: { type: 'string' },
        questions: { type: 'string', default: QUESTIONS },
        limit: { type: 'string' },
        budgets: { type: 'string', default: '0,24,36,48,60,72' },
        waits: { type: 'string', default: '1,2,4' },
        samples: { type: 'string' },
        baselines: { type: 'string' },
        seeds: { type: 'string' },
        temperature: { type: 'string' },
        concurrency: { type: 'string', default: '4' },
        price: { type: 'string' },
        full: { type: 'boolean', default: false },
        out: { type: 'string', default: '.budgetforce/eval' },
        json: { type: 'boolean', default: false },
      },
    });
    const { full } = values;
    const samples = toNumber('--samples', values.samples ?? (full ? '1' : '3'), 1, 64);
    const temperature =
      values.temperature === undefined ? undefined : toNumber('--temperature', values.temperature, 0, 2, false);
    const price = values.price === undefined ? undefined : toNumber('--price', values.price, 0, 1e6, false);
    const conditions = conditionsOf({
      budgets: numberList('--budgets', values.budgets),
      waits: numberList('--waits', values.waits),
      samples,
      baselineBudgets: numberList('--baselines', values.baselines ?? (full ? 'none' : '32')),
    });
    const questions = await readQuestions(
      values.questions,
      toNumber('--limit', values.limit ?? (full ? '500' : '100'), 1, 1e6),
    );
    const concurrency = toNumber('--concurrency', values.concurrency, 1, 256);
    const seeds = toNumber('--seeds', values.seeds ?? (full ? '3' : '1'), 1, 100);
    const baseUrl = values['base-url'];
    if (baseUrl !== undefined && !(/^https?:\/\//.test(baseUrl) && URL.canParse(baseUrl)))
      throw new UsageError(
        `--base-url is ${JSON.stringify(baseUrl)}. Give a URL, http:// or https://, that ends in /v1.`,
      );

    const server =
      baseUrl === undefined ? await startLocal({ port: 0, host: '127.0.0.1', parallel: concurrency }) : undefined;
    const interrupt = new AbortController();
    const onInterrupt = () => {
      process.stderr.write('\nWaits for the answers under way. Ctrl-C once more ends at once.\n');
      interrupt.abort(new Error('Interrupted. The same command goes on from here.'));
    };
    process.once('SIGINT', onInterrupt);
    try {
      const url = server === undefined ? (baseUrl ?? '').replace(/\/+$/, '') : `${server.url}/v1`;
      const apiKey = values['api-key'] ?? process.env['BUDGETFORCE_API_KEY'];
      const api: Api = { baseUrl: url, apiKey, temperature, model: values.model ?? (await firstModel(url, apiKey)) };
      const summary = await evaluate({
        api,
        target: server === undefined ? url : 'embedded',
        questions,
        conditions,
        seeds,
        concurrency,
        dollarsPerMillionTokens: price,
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
};

async function firstModel(baseUrl: string, apiKey: string | undefined): Promise<string> {
  const response = await fetch(
    `${baseUrl}/models`,
    apiKey === undefined ? {} : { headers: { authorization: `Bearer ${apiKey}` } },
  ).catch((cause: unknown) => {
    throw new Error(`${baseUrl} cannot be reached.`, { cause });
  });
  if (!response.ok)
    throw new Error(
      `GET ${baseUrl}/models answered ${response.status}. Check --base-url (it ends in /v1) and --api-key.`,
    );
  const { data } = (await response.json()) as { data?: readonly { id: string }[] };
  const id = data?.[0]?.id;
  if (id === undefined) throw new Error(`${baseUrl}/models lists no model. Name one with --model.`);
  return id;
}

function toNumber(option: string, text: string, min: number, max: number, whole = true): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  throw new UsageError(
    `${option} is ${JSON.stringify(text)}. Give a ${whole ? 'whole ' : ''}number from ${min} to ${max}.`,
  );
}
