import * as z from 'zod';
import { budgetFields, MAX_SHORT_TEXT } from '../budget-fields.ts';
import { MAX_TOKENS, samplingFields, tokenId } from '../sampling-fields.ts';

/** Maximum number of prompts in one request. */
const MAX_PROMPTS = 64;

const ids = z.array(tokenId).min(1);
const stopText = z.string().min(1).max(MAX_SHORT_TEXT);

/** The body of `POST /v1/completions`: OpenAI's fields, vLLM's, and the budget fields of chat. */
export const completionRequestSchema = z.strictObject({
  model: z.string().min(1).max(128),
  prompt: z
    .union([
      z.string().min(1),
      ids,
      z.array(z.string().min(1)).min(1).max(MAX_PROMPTS),
      z.array(ids).min(1).max(MAX_PROMPTS),
    ])
    .describe('A text, whose control strings are control tokens; token ids; or several of either.'),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish(),
      include_obfuscation: z.boolean().nullish(),
      continuous_usage_stats: z.boolean().nullish(),
    })
    .nullish(),
  ...budgetFields,
  max_tokens: z
    .int()
    .min(0)
    .max(MAX_TOKENS)
    .nullish()
    .describe('If omitted, 16; with a thinking budget, the model’s default. 0 requires `echo`.'),
  min_tokens: z.int().min(0).max(MAX_TOKENS).nullish().describe('vLLM: no end token is sampled before it.'),
  ignore_eos: z.boolean().nullish().describe('vLLM: no end token is sampled before `max_tokens`.'),
  ...samplingFields,
  stop: z.union([stopText, z.array(stopText).max(64)]).nullish(),
  stop_token_ids: z
    .array(tokenId)
    .max(64)
    .nullish()
    .describe('vLLM: tokens that end the completion, without their text.'),
  n: z.int().min(1).max(16).nullish(),
  echo: z.boolean().nullish().describe('Whether the text, and the log probabilities, begin with those of the prompt.'),
  logprobs: z.int().min(0).max(20).nullish(),
  skip_special_tokens: z
    .boolean()
    .nullish()
    .describe('vLLM: whether the text leaves out control tokens. If omitted, true.'),
  return_token_ids: z.boolean().nullish().describe('vLLM: whether to return `prompt_token_ids` and `token_ids`.'),
  spaces_between_special_tokens: z.boolean().nullish(),
  add_special_tokens: z.literal(false).nullish().describe('No token is added to the prompt.'),
  include_stop_str_in_output: z.literal(false).nullish(),
  detokenize: z.literal(true).nullish(),
  suffix: z.literal('').nullish(),
  best_of: z.int().min(1).max(16).nullish().describe('Not more than `n`.'),
  logit_bias: z.strictObject({}).nullish(),
  user: z.string().max(512).nullish(),
});
export type CompletionRequest = z.infer<typeof completionRequestSchema>;
