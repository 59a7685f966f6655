import { type Config, type ConfigInput, hostedPart, type ModelConfigInput, parseConfig } from '../../lib/config.ts';
import { offeredIn } from '../../lib/facts/instance-regions.ts';
import { findInstanceType, instanceTypeNames } from '../../lib/facts/instance-types.ts';
import type { Prices } from '../../lib/facts/prices.ts';
import { RefusedError } from '../../lib/facts/refusal.ts';
import { createdBy } from '../../plan/created.ts';
import { makePlan } from '../../plan/make-plan.ts';
import type { PlannedTraffic } from '../../plan/traffic.ts';
import { UsageError } from '../usage-error.ts';
import type { ModelDraft } from './known-models.ts';

/** What the hardware has to serve. */
export interface Wanted {
  readonly name: string;
  readonly region: string;
  readonly model: ModelDraft & Pick<ModelConfigInput, 'id' | 'source'>;
  readonly traffic: PlannedTraffic;
  /** Instance type, such as `ml.p5.4xlarge`, or part of the GPU's name, such as `L40S`. `auto`: any. */
  readonly gpu: string;
  /** Longest time of a usual request, in seconds. */
  readonly maxSeconds: number;
  /** Whether weights may be converted to FP8, which halves their memory and the time of a token. */
  readonly fp8: boolean;
}

/** The config with the cheapest month of those that can be deployed. */
export interface Chosen {
  readonly config: ConfigInput;
  readonly instanceType: string;
  readonly dollarsPerMonth: number;
  readonly dollarsPerHour: number;
  /** Time of a usual request from its first token to its last, as the plan estimates it. */
  readonly secondsPerRequest: number;
}

/** GPUs that compute in FP8. */
const FP8_GPUS = new Set(['L4', 'L40S', 'RTX PRO 6000', 'H100', 'H200', 'B200']);

/** Traffic is uneven: this many times the copies that its average needs. */
const PEAK = 2;

/**
 * Chooses instance type, tensor parallelism, precision and copies: the cheapest month that the checks of synth let through.
 *
 * @throws {UsageError} if no instance type of the region, or not the wanted one, can host the model.
 */
export function chooseHardware(wanted: Wanted, prices: Prices): Chosen {
  const types = instanceTypeNames().filter((name) => matches(name, wanted.gpu));
  if (types.length === 0) {
    throw new UsageError(
      `--gpu is ${JSON.stringify(wanted.gpu)}. Give auto, a GPU (${gpuNames().join(', ')}) or an instance type such as ml.p5.4xlarge.`,
    );
  }
  const offered = types.filter((name) => offeredIn(name, wanted.region) !== false);
  if (offered.length === 0) {
    throw new UsageError(
      `AWS does not offer ${wanted.gpu} in ${wanted.region}, as far as this version knows. Give another --region or --gpu.`,
    );
  }
  const drafts = offered.flatMap((type) => draftsOn(type, wanted, prices)).toSorted(byCost);
  for (const draft of drafts) if (isDeployable(draft.parsed)) return draft;
  throw new UsageError(
    `${wanted.model.id} does not fit on ${wanted.gpu === 'auto' ? 'any instance type' : wanted.gpu} in ${wanted.region}, or a usual request takes more than ${wanted.maxSeconds} seconds there. Give another --gpu, or a higher --max-seconds.`,
  );
}

interface Draft extends Chosen {
  readonly parsed: Config;
  readonly instanceDollars: number;
  readonly fp8: boolean;
}

/** The fewest dollars of instances first; of the same instances full precision, then the faster one. */
function byCost(a: Draft, b: Draft): number {
  return (
    Math.round(a.instanceDollars - b.instanceDollars) ||
    Number(a.fp8) - Number(b.fp8) ||
    a.dollarsPerMonth - b.dollarsPerMonth
  );
}

/** All ways to host the model on an instance type, with what they cost. */
function draftsOn(instanceType: string, wanted: Wanted, prices: Prices): readonly Draft[] {
  const type = findInstanceType(instanceType);
  const hourly = prices.instances[instanceType];
  if (type === undefined || hourly === undefined) return [];
  const precisions = wanted.fp8 && FP8_GPUS.has(type.gpu) ? [false, true] : [false];
  const widths = [1, 2, 4, 8].filter((gpus) => gpus <= type.gpus);
  return precisions.flatMap((fp8) =>
    widths.flatMap((tensorParallel) => {
      const copiesPerInstance = Math.floor(type.gpus / tensorParallel);
      const first = draftOf(instanceType, wanted, { tensorParallel, fp8, copies: 1, copiesPerInstance });
      const plan = makePlan(parseConfig(first), [], prices, wanted.traffic);
      const fits = (plan.models[0]?.memory?.cacheTokens ?? 0) >= cacheNeeded(parseConfig(first), wanted.traffic);
      const month = plan.estimatedMonth;
      if (!fits || month === undefined) return [];
      const config = draftOf(instanceType, wanted, {
        tensorParallel,
        fp8,
        copies: Math.max(PEAK, Math.ceil(month.load.copies * PEAK)),
        copiesPerInstance,
      });
      const parsed = parseConfig(config);
      const planned = makePlan(parsed, [], prices, wanted.traffic).estimatedMonth;
      if (planned === undefined || planned.load.secondsPerRequest > wanted.maxSeconds) return [];
      const { total: dollarsPerMonth, instances: instanceDollars } = planned.dollars;
      const { secondsPerRequest } = planned.load;
      return [
        {
          config,
          parsed,
          instanceType,
          dollarsPerMonth,
          dollarsPerHour: hourly,
          secondsPerRequest,
          instanceDollars,
          fp8,
        },
      ];
    }),
  );
}

/** Tokens that the cache of a copy has to hold: one request of the whole window, or all requests of a copy in their usual length. */
function cacheNeeded(config: Config, { promptTokens, thinkingTokens, answerTokens }: PlannedTraffic): number {
  const [model] = hostedPart(config)?.models ?? [];
  if (model === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(model.contextTokens, model.requestsPerCopy * (promptTokens + thinkingTokens + answerTokens));
}

function draftOf(
  instanceType: string,
  { name, region, model }: Wanted,
  {
    tensorParallel,
    fp8,
    copies,
    copiesPerInstance,
  }: {
    readonly tensorParallel: number;
    readonly fp8: boolean;
    readonly copies: number;
    readonly copiesPerInstance: number;
  },
): ConfigInput {
  const vllm = {
    ...(tensorParallel > 1 && { tensorParallel }),
    ...(fp8 && { accelerations: ['fp8-weights' as const] }),
  };
  return {
    name,
    region,
    endpoint: { instanceType, instances: { initial: 1, min: 0, max: Math.ceil(copies / copiesPerInstance) } },
    models: [
      {
        ...model,
        ...(Object.keys(vllm).length > 0 && { vllm }),
        copies: { initial: 1, min: 0, max: copies },
      },
    ],
  };
}

/** Whether the checks of synth let a config through. */
function isDeployable(config: Config): boolean {
  try {
    createdBy(config, undefined);
    return hostedPart(config) !== undefined;
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}

function matches(instanceType: string, gpu: string): boolean {
  const wanted = gpu.toLowerCase();
  if (wanted === 'auto' || wanted === instanceType) return true;
  return findInstanceType(instanceType)?.gpu.toLowerCase().split(' ').includes(wanted) === true;
}

function gpuNames(): readonly string[] {
  return [...new Set(instanceTypeNames().flatMap((name) => findInstanceType(name)?.gpu ?? []))];
}
