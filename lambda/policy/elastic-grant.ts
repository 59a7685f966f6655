import { type CopyCapacity, type Load, pressureOf } from './load.ts';

export interface ElasticSettings {
  /** Pressure up to which every request gets its own maximum. Minimum: 0. */
  readonly shrinkFrom: number;
  /** Pressure from which every elastic request gets its floor. Above `shrinkFrom`. */
  readonly shrinkTo: number;
  /**
   * The same for thoughts that are under way, see `isOverGrant`. Thoughts are cut later than new ones are made short.
   *
   * @default - thoughts under way keep what they were granted
   */
  readonly cut?: { readonly shrinkFrom: number; readonly shrinkTo: number };
}

/**
 * Shrinking begins where copies still have room, and ends where requests would wait. The width decides how calm it is: see
 * docs/decisions/0012-elastic-budgets.md.
 */
export const defaultElastic: ElasticSettings = {
  shrinkFrom: 0.7,
  shrinkTo: 1.3,
  cut: { shrinkFrom: 0.9, shrinkTo: 1.5 },
};

/** Who asks, beside the others. */
export interface KeyLoad {
  /** Reserved tokens of this key's requests that run. */
  readonly reservedTokens: number;
  /** Keys with requests that run, this one included. Minimum: 1. */
  readonly activeKeys: number;
}

/** The only key, or keys that all take the same. */
export const evenShare: KeyLoad = { reservedTokens: 0, activeKeys: 1 };

/** How far a key's part of the load may bend its grants. */
const MAX_UNEVEN = 4;

/**
 * The maximum of thinking that an elastic request is granted: its ceiling on an endpoint with room, its floor on a full one, in
 * between a share that falls steadily with the pressure. Under the same pressure a key that holds more than an equal part of
 * what is reserved gets less, one that holds less gets more; nobody shrinks on an endpoint with room, nobody gets less than
 * the floor.
 *
 * The grant is a continuous, falling function of the load as it is now, and what it grants is that load's inflow: a feedback of
 * the first order, which settles and does not swing.
 *
 * @param request what it may have at least and at most. Thinking tokens, `floorTokens` ≤ `ceilingTokens`
 * @returns whole tokens from `floorTokens` to `ceilingTokens`
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
 * Whether a thought under way is longer than it would be granted now, so that it ends here with the end reason `load`. To be
 * asked every few seconds, of one request after the other, each with the load that the ones before have left: then only as many
 * are cut as have to be.
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

/** The part of the span from floor to ceiling that is granted at this pressure, to a key with an equal part. 0 to 1. */
function elasticShare(
  pressure: number,
  { shrinkFrom, shrinkTo }: Pick<ElasticSettings, 'shrinkFrom' | 'shrinkTo'> = defaultElastic,
): number {
  return Math.min(1, Math.max(0, (shrinkTo - pressure) / (shrinkTo - shrinkFrom)));
}

/** 1 for a key with an equal part of what is reserved, 2 for one with twice that. */
export function unevenness({ reservedTokens, activeKeys }: KeyLoad, load: Load): number {
  if (activeKeys <= 1 || load.reservedTokens <= 0) return 1;
  const part = (reservedTokens * activeKeys) / load.reservedTokens;
  return Math.min(MAX_UNEVEN, Math.max(1 / MAX_UNEVEN, part));
}
