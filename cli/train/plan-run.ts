import { findInstanceType } from '../../lib/facts/instance-types.ts';
import { instancesFor } from '../../lib/facts/placement.ts';
import type { Prices } from '../../lib/facts/prices.ts';
import { type Quota, trainingQuota } from '../../lib/facts/quota-codes.ts';
import { toArchitecture } from '../../lib/serving/architecture.ts';
import {
  type Estimate,
  type TrainingData,
  type TrainingEstimate,
  trainingEstimate,
} from '../../lib/training/estimate.ts';
import { type TrainingMemory, trainingMemory } from '../../lib/training/memory.ts';
import { trainingMemoryInWords } from '../../lib/training/memory-in-words.ts';
import type { Recipe } from '../../lib/training/recipe.ts';
import { UsageError } from '../usage-error.ts';
import type { Hyperparameters } from './recipe-values.ts';
import type { TrainableConfig } from './trained-model.ts';

/** What a run means before it is started. Figures with a formula are estimates. */
export interface RunPlan {
  readonly model: string;
  readonly instances: string;
  readonly data: TrainingData & { readonly source: string };
  readonly estimate: TrainingEstimate;
  readonly memory: TrainingMemory;
  /** The calculation of a GPU's memory, in parts that are separated by "; ". */
  readonly memoryInWords: string;
  readonly quotas: readonly Quota[];
  /** Cost of the stack while no run is going. */
  readonly idleDollarsPerHour: 0;
  /** Storage that a run leaves, in dollars a month: the model, and checkpoints until they are deleted. */
  readonly storage: { readonly model: Estimate; readonly checkpoints: Estimate };
  /** s1's own run, as an article priced it, and as it is priced here. */
  readonly article: { readonly dollars: 20; readonly today: Estimate | undefined; readonly explanation: string };
  readonly notes: readonly string[];
}

/**
 * Plans a run of a deployment.
 *
 * @throws {UsageError} if the architecture or the GPUs are unknown, so that nothing can be estimated
 */
export function planRun(
  { config, training, model, file }: TrainableConfig,
  hyperparameters: Hyperparameters,
  data: RunPlan['data'],
  prices: Prices,
): RunPlan {
  if (model.architecture === undefined) {
    throw new UsageError(
      `The architecture of ${model.id} is not in ${file}, so nothing can be estimated: write models[].architecture.`,
    );
  }
  const shape = toArchitecture(model.architecture);
  const recipe = recipeOf(training.recipe, hyperparameters);
  const { instanceType, instanceCount, spot } = training;
  const instances = { instanceType, instanceCount };
  const estimate = trainingEstimate(shape, { ...recipe, spot }, instances, data, prices);
  const memory = trainingMemory(shape, recipe, instances);
  if (estimate === undefined || memory === undefined)
    throw new UsageError(`The GPUs of ${instanceType} are unknown to this version, so nothing can be estimated.`);
  const keep = training.recipe.keepCheckpoints ?? 2;
  return {
    model: model.id,
    instances: `${instanceCount} × ${instanceType}${spot ? ' (spot)' : ''}`,
    data,
    estimate,
    memory,
    memoryInWords: trainingMemoryInWords(recipe, memory),
    quotas: [trainingQuota(instanceType, instanceCount, config.region, spot)],
    idleDollarsPerHour: 0,
    storage: {
      model: storage(estimate.modelBytes.value, 1, prices),
      checkpoints: storage(estimate.checkpointBytes.value * keep, training.checkpointDays / 30, prices),
    },
    article: articlePrice(prices),
    notes: notesOf({ config, training, model, file }, memory, prices),
  };
}

/** The recipe of the config with the hyperparameters of a run in place of its own. */
function recipeOf(recipe: Recipe, hyperparameters: Hyperparameters): Recipe {
  const number = (name: string) => {
    const text = hyperparameters[name];
    return text === undefined || !Number.isFinite(Number(text)) ? undefined : Number(text);
  };
  const rank = number('lora_rank');
  const given = {
    blockSize: number('block_size') ?? (hyperparameters['recipe'] === 's1.1' ? 20_000 : undefined),
    batchSize: number('batch_size'),
    microBatchSize: number('micro_batch_size'),
    epochs: number('epochs'),
    maxSteps: number('max_steps'),
    loraRank: rank === 0 ? undefined : rank,
    loraTargets: hyperparameters['lora_targets'],
    packing: hyperparameters['packing'] === undefined ? undefined : hyperparameters['packing'] === 'true',
  };
  const method = rank === undefined ? recipe.method : rank === 0 ? 'full' : 'lora';
  return { ...recipe, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)), method };
}

function storage(bytes: number, months: number, prices: Prices): Estimate {
  const gib = bytes / 1024 ** 3;
  return {
    value: gib * prices.s3GibMonth * months,
    formula: `${gib.toFixed(0)} GiB × $${prices.s3GibMonth} a month${months === 1 ? '' : ` × ${months.toFixed(2)} months`}`,
  };
}

/** GPU hours of s1's run: 26 minutes on 16 H100 (section 3 of the paper). */
const S1 = { minutes: 26, gpus: 16, instances: 2, instanceType: 'ml.p5.48xlarge' } as const;

function articlePrice(prices: Prices): RunPlan['article'] {
  const hours = (S1.minutes / 60) * S1.gpus;
  const price = prices.instances[S1.instanceType];
  const today =
    price === undefined
      ? undefined
      : {
          value: (S1.minutes / 60) * S1.instances * price,
          formula: `${S1.minutes} min × ${S1.instances} × ${S1.instanceType} × $${price}/h`,
        };
  return {
    dollars: 20,
    today,
    explanation: `s1 trained for ${S1.minutes} minutes on ${S1.gpus} H100, ${hours.toFixed(1)} GPU hours. $20 for them is $${(20 / hours).toFixed(2)} an hour, a marketplace's price of a rented H100${price === undefined ? '' : `; SageMaker's is $${(price / 8).toFixed(2)} on demand, with eight GPUs at a time`}. The estimate above also has the time until the first step, which is billed.`,
  };
}

function notesOf(
  { config, training, model }: TrainableConfig,
  memory: TrainingMemory,
  prices: Prices,
): readonly string[] {
  const { instanceType } = config.endpoint;
  const price = prices.instances[instanceType];
  const gpus = findInstanceType(instanceType)?.gpus ?? 1;
  const instances = instancesFor([model.vllm.tensorParallel], gpus);
  return [
    ...(memory.needed > memory.usable
      ? ['The recipe does not fit into the memory of its GPUs: cdk synth refuses it.']
      : []),
    training.evaluation === undefined
      ? 'There is no evaluation: write training.evaluation for a report beside the model in service.'
      : `The evaluation runs one more copy of ${model.id} for up to ${training.evaluation.maxHours} hours${price === undefined ? '' : `: $${(price * instances).toFixed(2)} an hour if it needs an instance of its own`}.`,
    `The training job is stopped after ${training.maxHours} hours (training.maxHours), which bounds its cost.`,
  ];
}
