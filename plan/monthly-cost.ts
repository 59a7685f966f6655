import type { HostedConfig, ModelConfig } from '../lib/config.ts';
import { scaleInSecondsOf } from '../lib/endpoint/scale-in.ts';
import { findInstanceType } from '../lib/facts/instance-types.ts';
import { HOURS_PER_MONTH, type Prices } from '../lib/facts/prices.ts';
import { IDLE_INSTANCE_SECONDS } from '../lib/facts/scale-in.ts';
import { decodeSpeed } from '../lib/serving/decode-speed.ts';
import type { GpuMemory } from '../lib/serving/gpu-memory.ts';
import { instancesOf } from './hourly-cost.ts';
import type { HourlyCost, MonthlyCost } from './plan.ts';
import { averageContext, loadOf, type PlannedTraffic } from './traffic.ts';

/**
 * Estimates the cost of a month at planned traffic.
 *
 * @param memory memory of the model's copies, from its `ModelPlan`
 * @returns `undefined` if the memory or the instance type is unknown.
 */
export function monthlyCost(
  config: HostedConfig,
  model: ModelConfig,
  memory: GpuMemory | undefined,
  traffic: PlannedTraffic,
  hourly: HourlyCost,
  prices: Prices,
): MonthlyCost | undefined {
  const type = findInstanceType(config.endpoint.instanceType);
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
  const scaleInSeconds = scaleInSecondsOf(model);
  // Copies stay until they are removed, and their instances are charged until they end.
  const idleHours = (scaleInSeconds + IDLE_INSTANCE_SECONDS) / 3_600;
  const busyHours = Math.min(24, traffic.activeHours + idleHours) * days;
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
    scaleInSeconds,
    instanceHours,
    dollars: { ...dollars, total, perMillionTokens: total / millions },
  };
}
