import { execFile } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Tokenizer } from '@huggingface/tokenizers';
import * as z from 'zod';
import { hostedPart, loadConfig } from '../../lib/config.ts';
import { containerEnvironment } from '../../lib/endpoint/model-container.ts';
import { serveArguments } from '../../lib/serving/serve-command.ts';
import { servedWeights } from '../../lib/serving/served-weights.ts';
import { startLocal } from '../../local/start-local.ts';
import { checkBudgets } from './check-budgets.ts';
import { checkFeatures } from './check-features.ts';
import { checkOwnBudget, reasoningConfig } from './check-own-budget.ts';
import { checkRestart } from './check-restart.ts';
import { Client } from './client.ts';
import { installVllm } from './install.ts';
import { pins } from './pins.ts';
import { checkDisk, checkPort, PreconditionError } from './preconditions.ts';
import { recordStreams } from './record.ts';
import { startTap } from './tap.ts';
import { VllmServer } from './vllm-server.ts';
import { type Path, paths, type Row, type World } from './world.ts';

/**
 * `npm run check:vllm`: the product against a real vLLM on the CPU, over HTTP and over SageMaker's /invocations.
 *
 *   --yes             install without a question
 *   --port N          port of vLLM; if omitted, any free one
 *   --requests N      random requests on each path (500)
 *   --parallel N      of them at the same time (16)
 *   --record          write the recorded streams of test/vllm/fixtures anew
 */
const options = {
  yes: { type: 'boolean', default: false },
  record: { type: 'boolean', default: false },
  port: { type: 'string', default: '0' },
  requests: { type: 'string', default: '500' },
  parallel: { type: 'string', default: '16' },
} as const;
const values = readArguments();

const run = promisify(execFile);
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const tokenizerPath = at('../../local/model/tokenizer.json');
const LORA = 'budgetforce-tiny-adapter';

// Ctrl-C ends vLLM too: see VllmServer.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
await main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof PreconditionError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const begin = performance.now();
  const port = numberOf('port', 0, 65_535);
  const amount = { requests: numberOf('requests', 1, 100_000), parallel: numberOf('parallel', 1, 64) };
  if (port !== 0) await checkPort(port);
  const { folder, python, cached } = await installVllm({ yes: values.yes });
  await checkDisk(folder, 0.2e9);
  const installed = performance.now();
  const rows: (Row & { readonly path: string })[] = [];

  const model = join(folder, 'budgetforce-tiny');
  await run(python, [at('../../training/export_safetensors.py'), '--out', model]);
  await run(python, [at('make_adapter.py'), model, join(folder, 'adapter')]);
  process.stdout.write('Comparing greedy tokens of the export … ');
  const exported = await run(python, [at('../training/test_export.py')]);
  process.stdout.write(`${((performance.now() - installed) / 1_000).toFixed(0)} s\n`);
  rows.push({
    path: '–',
    check: 'greedy tokens of the export in PyTorch',
    figures: `those of llama.cpp for 50 questions (${/Ran \d+ tests/.exec(exported.stderr)?.[0]})`,
    wrong: [],
  });

  const logFile = join(folder, 'vllm.log');
  await writeFile(logFile, '');
  const vllm = new VllmServer({
    python,
    port: port === 0 ? await freePort() : port,
    logFile,
    arguments: argumentsFor(model, join(folder, 'adapter')),
  });
  try {
    process.stdout.write(`Starting vLLM (log: ${logFile}) … `);
    process.stdout.write(`${(await vllm.start()).toFixed(0)} s\n`);
    await checkVersion(vllm);
    for (const path of paths) {
      for await (const row of rowsOf(path, vllm, amount)) rows.push(report({ path, ...row }));
    }
  } finally {
    await vllm.kill();
  }
  const table = toTable(rows);
  const wrong = rows.flatMap((row) => row.wrong.map((sentence) => `${row.path}: ${row.check}: ${sentence}\n`));
  await appendFile(logFile, `${table}\n${wrong.join('')}`);
  process.stdout.write(
    `\nvLLM ${pins.vllm} on the CPU, ${cached ? 'installed before' : `installed in ${((installed - begin) / 1_000).toFixed(0)} s`}; the check took ${((performance.now() - installed) / 1_000).toFixed(0)} s.\n\n${table}\n`,
  );
  if (rows.some(({ wrong }) => wrong.length > 0)) process.exitCode = 1;
}

/** All checks on one path: Budgetforce over HTTP, or behind a local SageMaker endpoint, in front of the tap in front of vLLM. */
async function* rowsOf(
  path: Path,
  vllm: VllmServer,
  amount: Pick<World, 'requests' | 'parallel'>,
): AsyncGenerator<Row> {
  const tap = await startTap(vllm.url);
  const serve = async (upstreamModel: string) =>
    await startLocal({
      port: 0,
      host: '127.0.0.1',
      format: 's1',
      tokenizerPath,
      upstreamModel,
      ...(path === 'HTTP' ? { upstream: `${tap.url}/v1` } : { container: tap.url }),
    });
  const server = await serve('budgetforce-tiny');
  try {
    const world: World = {
      path,
      vllm,
      tap,
      client: new Client(server.url, server.model.id),
      async withAdapter(use) {
        const adapter = await serve(LORA);
        return await use(new Client(adapter.url, adapter.model.id)).finally(() => adapter.close());
      },
      questions: await questions(),
      decode: await decoder(),
      ...amount,
    };
    yield* checkFeatures(world);
    yield* await checkBudgets(world);
    if (path === 'HTTP') yield* await checkOwnBudget(world);
    if (path === 'HTTP' && values.record) await recordStreams(world);
    yield await checkRestart(world);
  } finally {
    await server.close();
    await tap.close();
  }
}

/** The server says itself which version it is. */
async function checkVersion(vllm: VllmServer): Promise<void> {
  const { version } = z.object({ version: z.string() }).parse(await (await fetch(`${vllm.url}/version`)).json());
  if (!version.startsWith(pins.vllm)) throw new Error(`The server is vLLM ${version}, not the pinned ${pins.vllm}.`);
}

/** Arguments of `vllm`: those that a deployment of config.json generates, and what a CPU and the side-by-side need. */
function argumentsFor(model: string, adapter: string): readonly string[] {
  const config = hostedPart(loadConfig(at('config.json')))?.models[0];
  if (config === undefined) throw new Error('config.json has no model.');
  return [
    ...serveArguments(containerEnvironment(config, servedWeights(config)), model),
    ...['--dtype', 'float32'],
    ...['--lora-modules', `${LORA}=${adapter}`],
    ...['--reasoning-config', JSON.stringify(reasoningConfig)],
  ];
}

function report<Reported extends Row & { readonly path: string }>(row: Reported): Reported {
  process.stdout.write(`${row.wrong.length === 0 ? 'ok   ' : 'WRONG'} ${row.path}: ${row.check}: ${row.figures}\n`);
  for (const sentence of row.wrong.slice(0, 12)) process.stdout.write(`        ${sentence}\n`);
  if (row.wrong.length > 12) process.stdout.write(`        and ${row.wrong.length - 12} more\n`);
  return row;
}

function toTable(rows: readonly (Row & { readonly path: string })[]): string {
  const lines = rows.map(({ path, check, figures, wrong }) =>
    `| ${path} | ${check} | ${wrong.length === 0 ? figures : `**wrong in ${wrong.length}**: ${wrong[0]}`} |`.replaceAll(
      '\n',
      ' ',
    ),
  );
  return ['| path | check | figures |', '| --- | --- | --- |', ...lines].join('\n');
}

async function questions(): Promise<readonly string[]> {
  const lines = (await readFile(at('../../local/model/questions.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => z.object({ question: z.string() }).parse(JSON.parse(line)).question);
}

/** Another decoder than the product's: Hugging Face's, with control tokens. */
async function decoder(): Promise<World['decode']> {
  const tokenizer = new Tokenizer(JSON.parse(await readFile(tokenizerPath, 'utf8')), {});
  return (ids) =>
    ids.length === 0
      ? ''
      : tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function readArguments() {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    process.stderr.write(
      `${error instanceof Error ? error.message : error}\nOptions: --${Object.keys(options).join(', --')}.\n`,
    );
    return process.exit(2);
  }
}

function numberOf(name: 'port' | 'requests' | 'parallel', min: number, max: number): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= min && number <= max) return number;
  throw new PreconditionError(
    `--${name} is ${JSON.stringify(values[name])}. Give a whole number from ${min} to ${max}.`,
  );
}
