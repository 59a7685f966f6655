import { findInstanceType } from '../facts/instance-types.ts';
import { type Architecture, parameters } from './architecture.ts';
import { DEFAULT_GPU_MEMORY_SHARE, type VllmSettings } from './vllm-settings.ts';

/** Memory of one GPU of a copy, in bytes. */
export interface GpuMemory {
  /** All of the GPU's memory. */
  readonly total: number;
  /** Part that the server may use: `gpuMemoryShare` of `total`. */
  readonly usable: number;
  readonly weights: number;
  /** Reserve for activations and CUDA graphs, see `RUNTIME_BYTES`. */
  readonly runtime: number;
  /** KV cache of one token of one request. */
  readonly cachePerToken: number;
  /** Tokens of all requests together that fit beside the weights. 0 or less if the weights alone do not fit. */
  readonly cacheTokens: number;
}

/** Bits of one weight of a linear layer. */
export type WeightBits = 4 | 8 | 16;

/** Settings that determine the size of weights and KV cache. */
export type MemorySettings = Pick<
  VllmSettings,
  'tensorParallel' | 'gpuMemoryShare' | 'quantization' | 'kvCacheDtype'
> & {
  /** Bits of one stored weight. If omitted, `quantization` decides. */
  readonly weightBits?: WeightBits | undefined;
};

/**
 * Activations and CUDA graphs of one GPU. vLLM measures them when it starts; this is a conservative assumption, not a
 * measurement.
 */
const RUNTIME_BYTES = 2 * 1024 ** 3;

/**
 * Calculates weights and KV cache of a model on one GPU.
 *
 * @returns `undefined` if the instance type is unknown.
 */
export function gpuMemory(shape: Architecture, settings: MemorySettings, instanceType: string): GpuMemory | undefined {
  const type = findInstanceType(instanceType);
  if (type === undefined) return undefined;
  const total = type.gpuMemoryMib * 1024 ** 2;
  const usable = total * (settings.gpuMemoryShare ?? DEFAULT_GPU_MEMORY_SHARE);
  const tensorParallel = settings.tensorParallel ?? 1;
  const weights = weightBytes(shape, settings) / tensorParallel;
  // A KV head is not split: if there are fewer heads than GPUs, each GPU holds a whole head.
  const heads = Math.max(1, shape.keyValueHeads / tensorParallel);
  const cachePerToken = 2 * shape.layers * heads * shape.headSize * (settings.kvCacheDtype === 'fp8' ? 1 : 2);
  const cacheTokens = Math.floor((usable - weights - RUNTIME_BYTES) / cachePerToken);
  return { total, usable, weights, runtime: RUNTIME_BYTES, cachePerToken, cacheTokens };
}

/**
 * Returns the bits of one weight in memory: `weightBits` if set, otherwise by the quantization. `compressed-tensors` can be
 * 4 or 8 bits; the larger is assumed.
 */
export function weightBitsOf({ weightBits, quantization }: MemorySettings): WeightBits {
  if (weightBits !== undefined) return weightBits;
  switch (quantization) {
    case undefined:
      return 16;
    case 'fp8':
    case 'compressed-tensors':
      return 8;
    case 'awq':
    case 'gptq':
      return 4;
  }
}

/**
 * All weights of one copy, in bytes. Embeddings stay in 16 bits. At 4 bits, each group of 128 weights shares a scale and a
 * zero point.
 */
function weightBytes(shape: Architecture, settings: MemorySettings): number {
  const bits = weightBitsOf(settings);
  const { linear, embedding } = parameters(shape);
  return (linear * (bits === 4 ? 4 + 20 / 128 : bits)) / 8 + embedding * 2;
}

/** Size of the weights as downloaded, in bytes. Weights that are converted to FP8 while loading are stored in 16 bits. */
export function storedWeightBytes(shape: Architecture, settings: MemorySettings): number {
  const converted = settings.quantization === 'fp8' && settings.weightBits === undefined;
  return weightBytes(shape, converted ? {} : settings);
}
