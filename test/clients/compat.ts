/** Contributors' check: compatcanary's profiles against `budgetforce start` (`npm run check:compat`, needs the network for npx). */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import * as z from 'zod';

const version = '0.2.2';

/** Probes that may fail with this sentence only. docs/compatibility.md has them with their reasons. */
const exceptions: Readonly<Record<string, { readonly sentence: string; readonly reason: string }>> = {
  'chat.tool_call': {
    sentence: 'Tool arguments were not valid JSON',
    reason:
      'the embedded model writes a free string until its answer budget is used up, which is reported as finish_reason "length"',
  },
};

const report = z.object({
  results: z.array(z.object({ id: z.string(), status: z.string(), summary: z.string() })),
});

const program = join(import.meta.dirname, '../../bin/budgetforce.ts');
const server = spawn(process.execPath, [program, 'start', '--port', '0', '--data', 'none', '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const [line] = z.tuple([z.instanceof(Buffer)]).parse(await once(server.stdout, 'data'));
  const { url } = z.object({ url: z.url() }).parse(JSON.parse(line.toString()));
  for (const profile of ['chat', 'modern']) scan(url, profile);
} finally {
  server.kill();
}

function scan(url: string, profile: string): void {
  const options = [
    '--base-url',
    `${url}/v1`,
    '--model',
    'budgetforce-tiny',
    '--profile',
    profile,
    '--api-key',
    'no-key',
  ];
  const scanned = spawnSync(
    'npx',
    [
      '--yes',
      `compatcanary@${version}`,
      'scan',
      ...options,
      '--timeout',
      '120',
      '--format',
      'json',
      '--fail-on',
      'never',
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (scanned.error !== undefined) throw scanned.error;
  for (const { id, status, summary } of report.parse(JSON.parse(scanned.stdout)).results) {
    const exception = exceptions[id];
    const excepted = status !== 'pass' && exception !== undefined && summary === exception.sentence;
    process.stdout.write(
      `${profile}  ${status.padEnd(4)}  ${id}: ${excepted ? `${summary} (exception: ${exception.reason})` : summary}\n`,
    );
    if (status !== 'pass' && !excepted) process.exitCode = 1;
  }
}
