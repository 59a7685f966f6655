import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { type Condition, MOST_TRIES } from './conditions.ts';

/** Where and how to ask. */
export interface Api {
  /** With its /v1. */
  readonly baseUrl: string;
  readonly model: string;
  readonly apiKey: string | undefined;
  readonly temperature: number | undefined;
}

/** One answer, as it went. Tokens of the model, milliseconds. */
export interface Answer {
  readonly text: string;
  readonly thinkingTokens: number;
  readonly answerTokens: number;
  readonly forcedTokens: number;
  /** Thinking and answer of all tries. */
  readonly spentTokens: number;
  readonly waits: number;
  readonly endReason: string | null;
  readonly ms: number;
}

const completionSchema = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }) })).min(1),
  budget_forcing: z.object({
    thinking_tokens: z.int(),
    answer_tokens: z.int(),
    forced_tokens: z.int(),
    waits: z.int(),
    end_reason: z.string().nullable(),
  }),
});

const ATTEMPTS = 5;

/** Asks one question under one condition. `seed` makes it repeatable where the engine is. */
export async function ask(api: Api, question: string, condition: Condition, seed: number): Promise<Answer> {
  if (condition.method !== 'rejection') return await askOnce(api, bodyOf(api, question, condition, seed));
  let spent = 0;
  for (let attempt = 0; ; attempt++) {
    const answer = await askOnce(api, bodyOf(api, question, condition, seed + 1_000_003 * attempt));
    spent += answer.spentTokens;
    const fits = answer.thinkingTokens <= condition.budget;
    if (fits || attempt + 1 === MOST_TRIES) return { ...answer, text: fits ? answer.text : '', spentTokens: spent };
  }
}

function bodyOf(api: Api, question: string, condition: Condition, seed: number) {
  const user = { role: 'user', content: question };
  const shared = { model: api.model, seed, ...(api.temperature === undefined ? {} : { temperature: api.temperature }) };
  switch (condition.method) {
    case 'budget':
      return { ...shared, messages: [user], thinking: { max_tokens: condition.budget } };
    case 'wait':
      return { ...shared, messages: [user], thinking: { waits: condition.waits } };
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

async function askOnce(api: Api, body: object): Promise<Answer> {
  const start = performance.now();
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(`${api.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(api.apiKey === undefined ? {} : { authorization: `Bearer ${api.apiKey}` }),
      },
      body: JSON.stringify(body),
    });
    if (response.ok) return toAnswer(await response.json(), performance.now() - start);
    const text = (await response.text()).slice(0, 300);
    const again = response.status === 429 || response.status >= 500;
    if (!again || attempt === ATTEMPTS) throw new Error(`The API answered ${response.status}: ${text}`);
    const asked = Number(response.headers.get('retry-after') ?? Number.NaN);
    await sleep(Number.isFinite(asked) ? asked * 1_000 : 500 * 2 ** attempt);
  }
}

function toAnswer(body: unknown, ms: number): Answer {
  const parsed = completionSchema.safeParse(body);
  if (!parsed.success) {
    throw new Error('The API gave no account of its budget (budget_forcing). Is --base-url a Budgetforce API?');
  }
  const { choices, budget_forcing: account } = parsed.data;
  return {
    text: choices[0]?.message.content ?? '',
    thinkingTokens: account.thinking_tokens,
    answerTokens: account.answer_tokens,
    forcedTokens: account.forced_tokens,
    spentTokens: account.thinking_tokens + account.answer_tokens,
    waits: account.waits,
    endReason: account.end_reason,
    ms: Math.round(ms),
  };
}
