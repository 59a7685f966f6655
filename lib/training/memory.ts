import { findInstanceType } from '../facts/instance-types.ts';
import { type Architecture, parameters } from '../serving/architecture.ts';
import { loraParameters } from './lora-parameters.ts';
import { type Recipe, recipeDefaults, type TrainingInstances } from './recipe.ts';

/** Memory of one GPU at the two moments of a step that need most, in bytes. */
export interface TrainingMemory {
  /** All of the GPU's memory. */
  readonly total: number;
  /** Part that PyTorch can fill: `USABLE_SHARE` of `total`. */
  readonly usable: number;
  /** GPUs of the job. */
  readonly gpus: number;
  /** GPUs that share the weights: all with FSDP, otherwise one. */
  readonly shards: number;
  /** Weights of the model, and those that are trained. Not bytes. */
  readonly weights: { readonly all: number; readonly trained: number };
  /** Weights, gradients and optimizer, in the part of one GPU. */
  readonly states: number;
  /** Copies in 16 bits of what is computed at the moment: layers, output matrix, gradients of a layer. */
  readonly gathered: number;
  /** Activations that are kept until the backward pass, of one token. */
  readonly keptPerToken: number;
  /** Further activations and gradients of the layer in work, of one token. */
  readonly layerPerToken: number;
  /** Logits and their gradients, of one token. 0 for `sft`, whose loss TRL computes in chunks. */
  readonly logitsPerToken: number;
  /** What sampling needs with `grpo`, at another moment of the step: answers at the same time on one GPU, and the cache of one token. */
  readonly sampling: { readonly answers: number; readonly cachePerToken: number } | undefined;
  /** CUDA context, buffers of NCCL and cuBLAS, see `RUNTIME_BYTES`. */
  readonly runtime: number;
  /** Tokens in the memory of one GPU: rows of the micro batch × block size. */
  readonly tokens: number;
  /** All of the above together, or what sampling needs if that is more. */
  readonly needed: number;
  /** Largest block size that fits, in tokens. 0 if not even a block of one token does. */
  readonly largestBlock: number;
  /** Host memory of one instance that loading or writing the model needs. */
  readonly hostNeeded: number;
}

/** Share of a GPU's memory that tensors can fill: the allocator's fragments take the rest. An assumption, not a measurement. */
const USABLE_SHARE = 0.95;
/** CUDA context, NCCL's and cuBLAS's buffers of one GPU. An assumption, not a measurement. */
const RUNTIME_BYTES = 2 * 1024 ** 3;
/** Experts of a mixture that work on one token. Models have 4 to 8. */
const ACTIVE_EXPERTS = 8;
/** Bytes of one trained weight: fp32 weight 4, gradient 4, Adam's two moments 8. */
export const TRAINED_BYTES = 16;
/** Bytes of one weight of the model before the training: fp32, as the script loads it. */
const REFERENCE_BYTES = 4;
/** Bytes of one logit and its gradient, both in bf16, and of the fp32 part in work. An assumption, not a measurement. */
const LOGIT_BYTES = 6;
/** Bytes of one frozen weight: bf16. */
const FROZEN_BYTES = 2;

/**
 * Calculates the memory of one GPU for a recipe of training/sft: bf16 products beside fp32 weights, AdamW, SDPA without a matrix of
 * attention, and a loss in chunks of the vocabulary (TRL 1.16), so that no logits of a whole row exist.
 *
 * @returns `undefined` if the instance type is unknown
 * @see https://huggingface.co/docs/transformers/perf_train_gpu_one
 * @see https://arxiv.org/abs/2205.05198 for the activations of a layer
 */
export function trainingMemory(
  shape: Architecture,
  recipe: Recipe,
  { instanceType, instanceCount }: TrainingInstances,
): TrainingMemory | undefined {
  const type = findInstanceType(instanceType);
  if (type === undefined) return undefined;
  const gpus = type.gpus * instanceCount;
  const shards = recipe.fsdp === 'off' ? 1 : gpus;
  const { linear, embedding } = parameters(shape);
  const all = linear + embedding;
  const trained = recipe.method === 'lora' ? loraParameters(shape, recipe) : all;
  const states = statesOf(recipe, all, trained) / shards;
  const gathered = gatheredBytes(shape, recipe, { gpus, shards, all, trained });
  const { keptPerToken, layerPerToken } = activations(shape, recipe);
  const logitsPerToken = (recipe.task ?? 'sft') === 'sft' ? 0 : LOGIT_BYTES * shape.vocabulary;
  const perToken = keptPerToken + layerPerToken + logitsPerToken;
  const rows = (recipe.microBatchSize ?? recipeDefaults.microBatchSize) * sequencesOfRow(recipe);
  const block = recipe.blockSize ?? recipeDefaults.blockSize;
  const tokens = rows * block;
  const sampling = samplingOf(shape, recipe, gpus);
  const cache = sampling === undefined ? 0 : sampling.answers * sampling.cachePerToken;
  const total = type.gpuMemoryMib * 1024 ** 2;
  const usable = total * USABLE_SHARE;
  const fixed = states + gathered + RUNTIME_BYTES;
  return {
    total,
    usable,
    gpus,
    shards,
    weights: { all, trained },
    states,
    gathered,
    keptPerToken,
    layerPerToken,
    logitsPerToken,
    sampling,
    runtime: RUNTIME_BYTES,
    tokens,
    needed: fixed + block * Math.max(rows * perToken, cache),
    largestBlock: Math.max(0, Math.floor((usable - fixed) / Math.max(rows * perToken, cache))),
    hostNeeded: hostBytes(recipe, { all, processes: shards === 1 ? type.gpus : 1 }),
  };
}

/** Whether a recipe recomputes activations: on GPUs by default. */
export function checkpointsActivations({ activationCheckpointing = 'auto' }: Recipe): boolean {
  return activationCheckpointing !== 'off';
}

/** Whether the model before the training is needed beside the one in training, to hold it near. */
export function holdsReference({ task = 'sft', beta = 0 }: Recipe): boolean {
  return task === 'dpo' || task === 'kto' || (task === 'grpo' && beta > 0);
}

/** A pair is two sequences, and KTO compares each answer with that of another prompt. */
function sequencesOfRow({ task }: Recipe): number {
  return task === 'dpo' || task === 'kto' ? 2 : 1;
}

/** All answers of a step are sampled at the same time, each GPU its share, with keys and values of 16 bits for every token. */
function samplingOf(shape: Architecture, recipe: Recipe, gpus: number): TrainingMemory['sampling'] {
  if (recipe.task !== 'grpo') return undefined;
  return {
    answers: Math.ceil((recipe.batchSize ?? recipeDefaults.batchSize) / gpus),
    cachePerToken: 2 * 2 * shape.layers * shape.keyValueHeads * shape.headSize,
  };
}

/** The model before the training is a second copy in fp32; with an adapter it is the model without it. */
function statesOf(recipe: Recipe, all: number, trained: number): number {
  if (recipe.method === 'lora') return all * FROZEN_BYTES + trained * TRAINED_BYTES;
  return trained * TRAINED_BYTES + (holdsReference(recipe) ? all * REFERENCE_BYTES : 0);
}

/**
 * With FSDP: the layer in work and the next, the gradients of one layer, and the output matrix, which stays. Without it autocast keeps
 * 16-bit copies of the fp32 weights, and DDP with several GPUs buckets of all gradients.
 */
function gatheredBytes(
  shape: Architecture,
  { method }: Recipe,
  { gpus, shards, all, trained }: { gpus: number; shards: number; all: number; trained: number },
): number {
  if (shards === 1) {
    const copies = method === 'full' ? 2 * all : 2 * trained;
    return copies + (gpus > 1 ? 4 * trained : 0);
  }
  const layer = parameters(shape).linear / shape.layers;
  const output = shape.vocabulary * shape.hiddenSize;
  return 2 * (2 * layer + output) + (method === 'full' ? 2 * (layer + output) : 0);
}

/**
 * Bytes of one token in one layer, in 16 bits unless noted: two norms with an fp32 copy of their input each, queries, keys and values
 * before and after the rotation, attention's output, gate, up, their product and its factor. While a layer is in work, its gradients
 * come to as much as four times the MLP's width and twice the hidden size.
 */
function activations(shape: Architecture, recipe: Recipe): { keptPerToken: number; layerPerToken: number } {
  const { hiddenSize, layers, headSize, heads, keyValueHeads } = shape;
  const mlp = shape.intermediateSize * Math.min(shape.experts ?? 1, ACTIVE_EXPERTS);
  const layer = 18 * hiddenSize + 8 * headSize * (heads + keyValueHeads) + 8 * mlp;
  const inWork = 4 * mlp + 4 * hiddenSize;
  // The input of each layer, and nothing else.
  if (checkpointsActivations(recipe)) return { keptPerToken: 2 * hiddenSize * layers, layerPerToken: layer + inWork };
  return { keptPerToken: layer * layers, layerPerToken: inWork };
}

/**
 * Memory of a host: the first process of the job gathers the trained model in fp32; for LoRA it loads the base again to merge. Without
 * FSDP each process of the host loads the model.
 */
function hostBytes({ method }: Recipe, { all, processes }: { all: number; processes: number }): number {
  const loaded = all * (method === 'lora' ? FROZEN_BYTES : 4);
  return Math.max(loaded * processes, method === 'lora' ? 2 * all * FROZEN_BYTES : loaded);
}
