import * as z from 'zod';
import { MAX_SHORT_TEXT, MAX_STOPS } from './budget-fields.ts';
import { MAX_TOKENS } from './sampling-fields.ts';

/** Fields of chat and responses that decide where the output ends. */
export const outputEndFields = {
  stop: z
    .union([z.string().min(1).max(MAX_SHORT_TEXT), z.array(z.string().min(1).max(MAX_SHORT_TEXT)).max(MAX_STOPS)])
    .nullish(),
  ignore_eos: z
    .boolean()
    .nullish()
    .describe(
      'vLLM: no end of the answer is sampled before the maximum of tokens, so that the output has exactly as many.',
    ),
  min_tokens: z
    .int()
    .min(0)
    .max(MAX_TOKENS)
    .nullish()
    .describe(
      'vLLM: no end of the answer is sampled before the output, thinking and answer together, has as many tokens. The minimum of the thinking is `thinking.min_tokens`.',
    ),
} as const;
