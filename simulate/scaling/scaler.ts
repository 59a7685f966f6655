import type { CopyCapacity, Load } from '../../lambda/policy/load.ts';

/** Input of a scaler, every `SAMPLE_SECONDS`. */
export interface Observation {
  readonly now: number;
  readonly load: Load;
  readonly capacity: CopyCapacity;
  /** Requests that arrived since the last observation. */
  readonly arrivals: number;
  /** Expected output tokens of these requests, before any maximum is shrunk. */
  readonly askedTokens: number;
}

/** Decides on the number of copies. */
export interface Scaler {
  /** @returns the desired number of copies, or `undefined` to leave it unchanged */
  observe(observation: Observation): number | undefined;
}

/** Period of high-resolution metrics. https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html */
export const SAMPLE_SECONDS = 10;

/** Never changes the number of copies. */
export class FixedFleet implements Scaler {
  observe(): undefined {
    return undefined;
  }
}
