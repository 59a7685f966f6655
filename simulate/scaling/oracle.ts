import { openGate } from '../engine/gate.ts';
import { runScenario, type Scenario } from '../scenario.ts';
import { type Observation, SAMPLE_SECONDS, type Scaler } from './scaler.ts';

/** Records the demand of each sample, while enough copies run. */
class Recorder implements Scaler {
  readonly copies: number[] = [];

  observe({ arrivedCopies }: Observation): undefined {
    this.copies.push(arrivedCopies);
  }
}

/** Knowledge of the future demand. */
export interface Foresight {
  /** Work that arrives per second in each interval of `SAMPLE_SECONDS`, in seconds of one full copy. */
  readonly copies: readonly number[];
}

/** Runs the scenario once to learn its demand. */
export function foresee(scenario: Scenario): Foresight {
  const recorder = new Recorder();
  runScenario(scenario, { scaler: recorder, gate: openGate, initialCopies: scenario.maxCopies });
  return { copies: recorder.copies };
}

/** Settings of an oracle. */
export interface OracleSettings {
  /** Target utilization of the copies' speed. Above 0. */
  readonly utilization: number;
  /** Window of the demand's moving average, in seconds. `Infinity` is a fixed fleet. */
  readonly spreadSeconds: number;
}

/** Settings that the search for the cheapest oracle tries. */
export const oraclesToTry: readonly OracleSettings[] = [0.6, 0.7, 0.8, 0.9, 1, 1.1].flatMap((utilization) =>
  [120, 600, 1_800, Number.POSITIVE_INFINITY].map((spreadSeconds) => ({ utilization, spreadSeconds })),
);

/**
 * Lower bound: starts each copy early enough to run when it is needed, keeps a copy if stopping it would not pay until it is needed
 * again, and needs no metric. Starts and stops of whole instances still take their time.
 */
export class Oracle implements Scaler {
  readonly #plan: readonly number[];
  #sample = 0;

  constructor(foresight: Foresight, scenario: Scenario, { utilization, spreadSeconds }: OracleSettings) {
    const { profile, minCopies, maxCopies } = scenario;
    const spread = Math.min(foresight.copies.length, Math.round(spreadSeconds / SAMPLE_SECONDS));
    const start = Math.ceil((profile.instanceSeconds + profile.copySeconds) / SAMPLE_SECONDS) + 1;
    const pays = Math.ceil((profile.copySeconds + profile.idleInstanceSeconds) / SAMPLE_SECONDS);
    const rates =
      spreadSeconds === Number.POSITIVE_INFINITY
        ? foresight.copies.map(() => mean(foresight.copies))
        : movingMean(foresight.copies, spread);
    const needed = rates.map((busy) => {
      const copies = Math.ceil(busy / utilization);
      const filled = Math.ceil(copies / profile.copiesPerInstance) * profile.copiesPerInstance;
      return Math.min(maxCopies, Math.max(minCopies, filled));
    });
    const kept = extreme(extreme(needed, 0, pays, Math.max), -pays, 0, Math.min);
    this.#plan = extreme(kept, 0, start, Math.max);
  }

  observe(): number | undefined {
    const desired = this.#plan[this.#sample];
    this.#sample += 1;
    return desired;
  }

  /** Copies at the start. */
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

/** Moving maximum or minimum over the samples from `from` to `to`, relative to each sample, both included. */
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
