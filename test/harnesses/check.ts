/**
 * Contributors' check: evaluation and load harnesses, unchanged, against `budgetforce start` (`npm run check:harnesses`). The accuracy that
 * inspect-ai and lm-eval find on the embedded model's questions must agree with `budgetforce eval` on the same questions, and
 * the tokens that guidellm and aiperf count must be those of the server's log.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startLocal } from '../../local/start-local.ts';
import { aiperf } from './aiperf.ts';
import { guidellm } from './guidellm.ts';
import type { Finding, Harness } from './harness.ts';
import { inspectByEndpoint, inspectByOpenAi } from './inspect.ts';
import { lmEvalChat, lmEvalCompletions } from './lm-eval.ts';
import { ownAccuracy } from './own-accuracy.ts';
import { RequestLog } from './request-log.ts';

const harnesses: Readonly<Record<string, Harness>> = {
  'inspect-openai': inspectByOpenAi,
  'inspect-sagemaker': inspectByEndpoint,
  'lm-eval-chat': lmEvalChat,
  'lm-eval-completions': lmEvalCompletions,
  guidellm,
  aiperf,
};
const HELP = `npm run check:harnesses -- [options]

  --questions N    questions of the evaluation harnesses (default: 200)
  --requests N     requests of the load harnesses (default: 100)
  --only NAME      run this one alone; may be repeated: ${Object.keys(harnesses).join(', ')}
  --json           print one JSON line
  --help           print this text

The first run installs the pinned packages into the user's cache. guidellm needs PyTorch: without a CPU build in the
package index, that is 5 GB.

Exit codes: 0 all agree, 1 one does not, 2 wrong usage.`;

const { values } = parseArgs({
  options: {
    questions: { type: 'string', default: '200' },
    requests: { type: 'string', default: '100' },
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const questions = wholeNumber('questions', values.questions, 1_000);
const requests = wholeNumber('requests', values.requests, 100_000);
const unknown = values.only.find((name) => !Object.hasOwn(harnesses, name));
if (unknown !== undefined) {
  console.error(`--only ${unknown} is unknown. Give one of ${Object.keys(harnesses).join(', ')}.`);
  process.exit(2);
}

const folder = await mkdtemp(join(tmpdir(), 'harnesses-'));
const log = new RequestLog();
const server = await startLocal({ port: 0, host: '127.0.0.1', log: log.write });
const findings: (Finding & { readonly name: string })[] = [];
try {
  const own = await ownAccuracy(`${server.url}/v1`, questions, join(folder, 'own'));
  await writeFile(join(folder, 'questions.jsonl'), own.lines.join('\n'));
  if (!values.json) {
    console.log(
      `budgetforce eval: ${percent(own.share)} of ${questions} right (${percent(own.low)} to ${percent(own.high)})`,
    );
  }
  for (const [name, harness] of Object.entries(harnesses)) {
    if (values.only.length > 0 && !values.only.includes(name)) continue;
    log.clear();
    const world = {
      folder,
      url: server.url,
      endpoint: server.endpoint?.url ?? '',
      model: server.model.id,
      requests,
      own,
      log,
    };
    const finding = { name, ...(await harness(world).catch(failed)) };
    findings.push(finding);
    if (!values.json) console.log(`${finding.agrees ? 'agrees  ' : 'DIFFERS '} ${name}: ${finding.text}`);
  }
} finally {
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
if (values.json) console.log(JSON.stringify({ questions, requests, findings }));
process.exitCode = findings.every(({ agrees }) => agrees) ? 0 : 1;

function failed(error: unknown): Finding {
  return { agrees: false, text: `it failed: ${error instanceof Error ? error.message : String(error)}` };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value > 0 && value <= max) return value;
  console.error(`--${name} must be a whole number from 1 to ${max}; received ${JSON.stringify(text)}.`);
  process.exit(2);
}
