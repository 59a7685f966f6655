import type { Arrival } from '../engine/job.ts';

/** Requests in the order of their arrival. */
export interface Traffic {
  /** Writes the next request into `arrival`. Returns false at the end of the traffic. */
  next(arrival: Arrival): boolean;
}

export function newArrival(): Arrival {
  return {
    at: 0,
    promptTokens: 0,
    prefix: 0,
    sharedTokens: 0,
    naturalThinkingTokens: 0,
    maxThinkingTokens: 0,
    minThinkingTokens: 0,
    answerTokens: 0,
    maxAnswerTokens: 0,
    elastic: false,
    floorTokens: 0,
    thinkingCalls: 1,
    key: 0,
  };
}
