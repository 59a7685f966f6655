/**
 * Contributors' check: the whole circle on a laptop (`npm run check:preferences`). The embedded model answers questions by votes, which are
 * stored with consent; the export makes pairs of them; DPO trains on the pairs; `budgetforce eval` asks both models other questions, and
 * prints accuracy and tokens per right answer. Fails if a step fails, or the model after is worse for certain. KTO and GRPO train a few
 * steps.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { installEnvironment, runOrExit } from './environment.ts';
import { runTraining } from './training-run.ts';

const root = join(import.meta.dirname, '../..');
const program = join(root, 'bin/budgetforce.ts');
const EMBEDDED = join(root, 'local/model/budgetforce-tiny.gguf');
const EVALUATED = 200;

const reportSchema = z.object({
  rows: z.tuple([
    z.object({
      accuracy: z.object({ right: z.int(), of: z.int(), low: z.number(), high: z.number() }),
      spentTokens: z.number(),
      tokensPerRightAnswer: z.number().optional(),
    }),
  ]),
});

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    'download-cuda': { type: 'boolean', default: false },
    questions: { type: 'string', default: '600' },
    out: { type: 'string', default: join(root, 'training/work/preferences') },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log('npm run check:preferences -- [--python COMMAND] [--questions N] [--download-cuda] [--out FOLDER]');
  process.exit(0);
}
const python = values.python ?? (await installEnvironment(values['download-cuda']));
const { out } = values;
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const lines = (await readFile(join(root, 'local/model/questions.jsonl'), 'utf8')).trim().split('\n');
const evaluated = join(out, 'questions.jsonl');
await writeFile(evaluated, `${lines.slice(0, EVALUATED).join('\n')}\n`);

const server = await serve(['--data', join(out, 'data'), '--feedback-days', '30']);
await vote(server.url, lines.slice(EVALUATED, EVALUATED + Number(values.questions)));
for (const format of ['dpo', 'kto', 'grpo']) {
  const exported = budgetforce([
    'preferences',
    'export',
    '--format',
    format,
    '--out',
    join(out, format),
    '--base-url',
    `${server.url}/v1`,
  ]);
  console.log(exported.trim());
}
server.child.kill();

runOrExit(python, [join(root, 'training/export_safetensors.py'), '--gguf', EMBEDDED, '--out', join(out, 'base')]);
const common = ['--model', join(out, 'base'), '--format', 's1', '--learning-rate', '1e-4'];
await train('kto', ['--max-steps', '4']);
await train('grpo', ['--max-steps', '4', '--batch-size', '64', '--block-size', '400', '--token-price', '0.002']);
await train('dpo', ['--epochs', '2']);
runOrExit(python, [
  ...[
    join(root, 'training/sft/export.py'),
    'gguf',
    '--model',
    join(out, 'dpo-model'),
    '--out',
    join(out, 'after.gguf'),
  ],
]);
const both = await serve([
  '--data',
  'none',
  '--format',
  's1',
  '--model',
  `before=${EMBEDDED}`,
  '--model',
  `after=${join(out, 'after.gguf')}`,
]);
const [before, after] = [ask(both.url, 'before'), ask(both.url, 'after')];
both.child.kill();
for (const [name, row] of Object.entries({ before, after })) {
  const { right, of, low, high } = row.accuracy;
  const percent = (share: number) => (100 * share).toFixed(1);
  console.log(
    `${name}: ${percent(right / of)} % (${percent(low)} to ${percent(high)}) right, ${row.tokensPerRightAnswer?.toFixed(1)} tokens per right answer`,
  );
}
if (after.accuracy.high < before.accuracy.low) {
  console.error('FAILED: the model after DPO is worse for certain.');
  process.exit(1);
}
console.log('Passed.');
process.exit(0);

async function serve(options: readonly string[]): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = spawn(process.execPath, [program, 'start', '--port', '0', '--json', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = z.tuple([z.instanceof(Buffer)]).parse(await once(child.stdout, 'data'));
  return { child, url: z.object({ url: z.url() }).parse(JSON.parse(line.toString())).url };
}

/** Asks each question by a vote of eight, with a key that allows to store. */
async function vote(url: string, questions: readonly string[]): Promise<void> {
  const post = async (path: string, body: unknown, key?: string) => {
    const response = await fetch(`${url}/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return await response.json();
  };
  const { key } = z.object({ key: z.string() }).parse(await post('/admin/keys', { name: 'votes', store: true }));
  let next = 0;
  const one = async () => {
    while (next < questions.length) {
      const seed = next++;
      const { question } = z.object({ question: z.string() }).parse(JSON.parse(questions[seed] ?? ''));
      const messages = [{ role: 'user', content: question }];
      await post(
        '/chat/completions',
        { model: 'budgetforce-tiny', n: 8, vote: true, temperature: 1, seed, messages },
        key,
      );
      if (next % 100 === 0) console.log(`${next} votes …`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, one));
}

async function train(task: string, options: readonly string[]): Promise<void> {
  const data = ['--task', task, '--data', join(out, task), '--output', join(out, `${task}-model`), ...options];
  const { status, errors } = await runTraining(python, [...common, ...data], {
    onLine: (line) => {
      if (Number(line['step']) % 20 === 0 || line['event'] !== undefined) console.log(JSON.stringify(line));
    },
  });
  if (status === 0) return;
  console.error(`FAILED: ${task} ended with ${status}.\n${errors.slice(-2_000)}`);
  process.exit(1);
}

/** Asks the evaluated questions without any forcing. */
function ask(url: string, model: string): z.infer<typeof reportSchema>['rows'][0] {
  const conditions = ['--budgets', 'none', '--waits', 'none', '--baselines', 'none', '--samples', '1'];
  const limit = ['--limit', String(EVALUATED)];
  const report = budgetforce([
    ...['eval', '--base-url', `${url}/v1`, '--model', model, '--questions', evaluated, ...conditions, ...limit],
    ...['--out', join(out, `eval-${model}`), '--json'],
  ]);
  return reportSchema.parse(JSON.parse(report)).rows[0];
}

function budgetforce(words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8' });
  if (status === 0) return stdout;
  console.error(`FAILED: budgetforce ${words.join(' ')}\n${stderr}`);
  process.exit(1);
}
