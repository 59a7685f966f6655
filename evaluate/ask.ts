import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { sentEvents } from '../cli/server-sent-events.ts';
import { type Condition, MAX_TRIES } from './conditions.ts';

/** The API to evaluate. */
export interface Api {
  /** Ends in `/v1`. */
  readonly baseUrl: string;
  readonly model: string;
  readonly apiKey: string | undefined;
  readonly temperature: number | undefined;
}

/** One answer with its account. Counts in tokens of the model. */
export interface Answer {
  readonly text: string;
  readonly thinkingTokens: number;
  readonly answerTokens: number;
  readonly forcedTokens: number;
  /** Thinking and answer tokens of all attempts. */
  readonly spentTokens: number;
  readonly waits: number;
  readonly endReason: string | null;
  /** Time of all attempts, in milliseconds. */
  readonly ms: number;
}

const accountSchema = z.object({
  thinking_tokens: z.int(),
  answer_tokens: z.int(),
  forced_tokens: z.int(),
  waits: z.int(),
  end_reason: z.string().nullable(),
});

const chunkSchema = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }).optional() })).default([]),
  budget_forcing: accountSchema.nullish(),
  /** The API reports a failure after the first byte as an event. */
  error: z.object({ message: z.string() }).nullish(),
});

const MAX_ATTEMPTS = 5;
const MAX_BACKOFF_SECONDS = 600;
const CONTINUE = 'Run the same command again to continue.';

/**
 * Asks one question under one condition. The same `seed` gives the same answer if the engine is deterministic.
 *
 * @throws {Error} if the API refuses, or still fails after five attempts
 */
export async function ask(
  api: Api,
  question: string,
  condition: Condition,
  seed: number,
  signal: AbortSignal,
): Promise<Answer> {
  if (condition.method !== 'rejection') return await askOnce(api, bodyOf(api, question, condition, seed), signal);
  let spent = 0;
  let ms = 0;
  for (let attempt = 0; ; attempt++) {
    const answer = await askOnce(api, bodyOf(api, question, condition, seed + 1_000_003 * attempt), signal);
    spent += answer.spentTokens;
    ms += answer.ms;
    const fits = answer.thinkingTokens <= condition.budget;
    if (fits || attempt + 1 === MAX_TRIES) return { ...answer, text: fits ? answer.text : '', spentTokens: spent, ms };
  }
}

function bodyOf(api: Api, question: string, condition: Condition, seed: number) {
  const user = { role: 'user', content: question };
  // The results are filed under the requested budget, so it must not shrink under load.
  const elastic = false;
  const shared = {
    model: api.model,
    seed,
    thinking: { elastic },
    ...(api.temperature === undefined ? {} : { temperature: api.temperature }),
  };
  switch (condition.method) {
    case 'budget':
      return { ...shared, messages: [user], thinking: { elastic, max_tokens: condition.budget } };
    case 'wait':
      return { ...shared, messages: [user], thinking: { elastic, waits: condition.waits } };
    case 'token-conditional': {
      const content = `${question}\n\nThink for at most ${condition.budget} tokens.`;
      return { ...shared, messages: [{ role: 'user', content }] };
    }
    case 'natural':
    case 'rejection':
      return { ...shared, messages: [user] };
    default:
      return condition satisfies never;
  }
}

/**
 * Streams the answer, so that no idle timeout cuts a long thought. Retries with backoff if the API is busy, fails or cannot be
 * reached; `signal` ends the backoff.
 */
async function askOnce(api: Api, body: object, signal: AbortSignal): Promise<Answer> {
  const start = performance.now();
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryOnce(api, body);
    if (!('failure' in outcome)) return { ...outcome, ms: Math.round(performance.now() - start) };
    const { failure, retryable, backoffSeconds = 0.5 * 2 ** attempt } = outcome;
    if (!retryable || attempt === MAX_ATTEMPTS) throw new Error(failure);
    if (backoffSeconds > MAX_BACKOFF_SECONDS)
      throw new Error(`${failure} The API asks to retry after ${backoffSeconds} s. ${CONTINUE}`);
    if (backoffSeconds >= 5) process.stderr.write(`Retrying in ${backoffSeconds} s: ${failure}\n`);
    await sleep(backoffSeconds * 1_000, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

type Attempt =
  | Omit<Answer, 'ms'>
  | { readonly failure: string; readonly retryable: boolean; readonly backoffSeconds?: number | undefined };

async function tryOnce(api: Api, body: object): Promise<Attempt> {
  let response: Response;
  try {
    response = await fetch(`${api.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(api.apiKey === undefined ? {} : { authorization: `Bearer ${api.apiKey}` }),
      },
      body: JSON.stringify({ ...body, stream: true }),
    });
  } catch {
    return {
      failure: `${api.baseUrl} cannot be reached any more. ${CONTINUE}`,
      retryable: true,
    };
  }
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const backoffSeconds = Number.isFinite(retryAfter) ? retryAfter : undefined;
  if (response.ok) {
    const outcome = await readAnswer(response);
    return 'failure' in outcome ? { ...outcome, retryable: true, backoffSeconds } : outcome;
  }
  const text = (await response.text()).slice(0, 300);
  return {
    failure: `The API answered ${response.status}: ${text}`,
    retryable: response.status === 429 || response.status >= 500,
    backoffSeconds,
  };
}

type Outcome = Omit<Answer, 'ms'> | { readonly failure: string };

async function readAnswer(response: Response): Promise<Outcome> {
  const notOurs = new Error('The answer has no budget_forcing field. Is --base-url a Budgetforce API?');
  if (response.body === null) throw notOurs;
  let text = '';
  let account: z.infer<typeof accountSchema> | undefined;
  try {
    for await (const data of sentEvents(response.body)) {
      if (data === '[DONE]') break;
      const parsed = chunkSchema.safeParse(JSON.parse(data));
      if (!parsed.success) throw notOurs;
      const { choices, budget_forcing, error } = parsed.data;
      if (error) return { failure: `The API failed while answering: ${error.message}` };
      text += choices[0]?.delta?.content ?? '';
      account = budget_forcing ?? account;
    }
  } catch (cause) {
    if (cause === notOurs || cause instanceof SyntaxError) throw notOurs;
    return { failure: `The connection broke: ${cause instanceof Error ? cause.message : cause}` };
  }
  if (account === undefined) throw notOurs;
  return {
    text,
    thinkingTokens: account.thinking_tokens,
    answerTokens: account.answer_tokens,
    forcedTokens: account.forced_tokens,
    spentTokens: account.thinking_tokens + account.answer_tokens,
    waits: account.waits,
    endReason: account.end_reason,
  };
}
