import { openGate } from '../engine/gate.ts';
import { simulate } from '../engine/simulate.ts';
import { evenTrafficOf, type Scenario } from '../scenario.ts';
import { FixedFleet } from './scaler.ts';

/** Maximum load of one copy, determined as AWS recommends: increase the load on one copy until its latency rises. */
export interface LoadTest {
  /** MAX_RPS of AWS's formula. */
  readonly maxRequestsPerSecond: number;
  /** Mean requests in flight at that rate. */
  readonly maxConcurrency: number;
  /** Whether any tried rate meets the objective. If not, the target that follows is no advice. */
  readonly met: boolean;
}

/** Duration of each run, in seconds. The first quarter is the warm-up. */
const RUN_SECONDS = 8_000;
const RUNS = 12;

/**
 * Finds the maximum rate at which 95 % of the first tokens meet the scenario's objective, by bisection.
 *
 * Source: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-loadtest.html
 */
export function loadTest(scenario: Scenario): LoadTest {
  let low = 0;
  let high = MAX_REQUESTS_PER_SECOND;
  let best: LoadTest = { maxRequestsPerSecond: 0.01, maxConcurrency: 1, met: false };
  for (let run = 0; run < RUNS; run++) {
    const requestsPerSecond = run === 0 ? 1 : (low + high) / 2;
    const outcome = simulate({
      profile: scenario.profile,
      routing: scenario.routing,
      objective: scenario.objective,
      traffic: evenTrafficOf(scenario, requestsPerSecond, RUN_SECONDS),
      scaler: new FixedFleet(),
      gate: openGate,
      initialCopies: 1,
      measureFrom: RUN_SECONDS / 4,
      measureUntil: RUN_SECONDS,
      binSeconds: RUN_SECONDS,
    });
    if (outcome.onTime >= ON_TIME && outcome.completed > 0) {
      low = requestsPerSecond;
      if (requestsPerSecond > best.maxRequestsPerSecond)
        best = { maxRequestsPerSecond: requestsPerSecond, maxConcurrency: outcome.meanRequests, met: true };
    } else {
      high = requestsPerSecond;
    }
  }
  return best;
}

/** Share of the requests that must meet an objective. */
export const ON_TIME = 0.95;

const MAX_REQUESTS_PER_SECOND = 64;
