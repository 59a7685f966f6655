/**
 * Contributors' check: the tests of everything that is kept in DynamoDB, on ministack's DynamoDB instead of dynalite's
 * (`npm run check:ministack`). A second opinion on conditions, pages and concurrent writes.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pythonTool } from '../python-tool.ts';

/** Tests that use test/lambda/storage/embedded-table.ts. */
const TESTS = ['storage', 'keys', 'feedback', 'admin/keys.test.ts', 'aws/minute-tick.test.ts', 'openapi'];
const START_SECONDS = 60;

const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });
if (values.help) {
  console.log('npm run check:ministack');
  process.exit(0);
}

const bin = await pythonTool('ministack', join(import.meta.dirname, 'requirements.txt'));
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const server = spawn(join(bin, 'ministack'), [], {
  env: { ...process.env, GATEWAY_PORT: String(port), LOG_LEVEL: 'ERROR' },
  stdio: ['ignore', 'ignore', 'inherit'],
});
try {
  await ready();
  const vitest = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs');
  const files = TESTS.map((name) => join('test/lambda', name));
  // It answers more slowly than the embedded one, and one test writes 10,000 items.
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--testTimeout', '180000', ...files], {
    cwd: join(import.meta.dirname, '../..'),
    env: { ...process.env, BUDGETFORCE_TEST_DYNAMODB: url },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  server.kill();
}

async function ready(): Promise<void> {
  for (let second = 0; second < START_SECONDS; second++) {
    if (server.exitCode !== null) throw new Error(`ministack ended with ${server.exitCode}.`);
    const answer = await fetch(`${url}/_ministack/health`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(1_000);
  }
  throw new Error(`ministack gave no answer within ${START_SECONDS} s.`);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('There is no free port.');
  return address.port;
}
