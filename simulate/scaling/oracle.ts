import { openGate } from '../engine/simulate.ts';
import { runScenario, type Scenario } from '../scenario.ts';
import { type Observation, SAMPLE_SECONDS, type Scaler } from './scaler.ts';

/** Only looks: what is asked for in each sample, with copies for everything. */
class Recorder implements Scaler {
  readonly tokensPerSecond: number[] = [];
  speed = 0;

  observe({ askedTokens, capacity }: Observation): undefined {
    this.tokensPerSecond.push(askedTokens / SAMPLE_SECONDS);
    this.speed = capacity.tokensPerSecond;
  }
}

/** What is known when one knows the future. */
export interface Foresight {
  /** Tokens that are asked for, for each `SAMPLE_SECONDS`. */
  readonly tokensPerSecond: readonly number[];
  /** Of one full copy. */
  readonly copyTokensPerSecond: number;
}

/** Looks at all requests of the scenario before they come. */
export function foresee(scenario: Scenario): Foresight {
  const recorder = new Recorder();
  runScenario(scenario, { scaler: recorder, gate: openGate, initialCopies: scenario.maxCopies });
  return { tokensPerSecond: recorder.tokensPerSecond, copyTokensPerSecond: recorder.speed };
}

/** How an oracle uses what it knows. */
export interface OracleSettings {
  /** The part of the copies' speed that the demand may take. Above 0. */
  readonly utilization: number;
  /** Over which time it evens out the demand: requests take minutes, and a few may wait. `Infinity`: a fixed fleet. Seconds. */
  readonly spreadSeconds: number;
}

/** What is tried to find the cheapest oracle. */
export const oraclesToTry: readonly OracleSettings[] = [0.6, 0.7, 0.8, 0.9, 1, 1.1].flatMap((utilization) =>
  [120, 600, 1_800, Number.POSITIVE_INFINITY].map((spreadSeconds) => ({ utilization, spreadSeconds })),
);

/**
 * The bound: starts each copy so early that it works when it is needed, stops none that is needed again before it would pay, and
 * needs no metric. It still starts and stops whole instances in their own time.
 */
export class Oracle implements Scaler {
  readonly #plan: readonly number[];
  #sample = 0;

  constructor(foresight: Foresight, scenario: Scenario, { utilization, spreadSeconds }: OracleSettings) {
    const { profile, minCopies, maxCopies } = scenario;
    const spread = Math.min(foresight.tokensPerSecond.length, Math.round(spreadSeconds / SAMPLE_SECONDS));
    const start = Math.ceil((profile.instanceSeconds + profile.copySeconds) / SAMPLE_SECONDS) + 1;
    const pays = Math.ceil((profile.copySeconds + profile.idleInstanceSeconds) / SAMPLE_SECONDS);
    const rates =
      spreadSeconds === Number.POSITIVE_INFINITY
        ? foresight.tokensPerSecond.map(() => mean(foresight.tokensPerSecond))
        : movingMean(foresight.tokensPerSecond, spread);
    const needed = rates.map((tokens) => {
      const copies = Math.ceil(tokens / (foresight.copyTokensPerSecond * utilization));
      const filled = Math.ceil(copies / profile.copiesPerInstance) * profile.copiesPerInstance;
      return Math.min(maxCopies, Math.max(minCopies, filled));
    });
    const kept = extreme(extreme(needed, 0, pays, Math.max), -pays, 0, Math.min);
    this.#plan = extreme(kept, 0, start, Math.max);
  }

  observe(): number | undefined {
    const wanted = this.#plan[this.#sample];
    this.#sample += 1;
    return wanted;
  }

  /** What it has at the first second. */
  get initialCopies(): number {
    return this.#plan[0] ?? 1;
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function movingMean(values: readonly number[], width: number): number[] {
  let sum = 0;
  return values.map((value, index) => {
    sum += value - (index >= width ? (values[index - width] ?? 0) : 0);
    return sum / Math.min(index + 1, width);
  });
}

/** The most, or the least, from `from` to `to` samples away, both included. */
function extreme(
  values: readonly number[],
  from: number,
  to: number,
  pick: (a: number, b: number) => number,
): number[] {
  return values.map((value, index) => {
    let found = value;
    for (let at = Math.max(0, index + from); at <= Math.min(values.length - 1, index + to); at++)
      found = pick(found, values[at] ?? value);
    return found;
  });
}
