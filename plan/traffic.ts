import type { InstanceType } from '../lib/facts/instance-types.ts';
import type { GpuMemory } from '../lib/serving/gpu-memory.ts';

/** Requests to one model on an average day. */
export interface PlannedTraffic {
  readonly requestsPerDay: number;
  readonly promptTokens: number;
  readonly thinkingTokens: number;
  readonly answerTokens: number;
  /** Hours of a day over which the requests are spread evenly. */
  readonly activeHours: number;
}

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
  memory: GpuMemory,
  type: InstanceType,
  {
    requests,
    contextTokens,
    efficiency,
  }: { readonly requests: number; readonly contextTokens: number; readonly efficiency: number },
): DecodeSpeed {
  const bytes = memory.weights + requests * contextTokens * memory.cachePerToken;
  const stepSeconds = bytes / (type.gpuBandwidthGbs * 1e9 * efficiency);
  return { requests, stepSeconds, tokensPerSecond: requests / stepSeconds };
}

/** Load that planned traffic causes. */
export interface PlannedLoad {
  /** Time from the first token to the last. */
  readonly secondsPerRequest: number;
  /** Average in the active hours. */
  readonly requestsInFlight: number;
  /** Copies that are needed in the active hours. */
  readonly copies: number;
}

/** Calculates the load by Little's law: requests in flight are arrivals per second times seconds per request. */
export function loadOf(traffic: PlannedTraffic, speed: DecodeSpeed): PlannedLoad {
  const secondsPerRequest = (traffic.thinkingTokens + traffic.answerTokens) * speed.stepSeconds;
  const arrivals = traffic.requestsPerDay / (traffic.activeHours * 3_600);
  const requestsInFlight = arrivals * secondsPerRequest;
  return { secondsPerRequest, requestsInFlight, copies: Math.max(1, Math.ceil(requestsInFlight / speed.requests)) };
}

/** Returns the average number of tokens that one request holds in the KV cache while it decodes. */
export function averageContext({ promptTokens, thinkingTokens, answerTokens }: PlannedTraffic): number {
  return promptTokens + (thinkingTokens + answerTokens) / 2;
}
