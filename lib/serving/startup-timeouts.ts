import { limits } from '../facts/aws-limits.ts';
import type { ModelSource } from './model-source.ts';

/** Timeouts for the start of a copy, in seconds. */
export interface StartupTimeouts {
  /** Time for the weights to reach the instance. */
  readonly downloadSeconds: number;
  /** Time until the server passes its health check. */
  readonly startupSeconds: number;
}

/**
 * Returns timeouts that hold on a slow day: S3 at 0.1 GiB/s, the hub at 0.05 GiB/s, loading at 0.2 GiB/s, ten minutes for
 * compilation. A timeout that is too long only delays the report of a failed start.
 *
 * @param weightBytes size of the weights as stored; `undefined` if the architecture is unknown
 */
export function fittingTimeouts(weightBytes: number | undefined, source: ModelSource): StartupTimeouts {
  if (weightBytes === undefined) return { downloadSeconds: 1_800, startupSeconds: 1_800 };
  const gib = weightBytes / 1024 ** 3;
  const hubSeconds = source.kind === 'hub' ? gib / 0.05 : 0;
  return { downloadSeconds: toTimeout(gib / 0.1), startupSeconds: toTimeout(600 + gib / 0.2 + hubSeconds) };
}

/** Rounds up to whole minutes, from five minutes to SageMaker's maximum. */
function toTimeout(seconds: number): number {
  const { max } = limits.startupSeconds;
  return Math.min(max, Math.max(300, Math.ceil(seconds / 60) * 60));
}
