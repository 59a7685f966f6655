import type { CopyCapacity, Load } from '../../lambda/policy/load.ts';

/** What can be seen every `SAMPLE_SECONDS`. */
export interface Observation {
  readonly now: number;
  readonly load: Load;
  readonly capacity: CopyCapacity;
  /** Requests that came since the last observation. */
  readonly arrivals: number;
  /** Output tokens to expect of them, before any maximum was shrunk. */
  readonly askedTokens: number;
}

/** Decides how many copies there shall be. */
export interface Scaler {
  /** @returns the number to set now, or `undefined` to leave it */
  observe(observation: Observation): number | undefined;
}

/** High-resolution metrics come every 10 seconds. https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html */
export const SAMPLE_SECONDS = 10;

/** The same number for ever. */
export class FixedFleet implements Scaler {
  observe(): undefined {
    return undefined;
  }
}
