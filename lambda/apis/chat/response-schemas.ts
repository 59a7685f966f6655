import * as z from 'zod';
import { budgetForcingSchema, count, text, unixSeconds } from '../response-schemas.ts';

const usage = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count.describe('Thinking and answer together.'),
  total_tokens: count,
  prompt_tokens_details: z.strictObject({ cached_tokens: count }),
  completion_tokens_details: z.strictObject({ reasoning_tokens: count }),
});

const toolCall = {
  id: text,
  type: z.literal('function'),
  function: z.strictObject({ name: text, arguments: text.describe('JSON.') }),
} as const;

const tokenLogprob = { token: text, logprob: z.number(), bytes: z.array(z.int()).nullable() } as const;
const topLogprobs = z.array(z.strictObject(tokenLogprob));
const logprobs = z
  .strictObject({
    content: z
      .array(z.strictObject({ ...tokenLogprob, top_logprobs: topLogprobs }))
      .nullable()
      .describe('The sampled tokens of the answer. `null` if not requested, or if the model server returns none.'),
    refusal: z.null(),
    reasoning_content: z
      .array(
        z.strictObject({
          ...tokenLogprob,
          logprob: z.number().nullable().describe('`null` for a forced token.'),
          top_logprobs: topLogprobs,
          forced: z.literal(true).optional().describe('Set if the token was forced, not sampled.'),
        }),
      )
      .optional()
      .describe('The tokens of the thinking, one entry for each, if `thinking.logprobs` is set.'),
  })
  .nullable()
  .describe('Log probabilities. `null` if not requested, or if the model server returns none.');

const annotations = z
  .array(
    z.strictObject({
      type: z.literal('url_citation'),
      url_citation: z.strictObject({ start_index: count, end_index: count, title: text, url: text }),
    }),
  )
  .describe('The passages that the answer cites by their numbers, with the place of each mark.');

const finishReason = z.enum(['stop', 'length', 'tool_calls']);
const vote = z.strictObject({
  finished: count,
  of: count,
  counts: z.array(z.strictObject({ answer: text, votes: count, weight: z.number().min(0).optional() })),
});

export const chatCompletionSchema = z.strictObject({
  id: text,
  object: z.literal('chat.completion'),
  created: unixSeconds,
  model: text,
  choices: z.array(
    z.strictObject({
      index: count,
      message: z.strictObject({
        role: z.literal('assistant'),
        content: text.nullable(),
        reasoning_content: text.describe('The thinking.'),
        reasoning: text.describe('The same as `reasoning_content`, by its other name.'),
        refusal: z.null(),
        annotations,
        tool_calls: z.array(z.strictObject(toolCall)).optional(),
      }),
      logprobs,
      finish_reason: finishReason,
      budget_forcing: budgetForcingSchema.optional(),
    }),
  ),
  usage,
  budget_forcing: budgetForcingSchema
    .optional()
    .describe('Set if there is one choice. With several, each choice has its own.'),
  vote: vote.optional(),
});

export const chatChunkSchema = z
  .strictObject({
    id: text,
    object: z.literal('chat.completion.chunk'),
    created: unixSeconds,
    model: text,
    choices: z.array(
      z.strictObject({
        index: count,
        delta: z.strictObject({
          role: z.literal('assistant').optional(),
          content: text.optional(),
          reasoning_content: text.optional(),
          reasoning: text.optional(),
          tool_calls: z
            .array(
              z.strictObject({
                index: count,
                id: toolCall.id.optional(),
                type: toolCall.type.optional(),
                function: z.strictObject({ name: text.optional(), arguments: text }),
              }),
            )
            .optional()
            .describe('The first delta of a call has its id and name. The later ones have more of its arguments.'),
          annotations: annotations.optional(),
          forced: z.literal(true).optional().describe('Set if this text was forced, not sampled.'),
        }),
        logprobs,
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: usage.optional(),
    budget_forcing: budgetForcingSchema.optional(),
    vote: vote.optional(),
  })
  .describe('The data of each event. The last is `[DONE]`. Comment lines keep the connection alive.');
