import * as z from 'zod';

const fields = z.record(z.string(), z.unknown());

/** A line of `results.jsonl`: one answer, with its texts and its account. Counts in tokens of the model. */
export const resultSchema = z.object({
  condition: z.string(),
  /** Id of the question. */
  question: z.string(),
  /** Index of the seed, from 0. */
  seed: z.int(),
  /** Index of the sample, from 0. */
  sample: z.int(),
  /** The model that answered. */
  model: z.string(),
  /** What was sent as the user's message. */
  prompt: z.string(),
  expected: z.string(),
  grader: z.string(),
  thought: z.string(),
  answer: z.string(),
  correct: z.boolean(),
  /** What a vote counts; `null` if the answer gives none. */
  key: z.string().nullable(),
  /** The seed in the request. `null` if none was sent. */
  sentSeed: z.int().nullable(),
  /** Attempts of rejection sampling, otherwise 1. */
  tries: z.int().min(1),
  /** Rejection sampling found no thought within its budget: the answer counts as wrong. */
  rejected: z.boolean(),
  thinkingTokens: z.int(),
  answerTokens: z.int(),
  forcedTokens: z.int(),
  /** Sampled tokens of all attempts and calls: also those of probes, broken calls and samples that did not answer. */
  spentTokens: z.int(),
  /** Prompt tokens of all attempts and calls, without those from a prefix cache if the server reports them. */
  promptTokens: z.int(),
  waits: z.int(),
  endReason: z.string().nullable(),
  /** Limits in force: `budget_forcing.limits`. `null` if the API reports none. */
  limits: fields.nullable(),
  /** The `budget_forcing` object of the last attempt. `null` if the API sends none. */
  report: fields.nullable(),
  /** The `usage` object of the last attempt. `null` if the API sends none. */
  usage: fields.nullable(),
  /** Why the answer is empty or incomplete, as the API says it. `null` for a complete answer. */
  note: z.string().nullable(),
  /** Time of the request, ISO 8601. */
  startedAt: z.string(),
  /** From the request to the first text, in milliseconds. `null` if no text came. */
  firstTextMs: z.number().nullable(),
  /** Time of all attempts, in milliseconds. */
  ms: z.number(),
});
export type Result = z.infer<typeof resultSchema>;

/** What a result belongs to. Each task is sent once. */
export type Task = Pick<Result, 'condition' | 'question' | 'seed' | 'sample'>;

export const taskKey = (task: Task): string => JSON.stringify([task.condition, task.question, task.seed, task.sample]);
