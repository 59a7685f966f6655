import type { Config } from '../lib/config.ts';
import { instancesFor } from '../lib/endpoint/placement.ts';
import { findInstanceType } from '../lib/facts/instance-types.ts';
import { HOURS_A_MONTH, type Prices } from '../lib/facts/prices.ts';
import { concurrencyQuota, instanceQuota, type Quota } from '../lib/facts/quota-codes.ts';
import { accelerate } from '../lib/serving/accelerations.ts';
import { type Architecture, toArchitecture } from '../lib/serving/architecture.ts';
import { type GpuMemory, gpuMemory, memoryInWords, storedWeightBytes } from '../lib/serving/gpu-memory.ts';
import { type ColdStart, coldStart } from './cold-start.ts';
import type { CreatedResources } from './created.ts';
import { averageContext, decodeSpeed, loadOf, type PlannedLoad, type PlannedTraffic, type Speed } from './traffic.ts';

/** What a deployment means. Every amount of dollars, and every time, is an estimate. */
export interface Plan {
  readonly name: string;
  readonly region: string;
  readonly created: readonly { readonly stack: string; readonly type: string; readonly count: number }[];
  readonly models: readonly ModelPlan[];
  readonly quotas: readonly Quota[];
  readonly instanceType: string;
  /** `undefined` where the price of the instance type is not known. */
  readonly estimatedDollarsPerHour: HourlyCost | undefined;
  readonly estimatedMonth: MonthlyCost | undefined;
  readonly prices: { readonly date: string; readonly source: string };
  readonly notes: readonly string[];
}

export interface ModelPlan {
  readonly id: string;
  /** `undefined` where the config names no architecture. */
  readonly memory: (GpuMemory & { readonly inWords: string; readonly longestRequestsAtOnce: number }) | undefined;
  readonly estimatedColdStart: ColdStart | undefined;
  readonly estimatedSpeed: Speed | undefined;
}

interface HourlyCost {
  readonly instance: number;
  /** Secrets, alarms, dashboard and the like: what is paid without a request. */
  readonly fixed: number;
  /** When nobody has asked for long. */
  readonly idle: number;
  /** The least that can answer a request. */
  readonly minimum: number;
  readonly maximum: number;
  readonly instances: { readonly idle: number; readonly minimum: number; readonly maximum: number };
}

interface MonthlyCost {
  readonly model: string;
  readonly traffic: PlannedTraffic;
  readonly load: PlannedLoad;
  readonly instanceHours: number;
  readonly dollars: {
    readonly instances: number;
    readonly requests: number;
    readonly fixed: number;
    readonly total: number;
    /** Of thinking and answer. */
    readonly perMillionTokens: number;
  };
}

/** From the last request until the last instance stops: copies go after 15 minutes, instances 10 minutes later. */
const HOURS_UNTIL_ZERO = (15 + 10) / 60;

/**
 * @param created what the stacks hold, see `createdBy`
 * @param traffic of the first model, or of `trafficModel`
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
    throw new Error(
      `There is no model "${trafficModel}" in the config. There are: ${config.models.map(({ id }) => id).join(', ')}.`,
    );
  }
  const month =
    traffic === undefined || busy === undefined || hourly === undefined
      ? undefined
      : monthlyCost(config, busy, traffic, hourly, prices);
  return {
    name: config.name,
    region: config.region,
    created: created.map(({ stack, type, resources }) => ({ stack, type, count: resources.length })),
    models,
    quotas: quotasOf(config),
    instanceType: config.endpoint.instanceType,
    estimatedDollarsPerHour: hourly,
    estimatedMonth: month,
    prices: { date: prices.date, source: prices.source },
    notes: notesOf(config, models, hourly, month, traffic),
  };
}

type ModelConfig = Config['models'][number];

function modelPlan(config: Config, model: ModelConfig, prices: Prices): ModelPlan {
  const shape = shapeOf(model);
  if (shape === undefined) {
    return { id: model.id, memory: undefined, estimatedColdStart: undefined, estimatedSpeed: undefined };
  }
  const settings = settingsOf(model);
  const contextTokens = model.vllm.contextTokens ?? model.contextTokens;
  const memory = gpuMemory(shape, settings, config.endpoint.instanceType);
  const type = findInstanceType(config.endpoint.instanceType);
  return {
    id: model.id,
    memory: memory && {
      ...memory,
      inWords: memoryInWords(shape, settings, memory, contextTokens),
      longestRequestsAtOnce: Math.floor(memory.cacheTokens / contextTokens),
    },
    estimatedColdStart: coldStart(
      { id: model.id, source: model.source.kind, weightBytes: storedWeightBytes(shape, settings) },
      prices.assumptions,
    ),
    estimatedSpeed:
      memory &&
      type &&
      decodeSpeed(memory, type, {
        requests: model.requestsPerCopy,
        contextTokens: contextTokens / 4,
        efficiency: prices.assumptions.decodeEfficiency,
      }),
  };
}

function shapeOf(model: ModelConfig): Architecture | undefined {
  return model.architecture === undefined ? undefined : toArchitecture(model.architecture);
}

function settingsOf(model: ModelConfig) {
  return { ...accelerate(model.vllm), weightBits: model.weightBits };
}

function hourlyCost(config: Config, created: readonly CreatedResources[], prices: Prices): HourlyCost | undefined {
  const instance = prices.instances[config.endpoint.instanceType];
  if (instance === undefined) return undefined;
  const fixed = fixedDollarsPerHour(created, prices);
  const instances = {
    idle: Math.max(
      config.endpoint.instances.min,
      instancesOf(config, ({ copies }) => copies.min),
    ),
    minimum: Math.max(
      1,
      config.endpoint.instances.min,
      instancesOf(config, ({ copies }) => copies.min),
    ),
    maximum: config.endpoint.instances.max,
  };
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

/** Instances that a number of copies of each model takes. */
function instancesOf(config: Config, copiesOf: (model: ModelConfig) => number): number {
  const gpus = findInstanceType(config.endpoint.instanceType)?.gpus ?? 1;
  return instancesFor(
    config.models.flatMap((model) => Array<number>(copiesOf(model)).fill(model.vllm.tensorParallel)),
    gpus,
  );
}

function fixedDollarsPerHour(created: readonly CreatedResources[], prices: Prices): number {
  let month = 0;
  for (const { type, resources } of created) {
    for (const { properties } of resources) month += fixedDollarsPerMonth(type, properties, prices);
  }
  return month / HOURS_A_MONTH;
}

function fixedDollarsPerMonth(type: string, properties: Readonly<Record<string, unknown>>, prices: Prices): number {
  switch (type) {
    case 'AWS::SecretsManager::Secret':
      return prices.secretMonth;
    case 'AWS::CloudWatch::Alarm':
      return Number(properties['Period']) < 60
        ? prices.highResolutionAlarmMonth
        : metricsOf(properties['Metrics']) * prices.alarmMonth;
    case 'AWS::CloudWatch::Dashboard':
      return prices.dashboardMonth;
    case 'AWS::KMS::Key':
      return prices.keyMonth;
    case 'AWS::WAFv2::WebACL':
      return prices.firewallMonth + lengthOf(properties['Rules']) * prices.firewallRuleMonth;
    case 'AWS::EC2::VPCEndpoint':
      return properties['VpcEndpointType'] === 'Interface'
        ? lengthOf(properties['SubnetIds']) * prices.vpcEndpointHour * HOURS_A_MONTH
        : 0;
    default:
      return 0;
  }
}

/** An alarm on an expression is charged for each metric in it. */
function metricsOf(queries: unknown): number {
  return Array.isArray(queries) ? queries.filter((query) => 'MetricStat' in query).length : 1;
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

function monthlyCost(
  config: Config,
  model: ModelConfig,
  traffic: PlannedTraffic,
  hourly: HourlyCost,
  prices: Prices,
): MonthlyCost | undefined {
  const shape = shapeOf(model);
  const type = findInstanceType(config.endpoint.instanceType);
  const memory = shape && gpuMemory(shape, settingsOf(model), config.endpoint.instanceType);
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
  const days = HOURS_A_MONTH / 24;
  const busyHours = Math.min(24, traffic.activeHours + HOURS_UNTIL_ZERO) * days;
  const instanceHours = busyInstances * busyHours + hourly.instances.idle * (HOURS_A_MONTH - busyHours);
  const requests = traffic.requestsPerDay * days;
  const functionSeconds = requests * load.secondsPerRequest * (config.api.memoryMb / 1_024);
  const dollars = {
    instances: instanceHours * hourly.instance,
    requests:
      (requests / 1e6) * (prices.apiMillionRequests + prices.lambdaMillionRequests) +
      functionSeconds * prices.lambdaGbSecond,
    fixed: hourly.fixed * HOURS_A_MONTH,
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

function quotasOf(config: Config): readonly Quota[] {
  const { instanceType, instances, fallbackInstanceTypes = [] } = config.endpoint;
  const inFlight = config.models.reduce((sum, { copies, requestsPerCopy }) => sum + copies.max * requestsPerCopy, 0);
  return [
    instanceQuota(
      instanceType,
      instances.max + 1,
      config.region,
      `instances.max is ${instances.max}, and an update starts new instances before it stops old ones`,
    ),
    ...fallbackInstanceTypes.map((type) =>
      instanceQuota(type, instances.max, config.region, `what ${instanceType} has no capacity for`),
    ),
    concurrencyQuota(Math.max(inFlight, config.api.throttling.burst), config.region),
  ];
}

function notesOf(
  config: Config,
  models: readonly ModelPlan[],
  hourly: HourlyCost | undefined,
  month: MonthlyCost | undefined,
  traffic: PlannedTraffic | undefined,
): readonly string[] {
  const notes: string[] = [];
  for (const { id, memory } of models) {
    if (memory === undefined) {
      notes.push(
        `${id} has no architecture in the config, so its memory, speed and cold start are not known: write models[].architecture.`,
      );
    }
  }
  if (hourly === undefined) {
    notes.push(
      `No price of ${config.endpoint.instanceType} is known: write { "instances": { "${config.endpoint.instanceType}": … } } into a file and hand it over with --prices.`,
    );
  }
  if (config.endpoint.instances.min > 0 && config.models.every(({ copies }) => copies.min === 0)) {
    notes.push(
      'All copies may go to zero, but instances.min keeps instances that hold none: write instances.min 0 to save them.',
    );
  }
  if (month !== undefined) {
    const model = config.models.find(({ id }) => id === month.model);
    if (model !== undefined && month.load.copies > model.copies.max) {
      notes.push(
        `This traffic needs ${month.load.copies} copies of ${model.id}, but copies.max is ${model.copies.max}: requests would queue, and the month above counts copies that are never started.`,
      );
    }
  } else if (traffic !== undefined && hourly !== undefined) {
    notes.push('The month was not estimated: it needs the architecture of the model and a known instance type.');
  }
  if (config.endpoint.detailedMetrics) {
    notes.push(
      'detailedMetrics sends the server’s and the GPUs’ metrics to CloudWatch as OpenTelemetry, charged by the gigabyte; they are not counted here.',
    );
  }
  notes.push(
    'Not counted: data transfer, logs, custom metrics, storage of weights, taxes, and requests that wait for a copy.',
  );
  return notes;
}
