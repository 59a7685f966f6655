import { openGate, simulate } from '../engine/simulate.ts';
import { evenTrafficOf, type Scenario } from '../scenario.ts';
import { FixedFleet } from './scaler.ts';

/** What one copy can take, found as AWS says: by more and more load on one copy, until its latency rises. */
export interface LoadTest {
  /** MAX_RPS of AWS's formula. */
  readonly maxRequestsPerSecond: number;
  /** Requests in flight then, on average. */
  readonly maxConcurrency: number;
}

/** Of each try, after a warm-up of a quarter of it. Seconds. */
const TRY_SECONDS = 8_000;
const TRIES = 12;

/**
 * The most requests a second at which the first token of 95 % comes within `firstTokenSeconds`.
 *
 * Source: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-loadtest.html
 */
export function loadTest(scenario: Scenario, firstTokenSeconds: number): LoadTest {
  let low = 0;
  let high = MAX_REQUESTS_PER_SECOND;
  let best: LoadTest = { maxRequestsPerSecond: 0.01, maxConcurrency: 1 };
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const requestsPerSecond = attempt === 0 ? 1 : (low + high) / 2;
    const outcome = simulate({
      profile: scenario.profile,
      routing: scenario.routing,
      traffic: evenTrafficOf(scenario, requestsPerSecond, TRY_SECONDS),
      scaler: new FixedFleet(),
      gate: openGate,
      initialCopies: 1,
      measureFrom: TRY_SECONDS / 4,
      measureUntil: TRY_SECONDS,
      binSeconds: TRY_SECONDS,
    });
    if (outcome.firstToken.p95 <= firstTokenSeconds) {
      low = requestsPerSecond;
      if (requestsPerSecond > best.maxRequestsPerSecond)
        best = { maxRequestsPerSecond: requestsPerSecond, maxConcurrency: Math.max(1, outcome.meanRequests) };
      if (attempt === 0) continue;
    } else {
      high = requestsPerSecond;
    }
  }
  return best;
}

const MAX_REQUESTS_PER_SECOND = 64;
