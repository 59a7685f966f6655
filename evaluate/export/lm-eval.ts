import { createHash } from 'node:crypto';
import type { Result } from '../results.ts';
import { type Exported, type ExportedFile, fileName, standardError, startOf } from './exported.ts';

/**
 * The files that lm-eval writes with `--log_samples`: aggregated results, and the samples of each condition as a task, in a folder
 * named after the model.
 *
 * Source: `evaluation_tracker.py` of lm-evaluation-harness 0.4.
 */
export function lmEvalFiles({ settings, questions, byCondition }: Exported): readonly ExportedFile[] {
  const all = [...byCondition.values()].flat();
  const started = startOf(all);
  const stamp = started.replaceAll(':', '-').replace('Z', '');
  const folder = settings.model.replaceAll(/[^\w.-]+/g, '__');
  const docIds = new Map([...questions.keys()].map((id, index) => [id, index]));
  const tasks = [...byCondition].map(([condition, results]) => ({ task: fileName(condition), condition, results }));
  const byTask = <T>(of: (entry: (typeof tasks)[number]) => T) =>
    Object.fromEntries(tasks.map((entry) => [entry.task, of(entry)]));
  const lines = byTask(({ results }) => samplesOf(results, docIds));
  const aggregated = {
    results: byTask(({ task, results }) => ({
      name: task,
      alias: task,
      sample_len: questionsOf(results),
      'exact_match,none': results.filter(({ correct }) => correct).length / results.length,
      'exact_match_stderr,none': standardError(results),
    })),
    group_subtasks: byTask(() => []),
    configs: byTask(({ task, condition, results }) => ({
      task,
      output_type: 'generate_until',
      repeats: repeatsOf(results),
      num_fewshot: 0,
      metric_list: [{ metric: 'exact_match', aggregation: 'mean', higher_is_better: true }],
      metadata: { version: 0, condition, prompt: settings.prompt },
    })),
    versions: byTask(() => 0),
    'n-shot': byTask(() => 0),
    higher_is_better: byTask(() => ({ exact_match: true })),
    'n-samples': byTask(({ results }) => ({ original: questionsOf(results), effective: questionsOf(results) })),
    config: {
      model: 'local-chat-completions',
      model_args: { model: settings.model, base_url: settings.target },
      gen_kwargs: settings.temperature === null ? {} : { temperature: settings.temperature },
    },
    date: Date.parse(started) / 1_000,
    model_source: 'budgetforce',
    model_name: settings.model,
    model_name_sanitized: folder,
    task_hashes: byTask(({ task }) =>
      hash((lines[task] ?? []).map((line) => line.doc_hash + line.prompt_hash + line.target_hash).join('')),
    ),
  };
  return [
    { path: `${folder}/results_${stamp}.json`, text: `${JSON.stringify(aggregated, null, 2)}\n` },
    ...tasks.map(({ task }) => ({
      path: `${folder}/samples_${task}_${stamp}.jsonl`,
      text: (lines[task] ?? []).map((line) => `${JSON.stringify(line)}\n`).join(''),
    })),
  ];
}

/** One line per question, with all its answers, as lm-eval writes repeats. */
function samplesOf(results: readonly Result[], docIds: ReadonlyMap<string, number>) {
  const groups = Object.values(Object.groupBy(results, ({ question }) => question));
  return groups.flatMap((own = []) => {
    const [first] = own;
    if (first === undefined) return [];
    const doc = { id: first.question, question: first.prompt, answer: first.expected };
    return [
      {
        doc_id: docIds.get(first.question) ?? -1,
        doc,
        target: first.expected,
        arguments: { gen_args_0: { arg_0: first.prompt, arg_1: {} } },
        resps: [own.map(({ answer }) => answer)],
        filtered_resps: own.map(({ key }) => key ?? ''),
        filter: 'none',
        metrics: ['exact_match'],
        doc_hash: hash(JSON.stringify(doc)),
        prompt_hash: hash(first.prompt),
        target_hash: hash(first.expected),
        exact_match: own.filter(({ correct }) => correct).length / own.length,
        reasoning: own.map(({ thought }) => thought),
        budget_forcing: own.map(({ report }) => report),
      },
    ];
  });
}

function questionsOf(results: readonly Result[]): number {
  return new Set(results.map(({ question }) => question)).size;
}

function repeatsOf(results: readonly Result[]): number {
  return Math.max(...Object.values(Object.groupBy(results, ({ question }) => question)).map((own = []) => own.length));
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
