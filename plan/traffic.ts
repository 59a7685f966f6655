import type { InstanceType } from '../lib/facts/instance-types.ts';
import type { GpuMemory } from '../lib/serving/gpu-memory.ts';

/** What clients ask of one model on an average day. */
export interface PlannedTraffic {
  readonly requestsPerDay: number;
  readonly promptTokens: number;
  readonly thinkingTokens: number;
  readonly answerTokens: number;
  /** Hours of a day in which these requests come, evenly. */
  readonly activeHours: number;
}

/** How fast one copy decodes while it serves a number of requests at once. */
export interface Speed {
  readonly requests: number;
  /** Of one step, which gives each request one token. */
  readonly stepSeconds: number;
  /** Of all requests together. */
  readonly tokensPerSecond: number;
}

/**
 * The speed of decoding where reading memory is what takes time: each step reads all weights once and the KV cache of each
 * request. An upper bound times `efficiency`; prefill, batching over the GPUs' arithmetic, and drafting are left out.
 */
export function decodeSpeed(
  memory: GpuMemory,
  type: InstanceType,
  {
    requests,
    contextTokens,
    efficiency,
  }: { readonly requests: number; readonly contextTokens: number; readonly efficiency: number },
): Speed {
  const bytes = memory.weights + requests * contextTokens * memory.cachePerToken;
  const stepSeconds = bytes / (type.gpuBandwidthGbs * 1e9 * efficiency);
  return { requests, stepSeconds, tokensPerSecond: requests / stepSeconds };
}

/** What a traffic needs. */
export interface PlannedLoad {
  /** From the first token to the last. */
  readonly secondsPerRequest: number;
  /** On average in the active hours. */
  readonly requestsInFlight: number;
  /** In the active hours. */
  readonly copies: number;
}

/** By Little's law: requests in flight are arrivals a second times seconds a request. */
export function loadOf(traffic: PlannedTraffic, speed: Speed): PlannedLoad {
  const secondsPerRequest = (traffic.thinkingTokens + traffic.answerTokens) * speed.stepSeconds;
  const arrivals = traffic.requestsPerDay / (traffic.activeHours * 3_600);
  const requestsInFlight = arrivals * secondsPerRequest;
  return { secondsPerRequest, requestsInFlight, copies: Math.max(1, Math.ceil(requestsInFlight / speed.requests)) };
}

/** Tokens that one request holds in the cache on average while it decodes. */
export function averageContext({ promptTokens, thinkingTokens, answerTokens }: PlannedTraffic): number {
  return promptTokens + (thinkingTokens + answerTokens) / 2;
}
