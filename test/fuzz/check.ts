/**
 * Contributors' check: schemathesis sends requests made from `/openapi.json`, valid and broken ones, to every POST route of
 * `budgetforce start` (`npm run check:fuzz`). A proxy in between counts them, so that nothing rests on schemathesis's own report.
 * The model is pinned, so that requests reach the engine. Fails if any answer has status 5xx, none comes within a minute, or the process ends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { pythonTool } from '../python-tool.ts';
import { CountingProxy } from './counting-proxy.ts';
import { pinValues } from './pin-values.ts';

/** Requests for each operation in one round. Each round has another seed. */
const EXAMPLES = 200;
const MODEL = 'budgetforce-tiny';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log('npm run check:fuzz -- [--requests 100000] [--seed 1] [--workers 2]');
  process.exit(0);
}
const requests = wholeNumber('requests', values.requests);
const firstSeed = wholeNumber('seed', values.seed);
const workers = wholeNumber('workers', values.workers);

const st = join(await pythonTool('schemathesis', join(import.meta.dirname, 'requirements.txt')), 'st');
const program = join(import.meta.dirname, '../../bin/budgetforce.ts');
const server = spawn(process.execPath, [program, 'start', '--port', '0', '--data', 'none', '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let ended = false;
server.once('exit', () => {
  ended = true;
});
const [line] = z.tuple([z.instanceof(Buffer)]).parse(await once(server.stdout, 'data'));
const { url } = z.object({ url: z.url() }).parse(JSON.parse(line.toString()));
const proxy = await CountingProxy.start(url);
const schema = join(tmpdir(), `budgetforce-openapi-${process.pid}.json`);
try {
  const document: unknown = await (await fetch(`${url}/openapi.json`)).json();
  await writeFile(schema, JSON.stringify(pinValues(document, { model: MODEL, file: 'file-unknown' })));
  for (let seed = firstSeed; proxy.requests < requests && !ended; seed++) {
    await round(seed, seed === firstSeed ? 'coverage,fuzzing' : 'fuzzing');
    console.log(
      `seed ${seed}: ${proxy.requests} requests, ${proxy.failures.length} server errors, ${proxy.hung} hangs, slowest ${(proxy.slowestMs / 1_000).toFixed(1)} s`,
    );
  }
  const alive = !ended && (await fetch(`${url}/healthz`)).ok;
  for (const [status, count] of [...proxy.statuses].toSorted(([a], [b]) => a - b)) console.log(`  ${status}: ${count}`);
  for (const failure of proxy.failures.slice(0, 10)) console.log(JSON.stringify(failure));
  const passed = alive && proxy.failures.length === 0 && proxy.hung === 0;
  console.log(
    `${proxy.requests} requests: ${proxy.failures.length} server errors, ${proxy.hung} hangs, the process ${alive ? 'is alive' : 'ended'}. ${passed ? 'Passed.' : 'Failed.'}`,
  );
  process.exitCode = passed ? 0 : 1;
} finally {
  proxy.close();
  server.kill();
  await rm(schema, { force: true });
}

async function round(seed: number, phases: string): Promise<void> {
  const child = spawn(
    st,
    [
      ...['run', schema, '--url', proxy.url, '--phases', phases, '--checks', 'not_a_server_error'],
      ...['--include-method', 'POST', '--max-examples', String(EXAMPLES), '--seed', String(seed)],
      ...['--workers', String(workers), '--request-timeout', '90', '--continue-on-failure', '--no-shrink'],
      ...['--suppress-health-check', 'all', '--warnings', 'off', '--no-color'],
    ],
    // It writes a cache into the current folder.
    { stdio: 'ignore', cwd: tmpdir() },
  );
  const [code] = z.tuple([z.number().nullable(), z.unknown()]).parse(await once(child, 'exit'));
  // 1: it found a server error, which the proxy counted, too.
  if (code !== 0 && code !== 1)
    throw new Error(`schemathesis ended with ${code}. Run it by hand: ${st} run ${schema} --url ${url}`);
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  console.error(`--${name} must be a whole number above 0; received ${JSON.stringify(text)}.`);
  process.exit(2);
}
