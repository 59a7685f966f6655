import { type CopyCapacity, type Load, pressureOf } from './load.ts';

export interface ElasticSettings {
  /** Pressure up to which every request is granted its own maximum. Minimum: 0. */
  readonly shrinkFrom: number;
  /** Pressure from which every elastic request is granted its floor. Must be above `shrinkFrom`. */
  readonly shrinkTo: number;
  /**
   * The same range for running thoughts, see `isOverGrant`. It should lie above the range of new requests.
   *
   * @default - running thoughts keep what they were granted
   */
  readonly cut?: { readonly shrinkFrom: number; readonly shrinkTo: number };
}

/**
 * Shrinking starts while copies still have room, and reaches the floor before requests would queue. A wider range is more
 * stable: see docs/decisions/0012-elastic-budgets.md.
 */
export const defaultElastic: ElasticSettings = {
  shrinkFrom: 0.7,
  shrinkTo: 1.3,
  cut: { shrinkFrom: 0.9, shrinkTo: 1.5 },
};

/** How much of the load one key holds. */
export interface KeyLoad {
  /** Reserved tokens of this key's running requests. */
  readonly reservedTokens: number;
  /** Keys with running requests, this one included. Minimum: 1. */
  readonly activeKeys: number;
}

/** A single key, or keys with equal shares. */
export const evenShare: KeyLoad = { reservedTokens: 0, activeKeys: 1 };

/** Bound on how much a key's share changes its grants. */
const MAX_UNEVEN = 4;

/**
 * Maximum of thinking tokens that an elastic request is granted: its ceiling if the endpoint has room, its floor if the endpoint
 * is full, and a share that falls linearly with the pressure in between. At the same pressure a key that holds more than an
 * equal share of the reserved tokens is granted less, and a key that holds less is granted more. No request shrinks while the
 * endpoint has room, and no request is granted less than its floor.
 *
 * The grant is a continuous, decreasing function of the current load, and the granted tokens are the inflow of that load. This
 * is a first-order feedback loop, which settles without oscillating.
 *
 * @param request floor and ceiling in thinking tokens, `floorTokens` ≤ `ceilingTokens`
 * @returns whole tokens, from `floorTokens` to `ceilingTokens`
 */
export function elasticGrant(
  request: { readonly floorTokens: number; readonly ceilingTokens: number },
  load: Load,
  capacity: CopyCapacity,
  key: KeyLoad = evenShare,
  settings: Pick<ElasticSettings, 'shrinkFrom' | 'shrinkTo'> = defaultElastic,
): number {
  const share = elasticShare(pressureOf(load, capacity), settings) ** unevenness(key, load);
  return Math.round(request.floorTokens + (request.ceilingTokens - request.floorTokens) * share);
}

/**
 * Whether a running thought is longer than it would be granted now, so that it must end with the end reason `load`. Call it
 * every few seconds for one request after the other, each with the load that the previous cuts have left, so that no more
 * thoughts are cut than necessary.
 */
export function isOverGrant(
  request: { readonly floorTokens: number; readonly ceilingTokens: number },
  usedTokens: number,
  load: Load,
  capacity: CopyCapacity,
  key: KeyLoad = evenShare,
  settings: ElasticSettings = defaultElastic,
): boolean {
  if (settings.cut === undefined) return false;
  return usedTokens >= Math.max(1, elasticGrant(request, load, capacity, key, settings.cut));
}

/** Fraction of the range from floor to ceiling that a key with an equal share is granted at this pressure, 0 to 1. */
function elasticShare(
  pressure: number,
  { shrinkFrom, shrinkTo }: Pick<ElasticSettings, 'shrinkFrom' | 'shrinkTo'> = defaultElastic,
): number {
  return Math.min(1, Math.max(0, (shrinkTo - pressure) / (shrinkTo - shrinkFrom)));
}

/** The key's share of the reserved tokens in equal shares: 1 for an equal share, 2 for twice that. Bounded by `MAX_UNEVEN`. */
export function unevenness({ reservedTokens, activeKeys }: KeyLoad, load: Load): number {
  if (activeKeys <= 1 || load.reservedTokens <= 0) return 1;
  const part = (reservedTokens * activeKeys) / load.reservedTokens;
  return Math.min(MAX_UNEVEN, Math.max(1 / MAX_UNEVEN, part));
}
