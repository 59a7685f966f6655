import { setTimeout as sleep } from 'node:timers/promises';
import { apiClientOptions, apiOptions } from '../api-client.ts';
import { BatchesApi } from '../batch/batches-api.ts';
import { type BatchReport, cancelBatches, runBatch } from '../batch/run-batch.ts';
import { defineCommand } from '../command.ts';
import { UsageError } from '../usage-error.ts';

/** `budgetforce batch`. */
export const batchCommand = defineCommand({
  name: 'batch',
  description:
    'Sends the requests of a file (JSONL, as of OpenAI’s Batch API) to an API, local or deployed, which runs them when copies are free, and writes their output (docs/batches.md). Interrupted, the same command goes on.',
  arguments: 'FILE',
  options: {
    out: {
      type: 'string',
      placeholder: 'FILE',
      defaultText: 'the name of FILE with .output.jsonl',
      description: 'file of the responses; errors are beside it',
    },
    cancel: { type: 'boolean', description: 'cancel the batch of an earlier call' },
    ...apiOptions,
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  exitCodes: ['all requests have a response', 'a request failed, or the API failed'],
  async run({ values, positionals }) {
    const [input, ...more] = positionals;
    if (input === undefined) throw new UsageError('batch takes a file of requests.');
    if (more.length > 0) throw new UsageError(`batch takes one file, but also got ${more.join(' ')}.`);
    const stem = input.replace(/\.jsonl$/, '');
    const output = values.out ?? `${stem}.output.jsonl`;
    const files = { input, output, errors: `${output.replace(/(?:\.output)?\.jsonl$/, '')}.errors.jsonl` };
    const api = new BatchesApi(apiClientOptions(values));
    if (values.cancel) {
      const ids = await cancelBatches(files, api);
      process.stdout.write(values.json ? `${JSON.stringify({ cancelled: ids })}\n` : `${ids.join(', ')}: cancelled\n`);
      return 0;
    }
    const report = await runBatch(files, {
      api,
      sleep: async (ms) => await sleep(ms),
      progress: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : textOf(report));
    const { total, completed } = report.request_counts;
    return total === completed && report.batches.every(({ status }) => status === 'completed') ? 0 : 1;
  },
});

function textOf({ batches, request_counts: counts, output, errors }: BatchReport): string {
  const problems = batches.flatMap((batch) =>
    (batch.errors?.data ?? []).map(
      ({ line, message }) => `${batch.id}${line === null ? '' : `, line ${line}`}: ${message}\n`,
    ),
  );
  return [
    ...problems,
    `${counts.completed} of ${counts.total} requests have a response, ${counts.failed} failed.\n`,
    ...(output === undefined ? [] : [`Responses: ${output}\n`]),
    ...(errors === undefined ? [] : [`Errors: ${errors}\n`]),
  ].join('');
}
