import type { ControllerSettings } from '../../lambda/policy/controller.ts';
import type { CopyCapacity, Load } from '../../lambda/policy/load.ts';
import type { ScalingDecision } from '../../lambda/policy/scaling-decision.ts';

/** Input of a scaler, every `SAMPLE_SECONDS`. */
export interface Observation {
  readonly now: number;
  readonly load: Load;
  readonly capacity: CopyCapacity;
  /** Requests that arrived since the last observation. */
  readonly arrivals: number;
  /** Work of these requests per second, in seconds of a full copy, before any maximum is shrunk. */
  readonly arrivedCopies: number;
  /** Decision of the controller's scaling policy, as the metrics that a deployment writes. */
  readonly decision: Pick<ScalingDecision, 'missing' | 'spare'>;
}

/** Moves the copies, as AWS does in a deployment: by a metric, an alarm and a rule. */
export interface Scaler {
  /** Scaling policy whose decisions move the copies. If omitted, the scaler ignores them. */
  readonly controlledBy?: Pick<ControllerSettings, 'scalingPolicy' | 'scaling'>;
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
