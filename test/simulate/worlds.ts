import { openGate } from '../../simulate/engine/gate.ts';
import type { Arrival } from '../../simulate/engine/job.ts';
import type { Simulation } from '../../simulate/engine/simulate.ts';
import type { Profile } from '../../simulate/profile.ts';
import { FixedFleet } from '../../simulate/scaling/scaler.ts';
import type { Traffic } from '../../simulate/traffic/traffic.ts';

/** A copy with a constant step of 10 ms and free prefill. */
export const plainProfile: Profile = {
  name: 'plain',
  source: 'made up for tests',
  speed: {
    stepSeconds: 0.01,
    sequenceSeconds: 0,
    cachedTokenSeconds: 0,
    prefillTokensPerSecond: 1e12,
    chunkTokens: 1_000_000,
    cacheTokens: 1e12,
    maxSequences: 1e6,
  },
  copiesPerInstance: 1,
  gpusPerInstance: 1,
  dollarsPerInstanceHour: 10,
  instanceSeconds: 60,
  copySeconds: 60,
  idleInstanceSeconds: 60,
  callOverheadSeconds: 0,
};

/** A small copy with prefill costs, a cache that fills, and preemptions. */
export const tightProfile: Profile = {
  ...plainProfile,
  speed: {
    stepSeconds: 0.01,
    sequenceSeconds: 0.0005,
    cachedTokenSeconds: 1e-6,
    prefillTokensPerSecond: 5_000,
    chunkTokens: 256,
    cacheTokens: 20_000,
    maxSequences: 16,
  },
  copiesPerInstance: 2,
};

const blankArrival: Omit<Arrival, 'at'> = {
  promptTokens: 1,
  prefix: 0,
  sharedTokens: 0,
  naturalThinkingTokens: 0,
  maxThinkingTokens: 0,
  minThinkingTokens: 0,
  answerTokens: 1,
  maxAnswerTokens: 1_000_000,
  elastic: false,
  floorTokens: 0,
  thinkingCalls: 1,
  key: 0,
};

/** Traffic of a list of arrivals. */
export class ListedTraffic implements Traffic {
  readonly #arrivals: Iterator<Partial<Arrival> & { readonly at: number }>;

  constructor(arrivals: Iterable<Partial<Arrival> & { readonly at: number }>) {
    this.#arrivals = arrivals[Symbol.iterator]();
  }

  next(arrival: Arrival): boolean {
    const { value, done } = this.#arrivals.next();
    if (done === true) return false;
    Object.assign(arrival, blankArrival, value);
    return true;
  }
}

/** One copy that always runs, without a gate, measured completely. */
export function simulation(part: Partial<Simulation> & Pick<Simulation, 'traffic'>): Simulation {
  return {
    profile: plainProfile,
    routing: { prefixAware: true, concurrencyThreshold: 1_024 },
    scaler: new FixedFleet(),
    gate: openGate,
    initialCopies: 1,
    measureFrom: 0,
    measureUntil: Number.POSITIVE_INFINITY,
    binSeconds: 60,
    ...part,
  };
}
