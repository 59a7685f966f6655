import { committedTokens } from '../policy/committed-tokens.ts';
import type { KeyLoad } from '../policy/elastic-grant.ts';
import type { Load } from '../policy/load.ts';
import type { Change } from './load-changes.ts';
import { type LoadShare, noShare, type ShareField, shareOfFields } from './load-share.ts';
import { MAX_KEYS, newestPeriod, type SettledLoad } from './settled-load.ts';

/** A request to leave out of the load, because the decision is about it. */
export interface OwnShare {
  readonly key: string;
  readonly share: LoadShare;
  /** Whether it is a line of a batch. */
  readonly batch: boolean;
}

/** Whether changes are counted by key. With more keys, their shares are those of the last tick. */
export function countsByKey(settled: Pick<SettledLoad, 'activeKeys'> | undefined): boolean {
  return (settled?.activeKeys ?? 0) <= MAX_KEYS;
}

/** The load of an endpoint now: the settled load, and what changed since. */
export class CurrentLoad {
  readonly #settled: SettledLoad;
  readonly #sums: LoadShare;
  readonly #changedKeys = new Map<string, number>();
  /** Refused requests that no tick has counted yet. */
  readonly refused: number;

  /** @param withBatches whether lines of batches count, too: requests with a client are decided as if there were none */
  constructor(
    settled: SettledLoad,
    changes: readonly Change[],
    now: number,
    { own, withBatches }: { readonly own?: OwnShare | undefined; readonly withBatches: boolean },
  ) {
    const sums = new Map<ShareField | 'refused', number>();
    const add = (field: ShareField | 'refused', amount: number) => sums.set(field, (sums.get(field) ?? 0) + amount);
    const newest = newestPeriod(now);
    for (const { period, of, amount } of changes) {
      if (period < settled.since || period > newest) continue;
      if (typeof of !== 'object') add(of, amount);
      else if ('key' in of) this.#changeKey(of.key, amount);
      else if (withBatches) add(of.batch, amount);
    }
    if (own !== undefined && !own.batch && countsByKey(settled)) this.#changeKey(own.key, -own.share.reservedTokens);
    this.#settled = settled;
    const ownShare = own?.share ?? noShare;
    // Never negative: an addition whose outcome was unknown may be missing until the next tick.
    const batches = withBatches ? (settled.batches ?? noShare) : noShare;
    this.#sums = shareOfFields((field) =>
      Math.max(0, settled.sums[field] + batches[field] + (sums.get(field) ?? 0) - ownShare[field]),
    );
    this.refused = sums.get('refused') ?? 0;
  }

  load(copies: number, startingCopies: number): Load {
    const { limitTokens, usedTokens, ...rest } = this.#sums;
    return { copies, startingCopies, ...rest, committedTokens: committedTokens({ limitTokens }, usedTokens) };
  }

  /** The key's share of the load. The key counts as active even if none of its requests runs. */
  keyLoad(key: string): KeyLoad {
    const { keys, activeKeys } = this.#settled;
    const known = Object.keys(keys).length;
    let active = activeKeys;
    for (const [changed, amount] of this.#changedKeys) {
      const before = keys[changed];
      if (before === undefined && amount > 0 && known === activeKeys) active += 1;
      if (before !== undefined && before + amount <= 0) active -= 1;
    }
    const reservedTokens = Math.max(0, (keys[key] ?? this.#meanOfOthers(known)) + (this.#changedKeys.get(key) ?? 0));
    return { reservedTokens, activeKeys: Math.max(1, active + (reservedTokens === 0 ? 1 : 0)) };
  }

  /** Mean of the keys that are not listed, of which there are none unless there are more than MAX_KEYS. */
  #meanOfOthers(known: number): number {
    const { keys, activeKeys, sums } = this.#settled;
    if (activeKeys <= known) return 0;
    const listed = Object.values(keys).reduce((sum, one) => sum + one, 0);
    return Math.round((sums.reservedTokens - listed) / (activeKeys - known));
  }

  #changeKey(key: string, amount: number): void {
    this.#changedKeys.set(key, (this.#changedKeys.get(key) ?? 0) + amount);
  }
}
