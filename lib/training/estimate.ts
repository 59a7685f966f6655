import { groupDigits } from '../facts/group-digits.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import type { Prices } from '../facts/prices.ts';
import { teraflopsOf } from '../facts/training-hardware.ts';
import { type Architecture, parameters } from '../serving/architecture.ts';
import { loraParameters } from './lora-parameters.ts';
import { checkpointsActivations, TRAINED_BYTES } from './memory.ts';
import { type Recipe, recipeDefaults, type TrainingInstances } from './recipe.ts';

/** Size of a data set, in rows and in tokens of all rows together. */
export interface TrainingData {
  readonly rows: number;
  readonly tokens: number;
}

/** A figure that is an estimate, and how it comes about. */
export interface Estimate {
  readonly value: number;
  /** The formula with its numbers. */
  readonly formula: string;
}

/** Time, money and storage of one training job. All are estimates. */
export interface TrainingEstimate {
  readonly steps: Estimate;
  /** Tokens that the job trains on, all epochs together. */
  readonly tokens: Estimate;
  /** Tokens per second of all GPUs together. */
  readonly tokensPerSecond: Estimate;
  /** With `grpo`: time of sampling, in seconds, in which all answers of a step grow by one token at a time. A part of `trainingSeconds`. */
  readonly samplingSeconds: Estimate | undefined;
  /** Time of the steps, in seconds. */
  readonly trainingSeconds: Estimate;
  /** Billed time of each instance, in seconds. */
  readonly seconds: Estimate;
  /** `undefined` if no price of the instance type is known. */
  readonly dollars: Estimate | undefined;
  /** Size of one checkpoint, in bytes. */
  readonly checkpointBytes: Estimate;
  /** Size of the trained model, in bytes. */
  readonly modelBytes: Estimate;
}

/** Data of s1K, for an estimate before there is any: 1,000 rows. 74 % of them have more than 4,096 tokens (table 8 of the s1 paper); the mean is an assumption. */
export const s1kData: TrainingData = { rows: 1_000, tokens: 5_500_000 };

/**
 * Estimates a training job. Time is arithmetic over the GPUs' arithmetic: 6 operations for each weight and token (2 forward, 4
 * backward), 4 if the weights are frozen, 2 more if activations are computed again; and for attention 12, 8 or 4 more for each of its
 * widths and half of the tokens before.
 *
 * @returns `undefined` if the instance type is unknown
 * @see https://arxiv.org/abs/2001.08361 section 2.1 for the operations
 */
export function trainingEstimate(
  shape: Architecture,
  recipe: Recipe & { readonly spot?: boolean | undefined },
  { instanceType, instanceCount }: TrainingInstances,
  data: TrainingData,
  prices: Prices,
): TrainingEstimate | undefined {
  const type = findInstanceType(instanceType);
  const teraflops = type && teraflopsOf(type.gpu);
  if (type === undefined || teraflops === undefined) return undefined;
  const gpus = type.gpus * instanceCount;
  const steps = stepsOf(recipe, data);
  const tokens = tokensOf(recipe, data, steps.value);
  const tokensPerSecond = speedOf(shape, recipe, data, { gpus, gpu: type.gpu, teraflops }, prices);
  const samplingSeconds =
    recipe.task === 'grpo' ? samplingSecondsOf(shape, recipe, steps.value, { gpus, type }, prices) : undefined;
  const trainingSeconds = {
    value: tokens.value / tokensPerSecond.value + (samplingSeconds?.value ?? 0),
    formula: `${count(tokens.value)} tokens ÷ ${count(tokensPerSecond.value)} tokens/s${samplingSeconds === undefined ? '' : ` + ${minutes(samplingSeconds.value)} of sampling`}`,
  };
  const start = prices.assumptions.trainingStartSeconds;
  const seconds = {
    value: start + trainingSeconds.value,
    formula: `${minutes(start)} until the first step (assumed) + ${minutes(trainingSeconds.value)} of steps`,
  };
  return {
    steps,
    tokens,
    tokensPerSecond,
    samplingSeconds,
    trainingSeconds,
    seconds,
    dollars: dollarsOf(seconds.value, { instanceType, instanceCount }, recipe.spot ?? false, prices),
    ...sizesOf(shape, recipe),
  };
}

function stepsOf({ maxSteps, ...recipe }: Recipe, { rows, tokens }: TrainingData): Estimate {
  if (maxSteps !== undefined) return { value: maxSteps, formula: `maxSteps ${maxSteps}` };
  const { batchSize = recipeDefaults.batchSize, blockSize = recipeDefaults.blockSize } = recipe;
  const { epochs = recipeDefaults.epochs } = recipe;
  const sequences = recipe.packing ? Math.ceil(tokens / blockSize) : rows * answersOf(recipe);
  const value = Math.max(1, Math.ceil(Math.ceil(sequences / batchSize) * epochs));
  const what = recipe.packing ? 'packed sequences' : recipe.task === 'grpo' ? 'sampled answers' : 'rows';
  return { value, formula: `${count(sequences)} ${what} ÷ ${batchSize} a step × ${epochs} epochs` };
}

function answersOf({ task, generations = recipeDefaults.generations }: Recipe): number {
  return task === 'grpo' ? generations : 1;
}

function tokensOf({ maxSteps, ...recipe }: Recipe, { rows, tokens }: TrainingData, steps: number): Estimate {
  const { epochs = recipeDefaults.epochs, batchSize = recipeDefaults.batchSize } = recipe;
  if (recipe.task === 'grpo') {
    const { blockSize = recipeDefaults.blockSize } = recipe;
    return {
      value: steps * batchSize * blockSize,
      formula: `${steps} steps × ${batchSize} answers × at most ${count(blockSize)} tokens`,
    };
  }
  if (maxSteps === undefined) return { value: tokens * epochs, formula: `${count(tokens)} tokens × ${epochs} epochs` };
  const { blockSize = recipeDefaults.blockSize } = recipe;
  const perSequence = recipe.packing ? Math.min(blockSize, tokens) : tokens / rows;
  return {
    value: steps * batchSize * perSequence,
    formula: `${steps} steps × ${batchSize} sequences × ${count(perSequence)} tokens`,
  };
}

function speedOf(
  shape: Architecture,
  recipe: Recipe,
  { rows, tokens }: TrainingData,
  { gpus, gpu, teraflops }: { readonly gpus: number; readonly gpu: string; readonly teraflops: number },
  prices: Prices,
): Estimate {
  const again = checkpointsActivations(recipe) ? 2 : 0;
  const operations = (recipe.method === 'lora' ? 4 : 6) + again;
  const weights = activeWeights(shape);
  const before = tokens / rows / 2;
  const attention = 2 * operations * shape.layers * shape.heads * shape.headSize * before;
  const perToken = operations * weights + attention;
  const { trainingEfficiency } = prices.assumptions;
  const value = (gpus * teraflops * 1e12 * trainingEfficiency) / perToken;
  return {
    value,
    formula: `${gpus} × ${gpu} × ${teraflops} teraflops × ${Math.round(trainingEfficiency * 100)} % (assumed) ÷ (${operations} operations × ${(weights / 1e9).toFixed(1)} billion weights + ${(attention / 1e9).toFixed(1)} billion of attention)`,
  };
}

/**
 * For each token of the longest answer the GPU reads all weights in 16 bits: its own, or with FSDP those of all GPUs over their network.
 * An upper bound, since answers end before the block does.
 */
function samplingSecondsOf(
  shape: Architecture,
  recipe: Recipe,
  steps: number,
  { gpus, type }: { readonly gpus: number; readonly type: { readonly gpuBandwidthGbs: number } },
  { assumptions }: Prices,
): Estimate {
  const { blockSize = recipeDefaults.blockSize } = recipe;
  const { linear, embedding } = parameters(shape);
  const bytes = 2 * (linear + embedding);
  const shared = gpus > 1 && recipe.fsdp !== 'off';
  const rate = shared
    ? assumptions.weightGatherGibPerSecond * 1024 ** 3
    : type.gpuBandwidthGbs * 1e9 * assumptions.decodeEfficiency;
  return {
    value: (steps * blockSize * bytes) / rate,
    formula: `${steps} steps × at most ${count(blockSize)} tokens × ${(bytes / 1e9).toFixed(1)} GB of weights ÷ ${(rate / 1e9).toFixed(0)} GB/s (${shared ? 'gathered from all GPUs' : 'memory of the GPU'}, assumed)`,
  };
}

/** Weights that work on one token: of a mixture of experts at most eight experts, of the embeddings the output matrix. */
function activeWeights(shape: Architecture): number {
  const experts = Math.min(shape.experts ?? 1, 8);
  return parameters({ ...shape, experts }).linear + shape.vocabulary * shape.hiddenSize;
}

function dollarsOf(
  seconds: number,
  { instanceType, instanceCount }: TrainingInstances,
  spot: boolean,
  prices: Prices,
): Estimate | undefined {
  const price = prices.instances[instanceType];
  if (price === undefined) return undefined;
  const share = spot ? 1 - prices.spotDiscount : 1;
  const discount = spot ? ` × ${Math.round(share * 100)} % (spot, assumed)` : '';
  return {
    value: (seconds / 3_600) * instanceCount * price * share,
    formula: `${minutes(seconds)} × ${instanceCount} × ${instanceType} × $${price}/h${discount}`,
  };
}

function sizesOf(shape: Architecture, recipe: Recipe) {
  const { linear, embedding } = parameters(shape);
  const all = linear + embedding;
  const trained = recipe.method === 'lora' ? loraParameters(shape, recipe) : all;
  // A checkpoint has no gradients.
  const stored = TRAINED_BYTES - 4;
  return {
    checkpointBytes: {
      value: trained * stored,
      formula: `${(trained / 1e9).toFixed(2)} billion trained weights × ${stored} bytes (fp32 weight, Adam's moments)`,
    },
    modelBytes: { value: all * 2, formula: `${(all / 1e9).toFixed(1)} billion weights × 2 bytes` },
  };
}

function count(value: number): string {
  return groupDigits(Math.round(value));
}

function minutes(seconds: number): string {
  return `${(seconds / 60).toFixed(1)} min`;
}
