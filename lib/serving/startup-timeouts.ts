import type { ModelSource } from './model-source.ts';

/** How long SageMaker waits for a copy. Seconds. */
export interface Timeouts {
  readonly downloadSeconds: number;
  readonly startupSeconds: number;
}

/**
 * Timeouts that a slow day still meets: S3 at 0.1 GiB a second, the hub at 0.05, loading at 0.2, ten minutes for
 * compilation. A timeout that is too long costs nothing but the wait for a start that fails.
 *
 * @param weightBytes as they are stored; `undefined` where the model's architecture is not known
 */
export function fittingTimeouts(weightBytes: number | undefined, source: ModelSource): Timeouts {
  if (weightBytes === undefined) return { downloadSeconds: 1_800, startupSeconds: 1_800 };
  const gib = weightBytes / 1024 ** 3;
  const fromHub = source.kind === 'hub' ? gib / 0.05 : 0;
  return { downloadSeconds: rounded(gib / 0.1), startupSeconds: rounded(600 + gib / 0.2 + fromHub) };
}

/** To whole minutes, within what SageMaker takes. */
function rounded(seconds: number): number {
  return Math.min(3_600, Math.max(300, Math.ceil(seconds / 60) * 60));
}
