import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { pythonTool } from '../python-tool.ts';
import { compareAccuracy, type Harness, run, type World } from './harness.ts';
import { lmEvalTask } from './lm-eval-task.ts';

const results = z.object({ results: z.record(z.string(), z.object({ 'exact_match,last-number': z.number() })) });

/** lm-eval over chat completions. */
export const lmEvalChat: Harness = async (world) =>
  await lmEval(world, 'chat', [
    ...['--model', 'local-chat-completions', '--apply_chat_template', '--model_args'],
    `model=${world.model},base_url=${world.url}/v1/chat/completions,num_concurrent=4`,
  ]);

/** lm-eval over completions: the prompt has the template in it. */
export const lmEvalCompletions: Harness = async (world) =>
  await lmEval(world, 'completions', [
    ...['--model', 'local-completions', '--model_args'],
    `model=${world.model},base_url=${world.url}/v1/completions,tokenizer_backend=None,tokenized_requests=False,num_concurrent=4`,
  ]);

async function lmEval(world: World, kind: 'chat' | 'completions', args: readonly string[]) {
  const bin = await pythonTool('evals', join(import.meta.dirname, 'requirements-evals.txt'));
  const folder = join(world.folder, `lm-eval-${kind}`);
  const task = join(folder, 'task.yaml');
  const out = join(folder, 'out');
  await mkdir(folder, { recursive: true });
  await writeFile(task, lmEvalTask('arithmetic', join(world.folder, 'questions.jsonl'), kind));
  await run(join(bin, 'lm_eval'), ['run', ...args, '--tasks', task, '--output_path', out], {
    cwd: folder,
    env: { HF_HUB_OFFLINE: '1', HF_DATASETS_CACHE: join(folder, 'cache') },
  });
  const [file = ''] = (await readdir(out, { recursive: true })).filter((path) => path.endsWith('.json'));
  const parsed = results.parse(JSON.parse(await readFile(join(out, file), 'utf8')));
  return compareAccuracy(parsed.results['arithmetic']?.['exact_match,last-number'] ?? Number.NaN, world.own);
}
