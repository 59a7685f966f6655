import * as z from 'zod';
import { sentEvents } from '../cli/server-sent-events.ts';
import type { BatchAsker } from './batch/batch-asker.ts';
import type { ThoughtToken } from './calibration/measure-passes.ts';
import type { Condition } from './conditions.ts';
import { processedTokens } from './cost.ts';
import { defaultThresholds, MAX_TRIES, type Method, methods, type Thresholds } from './methods.ts';
import type { Result } from './results.ts';
import { type Failure, post, retryAfterOf, withRetries } from './retry.ts';

/** The API to evaluate. */
export interface Api {
  /** Ends in `/v1`. */
  readonly baseUrl: string;
  readonly model: string;
  readonly apiKey: string | undefined;
  readonly temperature: number | undefined;
  /** @default - the model's own */
  readonly repetitionPenalty?: number | undefined;
  /** Thresholds of rules by confidence. @default - `defaultThresholds` */
  readonly thresholds?: Thresholds | undefined;
  /** A route, and the model that it asks last. @default - none */
  readonly route?: { readonly id: string; readonly last: string } | undefined;
  /** Ids of the vector stores of conditions with passages. @default - none */
  readonly stores?: readonly string[] | undefined;
  /** Sends requests as batches. @default - each is sent at once, and its answer streamed */
  readonly batch?: BatchAsker | undefined;
}

/** The model that a condition of a route names. */
function modelFor({ route }: Pick<Api, 'route'>, asks: NonNullable<Method['asks']>): string {
  if (route === undefined) throw new Error(`A condition asks ${asks}, but there is no route.`);
  return asks === 'route' ? route.id : route.last;
}

/** One answer with its account: what a result has beside its task and its grade. */
export type Answer = Omit<
  Result,
  'condition' | 'question' | 'seed' | 'sample' | 'expected' | 'grader' | 'correct' | 'key'
>;

const accountSchema = z.looseObject({
  thinking_tokens: z.int(),
  answer_tokens: z.int(),
  forced_tokens: z.int(),
  waits: z.int(),
  end_reason: z.string().nullable(),
  answer_cut_by: z.string().optional(),
  limits: z.record(z.string(), z.unknown()).nullish(),
});

/** A token of a thought with `thinking.logprobs`. A forced token has no log-probability. */
const thoughtTokenSchema = z.object({
  token: z.string(),
  logprob: z.number().nullable(),
  top_logprobs: z.array(z.object({ token: z.string(), logprob: z.number() })).default([]),
});

const chunkSchema = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish() }).optional(),
        finish_reason: z.string().nullish(),
        logprobs: z.object({ reasoning_content: z.array(thoughtTokenSchema).nullish() }).nullish(),
      }),
    )
    .default([]),
  budget_forcing: accountSchema.nullish(),
  usage: z.looseObject({ prompt_tokens: z.int().optional() }).nullish(),
  /** The API reports a failure after the first byte as an event. */
  error: z.object({ message: z.string() }).nullish(),
});

/**
 * Asks one question under one condition. The same `seed` gives the same answer if the engine is deterministic.
 *
 * @param question text of the user's message; the condition may add a sentence
 * @throws {Error} if the API refuses, or still fails after five attempts
 */
export async function ask(
  api: Api,
  question: string,
  condition: Condition,
  seed: number,
  signal: AbortSignal,
): Promise<Answer> {
  const method: Method = methods[condition.method];
  const prompt = promptOf(question, condition);
  const fields = fieldsOf(api, condition, question);
  const first = await askOnce(api, prompt, fields, seed, signal);
  if (method.rejects !== true) return first;
  const { max = Number.POSITIVE_INFINITY } =
    method.bounds?.(condition.setting ?? 0, { waits: 0, naturalTokens: undefined }) ?? {};
  let answer = first;
  let { spentTokens, promptTokens, ms } = first;
  for (let tries = 1; ; tries++) {
    const rejected = answer.thinkingTokens > max;
    if (!rejected || tries === MAX_TRIES) return { ...answer, tries, rejected, spentTokens, promptTokens, ms };
    answer = await askOnce(api, prompt, fields, seed + 1_000_003 * tries, signal);
    spentTokens += answer.spentTokens;
    promptTokens += answer.promptTokens;
    ms += answer.ms;
  }
}

/** Fields of a request beside its message, its seed and the sampling of the API. */
export interface RequestFields {
  /** @default - that of the API */
  readonly model?: string | undefined;
  readonly thinking?: Readonly<Record<string, unknown>> | undefined;
  readonly body?: Readonly<Record<string, unknown>> | undefined;
}

/** Streams the answer, so that no idle timeout cuts a long thought. */
async function askOnce(
  api: Api,
  prompt: string,
  fields: RequestFields,
  seed: number,
  signal: AbortSignal,
): Promise<Answer> {
  const { thoughtTokens: _, ...answer } = await askWithTokens(api, prompt, fields, seed, signal);
  return answer;
}

/**
 * Asks once, with the tokens of the thought if the fields ask for `thinking.logprobs`.
 *
 * @throws {Error} if the API refuses, or still fails after five attempts
 */
export async function askWithTokens(
  api: Api,
  prompt: string,
  fields: RequestFields,
  seed: number,
  signal: AbortSignal,
): Promise<Answer & { readonly thoughtTokens: readonly ThoughtToken[] }> {
  const startedAt = new Date().toISOString();
  const start = performance.now();
  const answer = await withRetries(() => tryOnce(api, bodyOf(api, prompt, fields, seed)), signal);
  return {
    model: fields.model ?? api.model,
    prompt,
    sentSeed: seed,
    tries: 1,
    rejected: false,
    ...answer,
    startedAt,
    ms: Math.round(performance.now() - start),
  };
}

/** The user's message: the question, and the sentence of the condition. */
function promptOf(question: string, { method, setting }: Condition): string {
  const { instruction }: Method = methods[method];
  return instruction === undefined ? question : `${question}\n\n${instruction(setting ?? '')}`;
}

function fieldsOf(api: Api, { method, setting, retrieval }: Condition, question: string): RequestFields {
  const { thinking, body, asks }: Method = methods[method];
  return {
    model: asks === undefined ? undefined : modelFor(api, asks),
    thinking: thinking?.(Number(setting), api.thresholds ?? defaultThresholds),
    body: { ...body?.(Number(setting)), ...retrievalOf(api, question, retrieval) },
  };
}

/** Longest text to look up that the API takes, in characters. */
const MAX_QUERY = 4_096;

/** The question alone is looked up, without the sentence of a condition. */
function retrievalOf({ stores }: Api, question: string, tokens: number | undefined) {
  if (tokens === undefined) return {};
  if (stores === undefined) throw new Error('A condition looks passages up, but there is no store.');
  return { retrieval: { stores, max_tokens: tokens, query: question.slice(0, MAX_QUERY) } };
}

function bodyOf(api: Api, prompt: string, { model = api.model, thinking, body }: RequestFields, seed: number) {
  return {
    ...body,
    model,
    seed,
    messages: [{ role: 'user', content: prompt }],
    // The results are filed under the requested budget, so it must not shrink under load.
    thinking: { elastic: false, ...thinking },
    ...(api.temperature === undefined ? {} : { temperature: api.temperature }),
    ...(api.repetitionPenalty === undefined ? {} : { repetition_penalty: api.repetitionPenalty }),
    stream: true,
    stream_options: { include_usage: true },
  };
}

type Streamed = Pick<
  Answer,
  | 'thought'
  | 'answer'
  | 'thinkingTokens'
  | 'answerTokens'
  | 'forcedTokens'
  | 'spentTokens'
  | 'promptTokens'
  | 'waits'
  | 'endReason'
  | 'limits'
  | 'report'
  | 'usage'
  | 'note'
  | 'firstTextMs'
> & { readonly thoughtTokens: readonly ThoughtToken[] };

async function tryOnce(api: Api, body: object): Promise<Streamed | Failure> {
  if (api.batch !== undefined) return await tryInBatch(api.batch, body);
  const start = performance.now();
  const response = await post(
    `${api.baseUrl}/chat/completions`,
    api.apiKey === undefined ? {} : { authorization: `Bearer ${api.apiKey}` },
    body,
  );
  if (!(response instanceof Response)) return response;
  const outcome = await readAnswer(response, start);
  return typeof outcome === 'string'
    ? { failure: outcome, retryable: true, backoffSeconds: retryAfterOf(response) }
    : outcome;
}

const completionSchema = z.object({
  choices: z.tuple([
    z.object({
      message: z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish() }),
      finish_reason: z.string().nullish(),
      logprobs: z.object({ reasoning_content: z.array(thoughtTokenSchema).nullish() }).nullish(),
    }),
  ]),
  budget_forcing: accountSchema,
  usage: z.looseObject({ prompt_tokens: z.int().optional() }),
});

/** The worker of the batch has tried again what is worth it. */
async function tryInBatch(batch: BatchAsker, body: object): Promise<Streamed | Failure> {
  const { status, body: answer } = await batch.ask({ ...body, stream: false, stream_options: undefined });
  if (status >= 400) {
    const failure = `The API answered ${status} in a batch: ${JSON.stringify(answer).slice(0, 300)}`;
    return { failure, retryable: false };
  }
  const { choices, budget_forcing: account, usage } = completionSchema.parse(answer);
  const [{ message, finish_reason: finish, logprobs }] = choices;
  return toStreamed({
    thought: message.reasoning_content ?? '',
    answer: message.content ?? '',
    finish: finish ?? undefined,
    firstTextMs: null,
    thoughtTokens: (logprobs?.reasoning_content ?? []).map(({ top_logprobs: top, ...token }) => ({ ...token, top })),
    ...{ account, usage },
  });
}

/** The answer of a stream, or why it broke. */
async function readAnswer(response: Response, start: number): Promise<Streamed | string> {
  const notOurs = new Error('The answer has no budget_forcing field. Is --base-url a Budgetforce API?');
  if (response.body === null) throw notOurs;
  let thought = '';
  let answer = '';
  let finish: string | undefined;
  let firstTextMs: number | null = null;
  let account: z.infer<typeof accountSchema> | undefined;
  let usage: z.infer<typeof chunkSchema>['usage'];
  const thoughtTokens: ThoughtToken[] = [];
  try {
    for await (const data of sentEvents(response.body)) {
      if (data === '[DONE]') break;
      const parsed = chunkSchema.safeParse(JSON.parse(data));
      if (!parsed.success) throw notOurs;
      const { choices, budget_forcing, error } = parsed.data;
      if (error) return `The API failed while answering: ${error.message}`;
      const [choice] = choices;
      thought += choice?.delta?.reasoning_content ?? '';
      answer += choice?.delta?.content ?? '';
      for (const { top_logprobs: top, ...token } of choice?.logprobs?.reasoning_content ?? [])
        thoughtTokens.push({ ...token, top });
      if (firstTextMs === null && thought + answer !== '') firstTextMs = Math.round(performance.now() - start);
      finish = choice?.finish_reason ?? finish;
      account = budget_forcing ?? account;
      usage = parsed.data.usage ?? usage;
    }
  } catch (cause) {
    if (cause === notOurs || cause instanceof SyntaxError) throw notOurs;
    return `The connection broke: ${cause instanceof Error ? cause.message : cause}`;
  }
  if (account === undefined) throw notOurs;
  return toStreamed({ thought, answer, finish, account, usage, firstTextMs, thoughtTokens });
}

/** An answer with its account, however it came. */
function toStreamed({
  account,
  usage,
  finish,
  ...answer
}: Pick<Streamed, 'thought' | 'answer' | 'firstTextMs' | 'thoughtTokens'> & {
  readonly finish: string | undefined;
  readonly account: z.infer<typeof accountSchema>;
  readonly usage: z.infer<typeof chunkSchema>['usage'];
}): Streamed {
  const processed = processedTokens(account);
  return {
    ...answer,
    thinkingTokens: account.thinking_tokens,
    answerTokens: account.answer_tokens,
    forcedTokens: account.forced_tokens,
    spentTokens: processed?.sampled ?? account.thinking_tokens + account.answer_tokens,
    promptTokens: processed?.prompt ?? usage?.prompt_tokens ?? 0,
    waits: account.waits,
    endReason: account.end_reason,
    limits: account.limits ?? null,
    report: account,
    usage: usage ?? null,
    note: account.answer_cut_by ?? (finish === 'length' ? 'The answer was cut at its maximum.' : null),
  };
}
