import type { OwnShare } from './current-load.ts';
import type { EarlierShares, LeaseStore, LoadLease } from './lease-store.ts';
import type { Change, LoadChanges } from './load-changes.ts';
import { type LoadShare, noShare, shareOf, shareOfFields } from './load-share.ts';
import { periodOf, withEarlier } from './settled-load.ts';

/** Where the requests of a model are counted. */
export interface RequestCounts {
  readonly leaseStore: LeaseStore;
  readonly changes: LoadChanges;
}

/**
 * One request in the shared load: its lease, and the difference that each of its changes makes. The lease is written first, and says
 * what the request added before its last changes. So a function that dies in between, or an addition that is lost, is wrong only until
 * the next tick, which sums the leases.
 */
export class CountedRequest {
  readonly requestId: string;
  readonly shard: number;
  readonly #counts: RequestCounts;
  readonly #key: string;
  readonly #byKey: boolean;
  /** Whether it is a line of a batch. */
  readonly batch: boolean;
  #share = noShare;
  #earlier: EarlierShares = [];
  #hasLease = false;
  #seen: readonly Change[] = [];

  /** @param request `shard` is its partition; `byKey` says whether its key's share is counted */
  constructor(
    counts: RequestCounts,
    request: {
      readonly requestId: string;
      readonly key: string;
      readonly shard: number;
      readonly byKey: boolean;
      readonly batch: boolean;
    },
  ) {
    this.#counts = counts;
    this.requestId = request.requestId;
    this.shard = request.shard;
    this.#key = request.key;
    this.#byKey = request.byKey;
    this.batch = request.batch;
  }

  /** Its current share. */
  get own(): OwnShare {
    return { key: this.#key, share: this.#share, batch: this.batch };
  }

  /** Changes of its shard right after its last addition: all requests that came before it, and none that came later. */
  get seen(): readonly Change[] {
    return this.#seen;
  }

  /** Requests that came to its shard in the current period and still run, as of its last addition. */
  crowd(now: number): number {
    const period = periodOf(now);
    return this.#seen.reduce((sum, one) => sum + (one.period === period && one.of === 'requests' ? one.amount : 0), 0);
  }

  /** Counts a candidate before the decision about it. */
  async arrive(candidate: LoadLease, now: number): Promise<void> {
    this.#earlier = withEarlier(this.#earlier, this.#share, now);
    await this.#count(shareOf(candidate), now);
  }

  /** Writes the lease and counts what changed. */
  async write(lease: LoadLease, now: number): Promise<void> {
    const share = shareOf(lease);
    this.#earlier = withEarlier(this.#earlier, this.#share, now);
    await this.#counts.leaseStore.put({ ...lease, shard: this.shard, earlier: this.#earlier });
    this.#hasLease = true;
    await this.#count(share, now, lease.refused === true ? 1 : 0);
  }

  /** Withdraws the request, as if it had not come. */
  async withdraw(now: number): Promise<void> {
    if (this.#hasLease) await this.#counts.leaseStore.remove(this.requestId, this.shard);
    await this.#count(noShare, now);
  }

  async #count(share: LoadShare, now: number, refused = 0): Promise<void> {
    const before = this.#share;
    const difference = shareOfFields((field) => share[field] - before[field]);
    // Also if its outcome is unknown: to count it again could count it twice.
    this.#share = share;
    if (refused === 0 && Object.values(difference).every((amount) => amount === 0)) return;
    const key = this.#byKey && !this.batch ? this.#key : undefined;
    this.#seen = await this.#counts.changes.add(
      this.shard,
      { ...difference, refused },
      { key, batch: this.batch },
      now,
    );
  }
}
