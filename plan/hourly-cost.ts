import * as z from 'zod';
import type { Config, HostedConfig, ModelConfig } from '../lib/config.ts';
import { findInstanceType } from '../lib/facts/instance-types.ts';
import { instancesFor } from '../lib/facts/placement.ts';
import { HOURS_PER_MONTH, type Prices } from '../lib/facts/prices.ts';
import type { CreatedResources } from './created.ts';
import type { HourlyCost, RequestCost } from './plan.ts';

/**
 * Estimates the cost per hour.
 *
 * @returns `undefined` if the price of the instance type is unknown.
 */
export function hourlyCost(
  config: HostedConfig,
  created: readonly CreatedResources[],
  prices: Prices,
): HourlyCost | undefined {
  const instance = prices.instances[config.endpoint.instanceType];
  if (instance === undefined) return undefined;
  const fixed = fixedDollarsPerHour(created, prices);
  const idle = Math.max(
    config.endpoint.instances.min,
    instancesOf(config, ({ copies }) => copies.min),
  );
  const instances = { idle, minimum: Math.max(1, idle), maximum: config.endpoint.instances.max };
  const cost = (count: number) => count * instance + fixed;
  return {
    instance,
    fixed,
    idle: cost(instances.idle),
    minimum: cost(instances.minimum),
    maximum: cost(instances.maximum),
    instances,
  };
}

/** Returns the instances that hold a number of copies of each model. */
export function instancesOf(config: HostedConfig, copiesOf: (model: ModelConfig) => number): number {
  const gpus = findInstanceType(config.endpoint.instanceType)?.gpus ?? 1;
  return instancesFor(
    config.models.flatMap((model) => Array<number>(copiesOf(model)).fill(model.vllm.tensorParallel)),
    gpus,
  );
}

/** Estimates the cost per hour of an API without an endpoint: what is charged without requests. */
export function apiHourlyCost(created: readonly CreatedResources[], prices: Prices): HourlyCost {
  const fixed = fixedDollarsPerHour(created, prices);
  const instances = { idle: 0, minimum: 0, maximum: 0 };
  return { instance: 0, fixed, idle: fixed, minimum: fixed, maximum: fixed, instances };
}

/** Estimates what requests cost beside the server: API Gateway and the function, which runs as long as its request. */
export function requestCost(config: Config, prices: Prices): RequestCost {
  return {
    perMillionRequests: prices.apiMillionRequests + prices.lambdaMillionRequests,
    perRunningHour: (config.api.memoryMb / 1_024) * 3_600 * prices.lambdaGbSecond,
  };
}

function fixedDollarsPerHour(created: readonly CreatedResources[], prices: Prices): number {
  let month = 0;
  for (const { type, resources } of created) {
    for (const { properties } of resources) month += fixedDollarsPerMonth(type, properties, prices);
  }
  return month / HOURS_PER_MONTH;
}

function fixedDollarsPerMonth(type: string, properties: Readonly<Record<string, unknown>>, prices: Prices): number {
  switch (type) {
    case 'AWS::SecretsManager::Secret':
      return prices.secretMonth;
    case 'AWS::CloudWatch::Alarm':
      return isHighResolution(properties)
        ? metricsOf(properties['Metrics']) * prices.highResolutionAlarmMonth
        : metricsOf(properties['Metrics']) * prices.alarmMonth;
    case 'AWS::CloudWatch::Dashboard':
      return prices.dashboardMonth;
    case 'AWS::KMS::Key':
      return prices.keyMonth;
    case 'AWS::WAFv2::WebACL':
      return prices.firewallMonth + lengthOf(properties['Rules']) * prices.firewallRuleMonth;
    case 'AWS::EC2::VPCEndpoint':
      return properties['VpcEndpointType'] === 'Interface'
        ? lengthOf(properties['SubnetIds']) * prices.vpcEndpointHour * HOURS_PER_MONTH
        : 0;
    default:
      return 0;
  }
}

/** Whether an alarm, or one of the metrics in its expression, has a period below a minute. */
function isHighResolution({ Period: period, Metrics: queries }: Readonly<Record<string, unknown>>): boolean {
  const periods = z.array(z.object({ MetricStat: z.object({ Period: z.number() }).optional() })).safeParse(queries);
  return [Number(period), ...(periods.data ?? []).map(({ MetricStat }) => MetricStat?.Period)].some(
    (seconds) => seconds !== undefined && seconds < 60,
  );
}

/** Number of charged metrics: an alarm on an expression is charged for each metric in it. */
function metricsOf(queries: unknown): number {
  return Array.isArray(queries) ? queries.filter((query) => 'MetricStat' in query).length : 1;
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}
