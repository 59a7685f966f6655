/**
 * Contributors' check: schemathesis compares `budgetforce start` with its own `/openapi.json` (`npm run check:conformance`): examples, each
 * rule of each field at its edges, random requests, and sequences along the links of the document. All of its checks run but one, see
 * `CHECKS_LEFT_OUT`. The model and the
 * ids of a file, a store, a batch and an answer are pinned, so that requests reach the engine and the stores. A proxy counts what each operation answered. Fails if a check
 * fails, or an operation never answered with success.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { pythonTool } from '../python-tool.ts';
import { CountingProxy } from './counting-proxy.ts';
import { type Pinned, pinValues } from './pin-values.ts';

const MODEL = 'budgetforce-tiny';
const SCALING = '^/v1/admin/scaling';
const PHASES = 'examples,coverage,fuzzing,stateful';
/**
 * `positive_data_acceptance` wants every request that the document allows to be served. No document can say that two fields contradict each
 * other (`tool_choice` without `tools`, a maximum below the minimum), which is refused by rule.
 */
const CHECKS_LEFT_OUT = 'positive_data_acceptance';
const { values } = parseArgs({
  options: {
    examples: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log('npm run check:conformance -- [--examples 50] [--seed 1]');
  process.exit(0);
}

const documentSchema = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) });

const st = join(await pythonTool('schemathesis', join(import.meta.dirname, 'requirements.txt')), 'st');
const folder = await mkdtemp(join(tmpdir(), 'budgetforce-conformance-'));
const program = join(import.meta.dirname, '../../bin/budgetforce.ts');
// With copies there are load, scaling and schedules; with a folder, feedback.
const data = ['--data', join(folder, 'data'), '--feedback-days', '7', '--copies', '1..8', '--start-seconds', '1'];
const server = spawn(process.execPath, [program, 'start', '--port', '0', '--json', ...data], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = z.tuple([z.instanceof(Buffer)]).parse(await once(server.stdout, 'data'));
const { url } = z.object({ url: z.url() }).parse(JSON.parse(line.toString()));
const { key } = z.object({ key: z.string() }).parse(
  await (
    await fetch(`${url}/v1/admin/keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'conformance', store: true, raw_prompts: true }),
    })
  ).json(),
);
// What is stored belongs to a key. The admin routes of a laptop are open without one.
const proxy = await CountingProxy.start(url, (path) => (path.startsWith('/v1/admin') ? undefined : key));
try {
  const document: unknown = await (await fetch(`${url}/openapi.json`)).json();
  const pinned = await makePinned();
  const schema = join(folder, 'openapi.json');
  await writeFile(schema, JSON.stringify(pinValues(document, pinned)));
  // A paused endpoint answers nothing but 503, so what scales is asked last, and by itself.
  const others = await run(schema, ['--exclude-path-regex', SCALING]);
  const scaling = await run(schema, ['--include-path-regex', SCALING]);
  const passed = others && scaling;
  const operations = Object.entries(documentSchema.parse(document).paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const counts = operations.map((operation) => ({ operation, ...proxy.countsOf(operation) }));
  const width = Math.max(...operations.map(({ length }) => length));
  for (const { operation, succeeded, all } of counts)
    console.log(`${operation.padEnd(width)}  ${succeeded} of ${all} succeeded`);
  const never = counts.filter(({ succeeded }) => succeeded === 0);
  for (const { operation } of never) console.log(`FAILED: ${operation} never succeeded.`);
  console.log(
    `${proxy.requests} requests, ${operations.length} operations. ${passed && never.length === 0 ? 'Passed.' : 'Failed.'}`,
  );
  process.exitCode = passed && never.length === 0 ? 0 : 1;
} finally {
  proxy.close();
  server.kill();
  await rm(folder, { recursive: true, force: true });
}

/** Makes what requests need, and keeps it from being deleted. */
async function makePinned(): Promise<Pinned> {
  const form = new FormData();
  form.set('purpose', 'assistants');
  form.set('file', new File(['# Coins\n\nA florn is 17 coins.\n'], 'coins.md'));
  const file = await created('/v1/files', form);
  const store = await created('/v1/vector_stores', {});
  const batch = await created(`/v1/vector_stores/${store}/file_batches`, { file_ids: [file] });
  const messages = [{ role: 'user', content: 'What is 2 + 2?' }];
  const answer = await created('/v1/chat/completions', { model: MODEL, messages, store: true });
  proxy.kept.add(`/v1/files/${file}`).add(`/v1/vector_stores/${store}`);
  return { model: MODEL, file, store, batch, answer };
}

/** @returns the id of what a request made */
async function created(path: string, body: FormData | object): Promise<string> {
  const isForm = body instanceof FormData;
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...(isForm ? {} : { 'content-type': 'application/json' }) },
    body: isForm ? body : JSON.stringify(body),
  });
  return z.object({ id: z.string() }).parse(await response.json()).id;
}

/** Runs schemathesis, whose report goes to the terminal. @returns whether all its checks passed */
async function run(schema: string, which: readonly string[]): Promise<boolean> {
  const child = spawn(
    st,
    [
      ...['run', schema, ...which, '--url', proxy.url, '--phases', PHASES, '--exclude-checks', CHECKS_LEFT_OUT],
      ...['--max-examples', values.examples, '--seed', values.seed, '--workers', '2', '--request-timeout', '90'],
      ...['--continue-on-failure', '--suppress-health-check', 'all', '--no-color', '--warnings', 'off'],
    ],
    // It writes a cache into the current folder.
    { stdio: ['ignore', 'inherit', 'inherit'], cwd: folder },
  );
  const [code] = z.tuple([z.number().nullable(), z.unknown()]).parse(await once(child, 'exit'));
  return code === 0;
}
