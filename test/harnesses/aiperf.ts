import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { pythonTool } from '../python-tool.ts';
import { compareLoad } from './compare-load.ts';
import { type Harness, run } from './harness.ts';
import { localTokenizer } from './local-tokenizer.ts';
import { median } from './request-log.ts';

const value = z.object({ value: z.number() });
const record = z.object({
  metrics: z.object({
    usage_prompt_tokens: value,
    usage_completion_tokens: value,
    /** Tokens of the text by aiperf's own tokenizer: without the model's control tokens. */
    output_sequence_length: value,
    time_to_first_token: value,
    request_latency: value,
  }),
});

/** aiperf over streamed chat completions, four at once, with `min_tokens`. It counts the text with its own tokenizer, too. */
export const aiperf: Harness = async ({ folder, url, model, requests, log }) => {
  const bin = await pythonTool('aiperf', join(import.meta.dirname, 'requirements-aiperf.txt'));
  const tokenizer = await localTokenizer(folder);
  const out = join(folder, 'aiperf');
  await run(
    join(bin, 'aiperf'),
    [
      ...['profile', '--model', model, '--url', url, '--endpoint-type', 'chat', '--streaming', '--concurrency', '4'],
      ...['--request-count', String(requests), '--tokenizer', tokenizer, '--synthetic-input-tokens-mean', '100'],
      ...['--output-tokens-mean', '60', '--extra-inputs', 'min_tokens:60', '--artifact-dir', out, '--ui', 'none'],
    ],
    { cwd: folder },
  );
  const lines = (await readFile(join(out, 'profile_export.jsonl'), 'utf8')).trim().split('\n');
  const done = lines.map((line) => record.parse(JSON.parse(line)).metrics);
  const sum = (pick: (metrics: (typeof done)[number]) => number): number =>
    done.reduce((total, metrics) => total + pick(metrics), 0);
  const finding = compareLoad(
    {
      requests: done.length,
      promptTokens: sum((metrics) => metrics.usage_prompt_tokens.value),
      completionTokens: sum((metrics) => metrics.usage_completion_tokens.value),
      times: {
        firstMs: median(done.map((metrics) => metrics.time_to_first_token.value)),
        totalMs: median(done.map((metrics) => metrics.request_latency.value)),
      },
    },
    requests,
    log,
  );
  const counted = sum((metrics) => metrics.output_sequence_length.value);
  return { ...finding, text: `${finding.text}; its own tokenizer counts ${counted} tokens in the text` };
};
