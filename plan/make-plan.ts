import type { Config } from '../lib/config.ts';
import type { Prices } from '../lib/facts/prices.ts';
import type { CreatedResources } from './created.ts';
import { hourlyCost } from './hourly-cost.ts';
import { modelPlan } from './model-plan.ts';
import { monthlyCost } from './monthly-cost.ts';
import { notesOf } from './notes.ts';
import type { Plan } from './plan.ts';
import { requiredQuotas } from './required-quotas.ts';
import type { PlannedTraffic } from './traffic.ts';

/**
 * Plans the deployment of a config.
 *
 * @param created resources of the stacks, see `createdBy`
 * @param traffic traffic of one model. If omitted, no month is estimated.
 * @param trafficModel id of that model. If omitted, the first model.
 * @throws {Error} if the config has no model `trafficModel`.
 */
export function makePlan(
  config: Config,
  created: readonly CreatedResources[],
  prices: Prices,
  traffic?: PlannedTraffic,
  trafficModel?: string,
): Plan {
  const models = config.models.map((model) => modelPlan(config, model, prices));
  const hourly = hourlyCost(config, created, prices);
  const busy = config.models.find(({ id }) => id === trafficModel) ?? config.models[0];
  if (trafficModel !== undefined && busy?.id !== trafficModel) {
    const ids = config.models.map(({ id }) => id).join(', ');
    throw new Error(`The config has no model "${trafficModel}": write one of ${ids}.`);
  }
  const memory = models.find(({ id }) => id === busy?.id)?.memory;
  const month =
    traffic === undefined || busy === undefined || hourly === undefined
      ? undefined
      : monthlyCost(config, busy, memory, traffic, hourly, prices);
  return {
    name: config.name,
    region: config.region,
    created: created.map(({ stack, type, resources }) => ({ stack, type, count: resources.length })),
    models,
    quotas: requiredQuotas(config),
    instanceType: config.endpoint.instanceType,
    estimatedDollarsPerHour: hourly,
    estimatedMonth: month,
    prices: { date: prices.date, source: prices.source },
    notes: notesOf(config, models, hourly, month, traffic),
  };
}
