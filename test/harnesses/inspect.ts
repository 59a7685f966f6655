import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { pythonTool } from '../python-tool.ts';
import { compareAccuracy, type Finding, type Harness, run, type World } from './harness.ts';

const evalLog = z.object({
  status: z.string(),
  results: z.object({
    scores: z.tuple([z.object({ metrics: z.object({ accuracy: z.object({ value: z.number() }) }) })]),
  }),
  stats: z.object({ model_usage: z.record(z.string(), z.object({ output_tokens: z.int() })) }),
});

/** inspect-ai by OpenAI's provider. */
export const inspectByOpenAi: Harness = async (world) => {
  const { share, outputTokens } = await inspect(world, 'openai', [
    ...['--model', `openai/${world.model}`, '--model-base-url', `${world.url}/v1`, '--seed', '1'],
  ]);
  const accuracy = compareAccuracy(share, world.own);
  // It first asks for "hello, world", to see whether summaries of thinking are served, and does not count that.
  world.log.dropFirst();
  const { requests, completionTokens } = world.log.sums();
  return {
    agrees: accuracy.agrees && outputTokens === completionTokens,
    text: `${accuracy.text}; ${outputTokens} output tokens, ${completionTokens} in our log of ${requests} requests`,
  };
};

/** inspect-ai by its SageMaker provider, which talks to the model's endpoint. */
export const inspectByEndpoint: Harness = async (world): Promise<Finding> => {
  const { share } = await inspect(world, 'sagemaker', [
    ...['--model', 'sagemaker/local', '--max-tokens', '400', '-M', `endpoint_url=${world.endpoint}`],
    ...['-M', 'inference_component_name=local-component', '-M', 'region_name=us-east-1'],
  ]);
  return compareAccuracy(share, world.own);
};

async function inspect(
  { folder }: World,
  name: string,
  args: readonly string[],
): Promise<{ readonly share: number; readonly outputTokens: number }> {
  const bin = await pythonTool('evals', join(import.meta.dirname, 'requirements-evals.txt'));
  await copyFile(join(import.meta.dirname, 'task.py'), join(folder, 'task.py'));
  const logs = join(folder, `inspect-${name}`);
  await run(
    join(bin, 'inspect'),
    ['eval', 'task.py', ...args, '--log-format', 'json', '--log-dir', logs, '--display', 'none'],
    {
      cwd: folder,
      env: {
        QUESTIONS: join(folder, 'questions.jsonl'),
        OPENAI_API_KEY: 'none',
        AWS_ACCESS_KEY_ID: 'none',
        AWS_SECRET_ACCESS_KEY: 'none',
      },
    },
  );
  const [file = ''] = (await readdir(logs)).filter((path) => path.endsWith('.json'));
  const { status, results, stats } = evalLog.parse(JSON.parse(await readFile(join(logs, file), 'utf8')));
  if (status !== 'success') throw new Error(`inspect-ai ended with the status ${status}.`);
  const outputTokens = Object.values(stats.model_usage).reduce((sum, usage) => sum + usage.output_tokens, 0);
  return { share: results.scores[0].metrics.accuracy.value, outputTokens };
}
