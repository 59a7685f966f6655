/**
 * Contributors' check: llm-comply's tests of the three APIs' official schemas against `budgetforce start` (`npm run check:comply`). Python 3
 * and its package index are needed once.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import * as z from 'zod';
import { pythonTool } from '../../python-tool.ts';

const formats = {
  anthropic: ['--auth-header', 'x-api-key', '--no-bearer', '--header', 'anthropic-version:2023-06-01'],
  'openai-chat': [],
  'open-responses': [],
} as const;

/** Findings that may be there in any test: see docs/compatibility.md, which has the reasons of all exceptions. */
const everywhere = [
  'top_p: None is not',
  'temperature: None is not',
  'response.top_p: None is not',
  'response.temperature: None is not',
  'unknown SSE event type: response.reasoning_text.',
];
/** Findings that may be there in one test, by its id and the beginning of the sentence. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  'anth-tool-calling': ["stop_reason: expected 'tool_use', got 'max_tokens'"],
  'chat-tool-calling': ["finish_reason: expected 'tool_calls', got 'length'"],
};
/** Tests of what the API does not have, with the beginning of their first finding. */
const refused: Readonly<Record<string, string>> = {
  'anth-image-input': 'HTTP 400 (expected [200])',
  'chat-image-input': 'HTTP 400 (expected [200])',
  'image-input': 'HTTP 400 (expected [200])',
  // Advisory in the package itself.
  'compact-response': 'response.output is missing or empty',
};

const resultsSchema = z.object({
  results: z.array(
    z.object({
      ...{ id: z.string(), status: z.string() },
      errors: z.array(z.string()).nullish(),
      warnings: z.array(z.string()).nullish(),
    }),
  ),
});

const bin = await pythonTool('llm-comply', join(import.meta.dirname, 'requirements.txt'));
const program = join(import.meta.dirname, '../../../bin/budgetforce.ts');
const server = spawn(process.execPath, [program, 'start', '--port', '0', '--data', 'none', '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const [line] = z.tuple([z.instanceof(Buffer)]).parse(await once(server.stdout, 'data'));
  const { url } = z.object({ url: z.url() }).parse(JSON.parse(line.toString()));
  for (const [format, options] of Object.entries(formats)) judge(url, format, options);
} finally {
  server.kill();
}

function judge(url: string, format: string, options: readonly string[]): void {
  const common = ['--base-url', `${url}/v1`, '--api-key', 'none', '--model', 'budgetforce-tiny', '--timeout', '120'];
  const ran = spawnSync(join(bin, 'llm-comply'), ['--format', format, ...common, ...options, '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (ran.error !== undefined) throw ran.error;
  for (const { id, status, errors, warnings } of resultsSchema.parse(JSON.parse(ran.stdout)).results) {
    const found = [...(errors ?? []), ...(warnings ?? [])];
    const left = found.filter(
      (sentence) => ![...everywhere, ...(exceptions[id] ?? [])].some((known) => sentence.startsWith(known)),
    );
    const asKnown = id in refused ? found[0]?.startsWith(refused[id] ?? '') === true : left.length === 0;
    const skipped = status === 'skipped';
    const word = skipped ? 'skipped' : !asKnown ? 'FAILED' : found.length > 0 ? 'known' : 'passed';
    process.stdout.write(`${format}  ${word.padEnd(7)}  ${id}\n`);
    if (word !== 'passed') for (const sentence of found) process.stdout.write(`    ${sentence.slice(0, 300)}\n`);
    if (!asKnown && !skipped) process.exitCode = 1;
  }
}
