import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { pythonTool } from '../python-tool.ts';
import { compareLoad } from './compare-load.ts';
import { type Harness, run } from './harness.ts';
import { localTokenizer } from './local-tokenizer.ts';
import { median } from './request-log.ts';

const request = z.object({
  prompt_tokens: z.int(),
  output_tokens: z.int(),
  /** Seconds. */
  request_latency: z.number(),
  time_to_first_token_ms: z.number(),
});
const report = z.object({ benchmarks: z.tuple([z.object({ requests: z.object({ successful: z.array(request) }) })]) });

/** guidellm over streamed chat completions, four at once, with `ignore_eos` and `continuous_usage_stats`. */
export const guidellm: Harness = async ({ folder, url, model, requests, log }) => {
  const bin = await pythonTool('guidellm', join(import.meta.dirname, 'requirements-guidellm.txt'));
  const tokenizer = await localTokenizer(folder);
  const out = join(folder, 'guidellm.json');
  await run(
    join(bin, 'guidellm'),
    [
      ...[
        'run',
        '--backend',
        `kind=openai_http,target=${url},model=${model}`,
        '--profile',
        'kind=concurrent,streams=4',
      ],
      ...['--constraint', `kind=max_requests,count=${requests}`, '--tokenizer', `kind=hf_auto,model=${tokenizer}`],
      ...['--data', 'kind=synthetic_text,prompt_tokens=100,output_tokens=60', '--output', `kind=json,path=${out}`],
      '--disable-console',
    ],
    { cwd: folder, env: { HF_HUB_OFFLINE: '1' } },
  );
  const parsed = report.parse(JSON.parse(await readFile(out, 'utf8')));
  const done = parsed.benchmarks[0].requests.successful;
  return compareLoad(
    {
      requests: done.length,
      promptTokens: done.reduce((sum, { prompt_tokens: tokens }) => sum + tokens, 0),
      completionTokens: done.reduce((sum, { output_tokens: tokens }) => sum + tokens, 0),
      times: {
        firstMs: median(done.map(({ time_to_first_token_ms: ms }) => ms)),
        totalMs: median(done.map(({ request_latency: seconds }) => seconds * 1_000)),
      },
    },
    requests,
    log,
  );
};
