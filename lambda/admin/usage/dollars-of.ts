import { completionOf, type UsageRecord } from '../../keys/ledger.ts';
import type { ServedModel } from '../../models/served-model.ts';
import type { Price } from '../../settings/fallback-settings.ts';

/**
 * Returns what a request cost. Tokens of a fallback have its price, or the model's if it has none. If a fallback wrote all of the answer,
 * the model has read no prompt.
 *
 * @returns dollars; 0 if there is no price
 */
export function dollarsOf(record: UsageRecord, models: readonly ServedModel[]): number {
  const model = models.find(({ settings }) => settings.id === record.model);
  const own = model?.settings.dollarsPerMillionTokens;
  const { elsewhere = [] } = record;
  const completionElsewhere = elsewhere.reduce((sum, { completion }) => sum + completion, 0);
  const completion = Math.max(0, completionOf(record) - completionElsewhere);
  const prompt = elsewhere.length > 0 && completion === 0 ? 0 : record.prompt;
  const atFallbacks = elsewhere.map((used) => {
    const fallback = model?.failover?.fallbacks.find(({ name }) => name === used.upstream);
    return dollars(used, fallback?.price ?? own);
  });
  return dollars({ prompt, completion }, own) + atFallbacks.reduce((sum, cost) => sum + cost, 0);
}

function dollars(tokens: { readonly prompt: number; readonly completion: number }, price: Price | undefined): number {
  return price === undefined ? 0 : (tokens.prompt * price.prompt + tokens.completion * price.completion) / 1_000_000;
}
