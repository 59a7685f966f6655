import { upstreamName } from '../lambda/upstream/registry.ts';
import { type Config, externalModels, hostedPart } from '../lib/config.ts';
import type { Prices } from '../lib/facts/prices.ts';
import { batchCost } from './batch-cost.ts';
import { breakEven } from './break-even.ts';
import { bringUp } from './bring-up.ts';
import type { CreatedResources } from './created.ts';
import { gpuUse } from './gpu-use.ts';
import { apiHourlyCost, hourlyCost, requestCost } from './hourly-cost.ts';
import { modelPlan } from './model-plan.ts';
import { monthlyCost } from './monthly-cost.ts';
import { notesOf } from './notes.ts';
import type { ApiPrice, Plan, TokensPerRequest } from './plan.ts';
import { requiredQuotas } from './required-quotas.ts';
import { routePlans } from './route-cost.ts';
import type { PlannedTraffic } from './traffic.ts';
import { updateNeeds } from './update-needs.ts';

const usualTokens: TokensPerRequest = { promptTokens: 500, thinkingTokens: 4_000, answerTokens: 500 };

/**
 * Plans the deployment of a config.
 *
 * @param created resources of the stacks, see `createdBy`
 * @param traffic traffic of one model. If omitted, no month is estimated.
 * @param trafficModel id of that model. If omitted, the first model.
 * @param against price of another API, and what a request has. If omitted, no break-even is estimated.
 * @param tokens tokens of a usual request to a route
 * @throws {Error} if the config has no model `trafficModel`.
 */
export function makePlan(
  config: Config,
  created: readonly CreatedResources[],
  prices: Prices,
  traffic?: PlannedTraffic,
  trafficModel?: string,
  against?: { readonly price: ApiPrice; readonly traffic: Omit<PlannedTraffic, 'requestsPerDay'> },
  tokens: TokensPerRequest = traffic ?? usualTokens,
): Plan {
  const hosted = hostedPart(config);
  const external = externalModels(config);
  const models = hosted === undefined ? [] : hosted.models.map((model) => modelPlan(hosted, model, prices));
  const hourly = hosted === undefined ? apiHourlyCost(created, prices) : hourlyCost(hosted, created, prices);
  const busy = config.models.find(({ id }) => id === trafficModel) ?? config.models[0];
  if (trafficModel !== undefined && busy?.id !== trafficModel) {
    const ids = config.models.map(({ id }) => id).join(', ');
    throw new Error(`The config has no model "${trafficModel}": write one of ${ids}.`);
  }
  const memory = models.find(({ id }) => id === busy?.id)?.memory;
  const month =
    traffic === undefined || hosted === undefined || busy === undefined || 'upstream' in busy || hourly === undefined
      ? undefined
      : monthlyCost(hosted, busy, memory, traffic, hourly, prices);
  const known = hosted !== undefined && busy !== undefined && !('upstream' in busy) && hourly !== undefined;
  const even =
    known && against !== undefined
      ? breakEven(hosted, busy, memory, against.traffic, hourly, prices, against.price)
      : undefined;
  const unknownBreakEven =
    against !== undefined && even === undefined
      ? ['No break-even is estimated: memory, speed or price of the deployment are unknown here.']
      : [];
  return {
    name: config.name,
    region: config.region,
    created: created.map(({ stack, type, resources }) => ({ stack, type, count: resources.length })),
    models,
    gpus: hosted && gpuUse(hosted, prices),
    bringUp: hosted === undefined ? [] : bringUp(hosted, models, hourly),
    updates: hosted === undefined ? [] : updateNeeds(hosted),
    quotas: requiredQuotas(config),
    externalModels: external.map(({ id, upstream }) => ({ id, server: upstreamName(upstream) })),
    instanceType: hosted?.endpoint.instanceType,
    estimatedDollarsPerHour: hourly,
    estimatedRequestDollars: external.length === 0 ? undefined : requestCost(config, prices),
    estimatedBatchDollars: batchCost(config, prices),
    estimatedMonth: month,
    estimatedBreakEven: even,
    routes: routePlans(config, models, hourly, tokens),
    prices: { date: prices.date, source: prices.source },
    notes: [...notesOf(config, models, hourly, month, traffic, busy, prices), ...unknownBreakEven],
  };
}
