import * as z from 'zod';
import type { TokenPrice } from './prices.ts';

/** Tokens that a model server processed. */
export interface Processed {
  /** Of prompts, without those from the prefix cache. */
  readonly prompt: number;
  /** Sampled: thinking, answer, and what was thrown away. */
  readonly sampled: number;
}

const accountSchema = z.looseObject({
  calls: z
    .array(z.looseObject({ prompt_tokens: z.int(), prompt_tokens_evaluated: z.int().nullish(), tokens: z.int() }))
    .min(1),
  route: z.looseObject({ answered_by: z.string() }).optional(),
  attempts: z
    .array(
      z.looseObject({
        model: z.string(),
        usage: z.looseObject({ prompt_tokens: z.int(), completion_tokens: z.int() }).optional(),
      }),
    )
    .optional(),
  vote: z.looseObject({ other_tokens: z.int().default(0), aborted_tokens: z.int().default(0) }).optional(),
});

/**
 * The tokens that an answer cost, from its `budget_forcing` object: every call counts with its prompt, probes and broken calls
 * included, and so do the other and the aborted samples of a vote, and the models of a route that did not answer. A prompt counts in full if the server does not say what came from
 * its prefix cache. `undefined` if the object lists no calls.
 */
export function processedTokens(budgetForcing: unknown): Processed | undefined {
  const account = accountSchema.safeParse(budgetForcing);
  if (!account.success) return undefined;
  const { calls, vote, route, attempts = [] } = account.data;
  // The calls of a route are those of the model that answered.
  const answering = attempts.findLastIndex(({ model }) => model === route?.answered_by);
  const others =
    route === undefined ? [] : attempts.flatMap(({ usage }, at) => (at === answering ? [] : (usage ?? [])));
  return {
    prompt:
      calls.reduce((sum, call) => sum + (call.prompt_tokens_evaluated ?? call.prompt_tokens), 0) +
      others.reduce((sum, usage) => sum + usage.prompt_tokens, 0),
    sampled:
      calls.reduce((sum, call) => sum + call.tokens, 0) +
      others.reduce((sum, usage) => sum + usage.completion_tokens, 0) +
      (vote?.other_tokens ?? 0) +
      (vote?.aborted_tokens ?? 0),
  };
}

/** Dollars of tokens at a price. */
export function dollarsOf({ prompt, sampled }: Processed, price: TokenPrice): number {
  return (prompt * price.prompt + sampled * price.completion) / 1e6;
}
