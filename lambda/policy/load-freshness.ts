/**
 * How fresh the load is that decisions see, live and in the simulator. Arrivals, grants, cuts and ends count at once. The tokens and first
 * tokens of a running request count from its next renewal on.
 */

/** Interval at which the function of a running request looks at the load, and renews its lease, in seconds. */
const SNAPSHOT_SECONDS = { min: 2, max: 15 } as const;
const RENEW_SECONDS = 5;
/** Running requests that look at the load per second, all together. Beyond it each looks less often, so the reads stay bounded. */
const SNAPSHOTS_PER_SECOND = 700;

/** Interval between two looks of a running request at the load, in seconds. */
export function snapshotSeconds(requests: number): number {
  return Math.min(SNAPSHOT_SECONDS.max, Math.max(SNAPSHOT_SECONDS.min, requests / SNAPSHOTS_PER_SECOND));
}

/** Interval between two renewals of a lease, in seconds. */
export function renewSeconds(requests: number): number {
  return Math.max(RENEW_SECONDS, snapshotSeconds(requests));
}
