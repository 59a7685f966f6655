import { createHash } from 'node:crypto';
import { accuracyOf } from '../metrics.ts';
import type { Result } from '../results.ts';
import { type Exported, type ExportedFile, fileName, standardError, startOf } from './exported.ts';

/**
 * A log of inspect-ai (version 2 of its JSON format) for each condition. Epochs are seeds and samples.
 *
 * Source: inspect.aisi.org.uk/eval-logs.html and the package's `EvalLog` model.
 */
export function inspectFiles(exported: Exported): readonly ExportedFile[] {
  return [...exported.byCondition].map(([condition, results]) => {
    const stamp = startOf(results).replaceAll(/[:.]/g, '-');
    const log = evalLog(condition, results, exported);
    return {
      path: `${stamp}_${fileName(condition)}_${log.eval.task_id}.json`,
      text: `${JSON.stringify(log, null, 2)}\n`,
    };
  });
}

function evalLog(condition: string, results: readonly Result[], { settings, questions }: Exported) {
  const model = results[0]?.model ?? settings.model;
  const created = startOf(results);
  const epochs = epochNumbers(results);
  const accuracy = accuracyOf(results);
  const ids = [...new Set(results.map(({ question }) => question))];
  const usage = sumUsage(results);
  const completed = new Date(Math.max(...results.map(({ startedAt, ms }) => Date.parse(startedAt) + ms))).toISOString();
  const name = `openai-api/budgetforce/${model}`;
  const config = {
    ...(settings.temperature === null ? {} : { temperature: settings.temperature }),
  };
  return {
    version: 2,
    status: 'success',
    eval: {
      eval_id: idOf('eval', condition, created),
      run_id: idOf('run', settings.model, created),
      created,
      task: `budgetforce/${condition}`,
      task_id: idOf('task', condition, created),
      task_version: 0,
      task_attribs: {},
      task_args: { condition, prompt: settings.prompt },
      dataset: { name: 'budgetforce', samples: ids.length, sample_ids: ids, shuffled: false },
      model: name,
      model_generate_config: config,
      model_args: {},
      config: { epochs: Math.max(...epochs), log_samples: true },
      packages: {},
      metadata: { target: settings.target, weights: settings.weights },
    },
    plan: { name: 'plan', steps: [{ solver: 'generate', params: {} }], config },
    results: {
      total_samples: results.length,
      completed_samples: results.length,
      scores: [
        {
          name: 'budgetforce',
          scorer: 'budgetforce',
          scored_samples: results.length,
          unscored_samples: 0,
          params: {},
          metrics: {
            accuracy: { name: 'accuracy', value: accuracy.share, params: {} },
            stderr: { name: 'stderr', value: standardError(results), params: {} },
          },
        },
      ],
    },
    stats: { started_at: created, completed_at: completed, model_usage: { [name]: usage } },
    samples: results.map((result, index) => ({
      id: result.question,
      epoch: epochs[index],
      input: result.prompt,
      target: result.expected,
      messages: [{ role: 'user', content: result.prompt, source: 'input' }, assistantMessage(result)],
      output: {
        model: result.model,
        choices: [{ message: assistantMessage(result), stop_reason: result.note === null ? 'stop' : 'max_tokens' }],
        completion: result.answer,
        usage: usageOf(result),
        time: result.ms / 1_000,
      },
      scores: {
        budgetforce: {
          value: result.correct ? 'C' : 'I',
          answer: result.key ?? result.answer,
          explanation: `${result.grader} grader`,
        },
      },
      metadata: {
        condition,
        seed: result.seed,
        sample: result.sample,
        sent_seed: result.sentSeed,
        budget_forcing: result.report,
        question: questions.get(result.question)?.question ?? null,
      },
      store: {},
      events: [],
      model_usage: { [name]: usageOf(result) },
      started_at: result.startedAt,
      completed_at: new Date(Date.parse(result.startedAt) + result.ms).toISOString(),
      total_time: result.ms / 1_000,
      working_time: result.ms / 1_000,
      uuid: idOf('sample', condition, result.question, String(result.seed), String(result.sample)),
      attachments: {},
    })),
  };
}

function assistantMessage({ thought, answer, model }: Result) {
  const content =
    thought === ''
      ? answer
      : [
          { type: 'reasoning', reasoning: thought },
          { type: 'text', text: answer },
        ];
  return { role: 'assistant', content, source: 'generate', model };
}

/** Sampled tokens of all attempts. */
function usageOf({ promptTokens, spentTokens, thinkingTokens }: Result) {
  return {
    input_tokens: promptTokens,
    output_tokens: spentTokens,
    total_tokens: promptTokens + spentTokens,
    reasoning_tokens: thinkingTokens,
  };
}

function sumUsage(results: readonly Result[]) {
  const sum = (of: (usage: ReturnType<typeof usageOf>) => number) =>
    results.reduce((total, result) => total + of(usageOf(result)), 0);
  return {
    input_tokens: sum((usage) => usage.input_tokens),
    output_tokens: sum((usage) => usage.output_tokens),
    total_tokens: sum((usage) => usage.total_tokens),
    reasoning_tokens: sum((usage) => usage.reasoning_tokens),
  };
}

/** Epoch of each result, from 1: its place among the answers to its question. */
function epochNumbers(results: readonly Result[]): readonly number[] {
  const counts = new Map<string, number>();
  return results.map(({ question }) => {
    const epoch = (counts.get(question) ?? 0) + 1;
    counts.set(question, epoch);
    return epoch;
  });
}

/** 22 letters and digits, the same for the same parts. */
function idOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 22);
}
