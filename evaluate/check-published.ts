import * as z from 'zod';
import { callApi } from '../cli/api-client.ts';
import { UsageError } from '../cli/usage-error.ts';
import type { Api } from './ask.ts';
import { type Condition, conditionId } from './conditions.ts';
import { defaultThresholds, type Method, methods } from './methods.ts';
import type { TokenPrice } from './prices.ts';

/** What `/v1/models` publishes of a model. Members that an older deployment does not publish are not checked. */
const modelSchema = z.object({
  id: z.string(),
  context_window: z.int().optional(),
  weights: z.string().nullish(),
  price: z.object({ prompt: z.number(), completion: z.number() }).nullish(),
  route: z.looseObject({ models: z.array(z.string()).min(1) }).optional(),
  budget_forcing: z
    .object({ max_tokens: z.int().optional(), max_waits: z.int().optional(), format: z.string().optional() })
    .optional(),
});

/** What an API publishes of a model. */
export interface Published {
  readonly weights: string | undefined;
  readonly price: TokenPrice | undefined;
  /** Highest maximum of thinking tokens. */
  readonly maxTokens: number | undefined;
  readonly maxWaits: number | undefined;
  /** Prices of all models that have one. */
  readonly modelPrices: Readonly<Record<string, TokenPrice>>;
  /** Models of each route, in the order in which they are asked. */
  readonly routes: Readonly<Record<string, readonly string[]>>;
}

/**
 * Compares the conditions with the limits that the API publishes, before the first question is asked.
 *
 * @returns what identifies the model, its price and its limits
 * @throws {UsageError} if the model does not exist, or a condition is outside its limits; the message names the condition and the
 * limit
 */
export async function checkPublished(api: Api, conditions: readonly Condition[]): Promise<Published> {
  const answer = z.object({ data: z.array(modelSchema) }).safeParse(await callApi(api, 'GET', '/models'));
  if (!answer.success) throw new UsageError(`${api.baseUrl}/models lists no models. Does the URL end in /v1?`);
  const model = answer.data.data.find(({ id }) => id === api.model);
  if (model === undefined) {
    const ids = answer.data.data.map(({ id }) => id);
    throw new UsageError(
      `The API has no model ${JSON.stringify(api.model)}. Write --model with one of: ${ids.join(', ')}.`,
    );
  }
  if (model.budget_forcing === undefined)
    throw new UsageError(
      `${api.baseUrl}/models publishes no budget_forcing for ${api.model}. Is --base-url a Budgetforce API?`,
    );
  const window = model.context_window;
  const { max_tokens: maxTokens, max_waits: maxWaits } = model.budget_forcing;
  for (const condition of conditions) {
    const { thinking }: Method = methods[condition.method];
    const sent = thinking?.(Number(condition.setting), api.thresholds ?? defaultThresholds) ?? {};
    const tokens = Number(sent['max_tokens'] ?? 0);
    const waits = Number(sent['waits'] ?? 0);
    const name = conditionId(condition);
    if (maxTokens !== undefined && tokens > maxTokens)
      throw outside(name, api.model, `at most ${maxTokens} thinking tokens`, 'models[].thinking.maxTokens');
    if (window !== undefined && tokens >= window)
      throw outside(name, api.model, `a context window of ${window} tokens`, undefined);
    if (maxWaits !== undefined && waits > maxWaits)
      throw outside(name, api.model, `at most ${maxWaits} Waits`, undefined);
  }
  return {
    weights: model.weights ?? undefined,
    price: model.price ?? undefined,
    maxTokens,
    maxWaits,
    modelPrices: Object.fromEntries(answer.data.data.flatMap(({ id, price }) => (price ? [[id, price]] : []))),
    routes: Object.fromEntries(answer.data.data.flatMap(({ id, route }) => (route ? [[id, route.models]] : []))),
  };
}

function outside(condition: string, model: string, limit: string, field: string | undefined): UsageError {
  const raise = field === undefined ? '' : `, or raise ${field} of the deployment`;
  return new UsageError(`${condition} cannot be asked: ${model} has ${limit}. Leave the condition out${raise}.`);
}
