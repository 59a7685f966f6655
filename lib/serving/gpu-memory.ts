import { group } from '../facts/aws-limits.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';
import { type Architecture, parameters } from './architecture.ts';
import type { VllmSettings } from './vllm-environment.ts';

/** What one GPU of a copy holds. Bytes. */
export interface GpuMemory {
  /** All of it. */
  readonly total: number;
  /** The part that the server may use: `gpuMemoryShare` of all. */
  readonly usable: number;
  readonly weights: number;
  /** Set aside for activations and CUDA graphs, see `RUNTIME_BYTES`. */
  readonly runtime: number;
  /** Of one token of one request. */
  readonly cachePerToken: number;
  /** Tokens of all requests together that the rest holds. 0 or less: the weights alone do not fit. */
  readonly cacheTokens: number;
}

/** The server's share of a GPU's memory where none is written: vLLM's own default, handed to it so that it stays so. */
export const DEFAULT_GPU_MEMORY_SHARE = 0.9;

/**
 * Activations and CUDA graphs of one GPU. vLLM measures them when it starts; this is an assumption on the safe side, not a
 * measurement.
 */
const RUNTIME_BYTES = 2 * 1024 ** 3;

/** Weights and KV cache of a model on one GPU. @returns `undefined` where nothing is known of the instance type. */
export function gpuMemory(
  shape: Architecture,
  settings: VllmSettings & { readonly weightBits?: WeightBits | undefined },
  instanceType: string,
): GpuMemory | undefined {
  const type = findInstanceType(instanceType);
  if (type === undefined) return undefined;
  const total = type.gpuMemoryMib * 1024 ** 2;
  const usable = total * (settings.gpuMemoryShare ?? DEFAULT_GPU_MEMORY_SHARE);
  const tensorParallel = settings.tensorParallel ?? 1;
  const weights = weightBytes(shape, settings) / tensorParallel;
  // A head of keys and values is not cut: with fewer heads than GPUs, each GPU holds a whole one.
  const heads = Math.max(1, shape.keyValueHeads / tensorParallel);
  const cachePerToken = 2 * shape.layers * heads * shape.headSize * (settings.kvCacheDtype === 'fp8' ? 1 : 2);
  const cacheTokens = Math.floor((usable - weights - RUNTIME_BYTES) / cachePerToken);
  return { total, usable, weights, runtime: RUNTIME_BYTES, cachePerToken, cacheTokens };
}

/** Bits of one weight of a linear layer. */
export type WeightBits = 4 | 8 | 16;

/** @returns what the quantization means where it says so; `compressed-tensors` may be either, so the larger. */
function weightBitsOf(settings: Pick<VllmSettings, 'quantization'>): WeightBits {
  switch (settings.quantization) {
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

/** All weights of one copy. Bytes. Embeddings stay in 16 bits; groups of 128 weights of 4 bits share a scale and a zero. */
function weightBytes(
  shape: Architecture,
  settings: Pick<VllmSettings, 'quantization'> & { readonly weightBits?: WeightBits | undefined },
): number {
  const bits = settings.weightBits ?? weightBitsOf(settings);
  const { linear, embedding } = parameters(shape);
  return (linear * (bits === 4 ? 4 + 20 / 128 : bits)) / 8 + embedding * 2;
}

/** The weights as they are downloaded. What is converted to FP8 while it is loaded is stored in 16 bits. */
export function storedWeightBytes(
  shape: Architecture,
  settings: Pick<VllmSettings, 'quantization'> & { readonly weightBits?: WeightBits | undefined },
): number {
  const converted = settings.quantization === 'fp8' && settings.weightBits === undefined;
  return weightBytes(shape, converted ? {} : settings);
}

/** Refuses a model whose weights and whose one longest request do not fit the GPUs of a copy together. */
export function modelLargerThanGpus(
  name: string,
  shape: Architecture | undefined,
  settings: VllmSettings & { readonly weightBits?: WeightBits | undefined },
  contextTokens: number,
  instanceType: string,
): Refusal | undefined {
  if (shape === undefined) return undefined;
  const memory = gpuMemory(shape, settings, instanceType);
  if (memory === undefined || memory.cacheTokens >= contextTokens) return undefined;
  return {
    code: 'gpu-memory',
    sentence: `${name} does not fit ${instanceType} with vllm.tensorParallel ${settings.tensorParallel ?? 1}: ${memoryInWords(shape, settings, memory, contextTokens)}. ${remedy(memory, contextTokens)}.`,
    source: 'https://docs.vllm.ai/en/latest/configuration/conserving_memory.html',
  };
}

/** The whole calculation, so that a reader can repeat it. */
export function memoryInWords(
  shape: Architecture,
  settings: VllmSettings & { readonly weightBits?: WeightBits | undefined },
  memory: GpuMemory,
  contextTokens: number,
): string {
  const { linear, embedding } = parameters(shape);
  const bits = settings.weightBits ?? weightBitsOf(settings);
  const share = settings.gpuMemoryShare ?? DEFAULT_GPU_MEMORY_SHARE;
  return [
    `each GPU has ${gib(memory.total)} GiB, of which ${share * 100} % are ${gib(memory.usable)}`,
    `its part of ${billions(linear + embedding)} weights (${bits} bits, embeddings 16) takes ${gib(memory.weights)}`,
    `activations and CUDA graphs about ${gib(memory.runtime)}`,
    `one request of ${group(contextTokens)} tokens × ${group(memory.cachePerToken)} bytes (${shape.layers} layers, ${shape.keyValueHeads} KV heads, ${settings.kvCacheDtype ?? '16 bits'}) ${gib(contextTokens * memory.cachePerToken)}, and ${group(Math.max(0, memory.cacheTokens))} tokens find room`,
  ].join('; ');
}

/** Refuses GPUs that the heads of the model cannot be dealt out to. */
export function indivisibleHeads(
  name: string,
  shape: Architecture | undefined,
  tensorParallel: number,
): Refusal | undefined {
  if (shape === undefined || shape.heads % tensorParallel === 0) return undefined;
  const divisors = [1, 2, 4, 8].filter((gpus) => shape.heads % gpus === 0);
  return {
    code: 'tensor-parallel-heads',
    sentence: `vllm.tensorParallel of ${name} is ${tensorParallel}, but its ${shape.heads} attention heads cannot be dealt out evenly, and vLLM does not start: write ${divisors.join(', ').replace(/, (\d+)$/, ' or $1')}.`,
    source: 'https://docs.vllm.ai/en/latest/serving/parallelism_scaling.html',
  };
}

function remedy(memory: GpuMemory, contextTokens: number): string {
  const other = 'a larger tensorParallel, quantization "fp8", or an instanceType with more memory';
  if (memory.cacheTokens < MIN_USEFUL_TOKENS) return `Write ${other}`;
  const fits = Math.floor(memory.cacheTokens / 1_024) * 1_024;
  return `Write vllm.contextTokens ${fits} (of ${contextTokens}), kvCacheDtype "fp8", ${other}`;
}

/** Below it a reasoning model has no room to think, so that a shorter context is no remedy. */
const MIN_USEFUL_TOKENS = 2_048;

function gib(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}

function billions(count: number): string {
  return `${(count / 1e9).toFixed(1)} billion`;
}
