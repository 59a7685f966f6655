import type { Refusal } from '../facts/refusal.ts';

/** A model in the memory of the GPUs of one copy, as `lib/serving` calculates it. */
export interface CheckedMemory {
  /** The model's id. */
  readonly name: string;
  readonly instanceType: string;
  readonly tensorParallel: number;
  /** Window that is served, in tokens. */
  readonly contextTokens: number;
  /** Tokens that the KV cache holds beside the weights. 0 or less if the weights alone do not fit. */
  readonly cacheTokens: number;
  /** The calculation in words, so that a reader can repeat it. */
  readonly calculation: string;
}

/** Refuses a model whose weights and one request of the whole window do not fit the GPUs of a copy together. */
export function checkMemory(memory: CheckedMemory): Refusal | undefined {
  const { name, instanceType, tensorParallel, contextTokens, cacheTokens, calculation } = memory;
  if (cacheTokens >= contextTokens) return undefined;
  return {
    code: 'gpu-memory',
    sentence: `${name} does not fit ${instanceType} with vllm.tensorParallel ${tensorParallel}: ${calculation}. ${remedy(cacheTokens, contextTokens)}.`,
    source: 'https://docs.vllm.ai/en/latest/configuration/conserving_memory.html',
  };
}

/**
 * Refuses a number of GPUs that does not divide the model's attention heads.
 *
 * @param heads attention heads of the model
 */
export function checkAttentionHeads(name: string, heads: number, tensorParallel: number): Refusal | undefined {
  if (heads % tensorParallel === 0) return undefined;
  const divisors = [1, 2, 4, 8].filter((gpus) => heads % gpus === 0);
  return {
    code: 'tensor-parallel-heads',
    sentence: `vllm.tensorParallel of ${name} is ${tensorParallel}, which does not divide its ${heads} attention heads, so vLLM would not start: write ${divisors.join(', ').replace(/, (\d+)$/, ' or $1')}.`,
    source: 'https://docs.vllm.ai/en/latest/serving/parallelism_scaling.html',
  };
}

function remedy(cacheTokens: number, contextTokens: number): string {
  const other = 'a larger tensorParallel, quantization "fp8", or an instanceType with more memory';
  if (cacheTokens < MIN_USEFUL_TOKENS) return `Write ${other}`;
  const fits = Math.floor(cacheTokens / 1_024) * 1_024;
  return `Write vllm.contextTokens ${fits} instead of ${contextTokens}, kvCacheDtype "fp8", ${other}`;
}

/** Smallest window that leaves a reasoning model room to think, in tokens. */
const MIN_USEFUL_TOKENS = 2_048;
