import * as z from 'zod';
import { budgetForcingSchema, count, text, unixSeconds } from '../response-schemas.ts';

const usage = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.strictObject({ cached_tokens: count }),
  completion_tokens_details: z.strictObject({ reasoning_tokens: count }),
});

const logprobs = z
  .strictObject({
    tokens: z.array(text),
    token_logprobs: z.array(z.number().nullable()).describe('`null` for the first token of an echoed prompt.'),
    top_logprobs: z.array(z.record(text, z.number()).nullable()),
    text_offset: z.array(count),
  })
  .nullable();

const choice = {
  index: count,
  text,
  reasoning_content: text.optional().describe('The thinking, if the request has a budget.'),
  reasoning: text.optional(),
  logprobs,
  prompt_token_ids: z.array(count).optional(),
  token_ids: z.array(count).optional().describe('The sampled ids, an end token included.'),
} as const;
const finishReason = z.enum(['stop', 'length']);
const stopReason = z.union([z.int(), text]).nullable().describe('The stop token or text that ended the completion.');
const identity = { id: text, object: z.literal('text_completion'), created: unixSeconds, model: text } as const;

export const completionSchema = z.strictObject({
  ...identity,
  choices: z.array(
    z.strictObject({
      ...choice,
      finish_reason: finishReason,
      stop_reason: stopReason,
      budget_forcing: budgetForcingSchema.optional(),
    }),
  ),
  usage,
});

export const completionChunkSchema = z
  .strictObject({
    ...identity,
    choices: z.array(
      z.strictObject({ ...choice, finish_reason: finishReason.nullable(), stop_reason: stopReason.optional() }),
    ),
    usage: usage.optional(),
    budget_forcing: budgetForcingSchema.optional(),
  })
  .describe('The data of each event. The last is `[DONE]`.');
