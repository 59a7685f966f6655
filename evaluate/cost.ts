import * as z from 'zod';
import type { TokenPrice } from './prices.ts';
import type { Result } from './results.ts';

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

/** Prices by model id. */
export type ModelPrices = Readonly<Record<string, TokenPrice>>;

/**
 * Dollars of an answer. Each model of a route has its own price, if it is known; all else has `price`. Prompts of the models that did not
 * answer count in full.
 */
export function dollarsOfAnswer(
  { model, report, promptTokens, spentTokens }: Pick<Result, 'model' | 'report' | 'promptTokens' | 'spentTokens'>,
  price: TokenPrice,
  modelPrices: ModelPrices,
): number {
  const all = { prompt: promptTokens, sampled: spentTokens };
  const account = accountSchema.safeParse(report);
  const route = account.success ? account.data.route : undefined;
  if (!account.success || route === undefined) return dollarsOf(all, modelPrices[model] ?? price);
  const { attempts = [] } = account.data;
  const answering = attempts.findLastIndex((attempt) => attempt.model === route.answered_by);
  const others = attempts.flatMap(({ model: other, usage }, at) =>
    at === answering || usage === undefined
      ? []
      : [{ model: other, prompt: usage.prompt_tokens, sampled: usage.completion_tokens }],
  );
  const sum = (of: (other: Processed) => number) => others.reduce((total, other) => total + of(other), 0);
  const own = {
    prompt: all.prompt - sum(({ prompt }) => prompt),
    sampled: all.sampled - sum(({ sampled }) => sampled),
  };
  return (
    dollarsOf(own, modelPrices[route.answered_by] ?? price) +
    others.reduce((total, other) => total + dollarsOf(other, modelPrices[other.model] ?? price), 0)
  );
}

/** Dollars of tokens at a price. */
export function dollarsOf({ prompt, sampled }: Processed, price: TokenPrice): number {
  return (prompt * price.prompt + sampled * price.completion) / 1e6;
}
