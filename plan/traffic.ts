import type { DecodeSpeed } from '../lib/serving/decode-speed.ts';

/** Requests to one model on an average day. */
export interface PlannedTraffic {
  readonly requestsPerDay: number;
  /** Passages included. */
  readonly promptTokens: number;
  /** Tokens of passages that retrieval puts into the prompt, of `promptTokens`. @default 0 */
  readonly passageTokens?: number;
  readonly thinkingTokens: number;
  readonly answerTokens: number;
  /** Hours of a day over which the requests are spread evenly. */
  readonly activeHours: number;
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
