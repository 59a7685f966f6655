import type { HostedConfig, ModelConfig } from '../lib/config.ts';
import { findInstanceType } from '../lib/facts/instance-types.ts';
import { HOURS_PER_MONTH, type Prices } from '../lib/facts/prices.ts';
import { gpuMemory } from '../lib/serving/gpu-memory.ts';
import { servedWeights } from '../lib/serving/served-weights.ts';
import { instancesOf } from './hourly-cost.ts';
import type { HourlyCost, MonthlyCost } from './plan.ts';
import { averageContext, decodeSpeed, loadOf, type PlannedTraffic } from './traffic.ts';

/** Hours from the last request to the end of the last instance: 15 minutes until copies stop, 10 more for instances. */
const HOURS_UNTIL_ZERO = (15 + 10) / 60;

/**
 * Estimates the cost of a month at planned traffic.
 *
 * @returns `undefined` if the model's architecture or the instance type is unknown.
 */
export function monthlyCost(
  config: HostedConfig,
  model: ModelConfig,
  traffic: PlannedTraffic,
  hourly: HourlyCost,
  prices: Prices,
): MonthlyCost | undefined {
  const { shape, settings } = servedWeights(model);
  const type = findInstanceType(config.endpoint.instanceType);
  const memory = shape && gpuMemory(shape, settings, config.endpoint.instanceType);
  if (memory === undefined || type === undefined) return undefined;
  const speed = decodeSpeed(memory, type, {
    requests: model.requestsPerCopy,
    contextTokens: averageContext(traffic),
    efficiency: prices.assumptions.decodeEfficiency,
  });
  const load = loadOf(traffic, speed);
  const busyInstances = Math.max(
    hourly.instances.idle,
    instancesOf(config, (other) => (other === model ? load.copies : other.copies.min)),
  );
  const days = HOURS_PER_MONTH / 24;
  const busyHours = Math.min(24, traffic.activeHours + HOURS_UNTIL_ZERO) * days;
  const instanceHours = busyInstances * busyHours + hourly.instances.idle * (HOURS_PER_MONTH - busyHours);
  const requests = traffic.requestsPerDay * days;
  const functionSeconds = requests * load.secondsPerRequest * (config.api.memoryMb / 1_024);
  const dollars = {
    instances: instanceHours * hourly.instance,
    requests:
      (requests / 1e6) * (prices.apiMillionRequests + prices.lambdaMillionRequests) +
      functionSeconds * prices.lambdaGbSecond,
    fixed: hourly.fixed * HOURS_PER_MONTH,
  };
  const total = dollars.instances + dollars.requests + dollars.fixed;
  const millions = (requests * (traffic.thinkingTokens + traffic.answerTokens)) / 1e6;
  return {
    model: model.id,
    traffic,
    load,
    instanceHours,
    dollars: { ...dollars, total, perMillionTokens: total / millions },
  };
}
