import type { Config } from '../lib/config.ts';
import { findInstanceType } from '../lib/facts/instance-types.ts';
import type { HourlyCost, ModelPlan, RoutePlan, TokensPerRequest } from './plan.ts';

/** Price of a model's tokens, in dollars per million. */
interface TokenPrice {
  readonly prompt: number;
  readonly completion: number;
}

/** How a route asks its models, as far as it changes the cost. */
interface RouteRules {
  /** Samples of a model that have to agree. 1 if the gate reads the thought alone. */
  readonly samples: number;
  readonly passThought: boolean;
}

/**
 * Plans each route: at which share of escalations it costs as much as always asking its last model.
 *
 * @param tokens tokens of a usual request, the same for every model
 */
export function routePlans(
  config: Config,
  models: readonly ModelPlan[],
  hourly: HourlyCost | undefined,
  tokens: TokensPerRequest,
): readonly RoutePlan[] {
  return config.routes.map(({ id, models: ids, escalate, pass_thought: passThought }) => {
    const prices = ids.map((modelId) => priceOf(config, modelId, models, hourly));
    const rules = { samples: escalate.disagree ?? 1, passThought };
    const known = prices.filter((price) => price !== undefined);
    return {
      id,
      models: ids,
      tokens,
      unpriced: ids.filter((_, index) => prices[index] === undefined),
      breakEvenRate: known.length < ids.length ? undefined : breakEvenRate(known, tokens, rules),
      dollarsPerRequest:
        known.length < ids.length
          ? undefined
          : {
              never: routeCost(known, tokens, rules, 0),
              half: routeCost(known, tokens, rules, 0.5),
              last: requestCost(known.at(-1), tokens),
            },
    };
  });
}

/**
 * Returns the share of escalations, 0 to 1, at which a route costs as much as always asking its last model. The same share of requests
 * is escalated at each model. 0 if the route costs more even without escalations; 1 if it never costs as much.
 */
export function breakEvenRate(prices: readonly TokenPrice[], tokens: TokensPerRequest, rules: RouteRules): number {
  const last = requestCost(prices.at(-1), tokens);
  if (routeCost(prices, tokens, rules, 0) >= last) return 0;
  if (routeCost(prices, tokens, rules, 1) <= last) return 1;
  let [low, high] = [0, 1];
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (routeCost(prices, tokens, rules, middle) < last) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Returns the expected cost of a request to a route, in dollars: of each model that is reached, its prompt and its thought, and its answer
 * if it is not escalated.
 *
 * @param rate share of the requests that each model but the last escalates, 0 to 1
 */
export function routeCost(
  prices: readonly TokenPrice[],
  { promptTokens, thinkingTokens, answerTokens }: TokensPerRequest,
  { samples, passThought }: RouteRules,
  rate: number,
): number {
  return prices.reduce((sum, price, index) => {
    const isLast = index === prices.length - 1;
    const prompt = promptTokens + (passThought && index > 0 ? thinkingTokens : 0);
    // Samples that have to agree are run to their ends. Otherwise an answer is generated only after the gate.
    const answered = isLast || samples > 1 ? 1 : 1 - rate;
    const runs = isLast ? 1 : samples;
    const cost = prompt * price.prompt + runs * (thinkingTokens + answered * answerTokens) * price.completion;
    return sum + (rate ** index * cost) / 1e6;
  }, 0);
}

function requestCost(price: TokenPrice | undefined, tokens: TokensPerRequest): number {
  return price === undefined ? 0 : routeCost([price], tokens, { samples: 1, passThought: false }, 0);
}

/** The price in the config; else what a full copy's share of its instance costs for each token that it generates. */
function priceOf(
  config: Config,
  modelId: string,
  plans: readonly ModelPlan[],
  hourly: HourlyCost | undefined,
): TokenPrice | undefined {
  const model = config.models.find(({ id }) => id === modelId);
  if (model?.dollarsPerMillionTokens !== undefined) return model.dollarsPerMillionTokens;
  const speed = plans.find(({ id }) => id === modelId)?.estimatedSpeed;
  const gpus = findInstanceType(config.endpoint?.instanceType ?? '')?.gpus;
  if (model === undefined || 'upstream' in model || speed === undefined || hourly === undefined || gpus === undefined) {
    return undefined;
  }
  const copyPerHour = (hourly.instance * model.vllm.tensorParallel) / gpus;
  return { prompt: 0, completion: (copyPerHour / 3_600 / speed.tokensPerSecond) * 1e6 };
}
