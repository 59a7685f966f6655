import type { InstanceType } from '../facts/instance-types.ts';
import type { GpuMemory } from './gpu-memory.ts';

/**
 * Context of a usual request while it decodes, in tokens: prompt, and half of its thinking and answer. An assumption, for
 * estimates that are made before traffic is known.
 */
export const USUAL_CONTEXT_TOKENS = 3_000;

/** Decode speed of one copy at a number of concurrent requests. */
export interface DecodeSpeed {
  readonly requests: number;
  /** Duration of one step, in which each request gets one token. */
  readonly stepSeconds: number;
  /** Tokens per second of all requests together. */
  readonly tokensPerSecond: number;
}

/**
 * Estimates decode speed from memory bandwidth: each step reads all weights once, and the KV cache of each request. The
 * result is an upper bound times `efficiency`. Prefill, limits of the GPUs' arithmetic, and drafting are left out.
 */
export function decodeSpeed(
  memory: Pick<GpuMemory, 'weights' | 'cachePerToken'>,
  type: Pick<InstanceType, 'gpuBandwidthGbs'>,
  {
    requests,
    contextTokens,
    efficiency,
  }: { readonly requests: number; readonly contextTokens: number; readonly efficiency: number },
): DecodeSpeed {
  const bytes = memory.weights + requests * contextTokens * memory.cachePerToken;
  const stepSeconds = bytes / decodeBytesPerSecond(type, efficiency);
  return { requests, stepSeconds, tokensPerSecond: requests / stepSeconds };
}

/**
 * Returns the rate at which decoding reads the memory of one GPU, in bytes per second.
 *
 * @param efficiency share of the bandwidth that decoding reaches, `assumptions.decodeEfficiency` of the prices
 */
export function decodeBytesPerSecond(
  { gpuBandwidthGbs }: Pick<InstanceType, 'gpuBandwidthGbs'>,
  efficiency: number,
): number {
  return gpuBandwidthGbs * 1e9 * efficiency;
}
