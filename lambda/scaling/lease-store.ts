import * as z from 'zod';
import type { Lease } from '../policy/committed-tokens.ts';
import type { CountingTable } from '../storage/table.ts';
import { SHARDS } from './shards.ts';

/**
 * Item of a load lease. Each request has its own item, and only the function that serves the request writes it, so writes never
 * contend. See docs/decisions/0014-leases-without-a-hot-item.md and 0034-load-in-a-few-items.md.
 */
const leaseSchema = z.object({
  /** Id of the request. */
  sk: z.string(),
  key: z.string(),
  promptTokens: z.int(),
  limitTokens: z.int(),
  minTokens: z.int(),
  usedTokens: z.int(),
  /** Missing while the admission is pending, and in items that older versions wrote. */
  reservedTokens: z.int().optional(),
  until: z.number(),
  /** Requested thinking, granted thinking, and the floor of the grant, in tokens over all samples. */
  wantedThinking: z.int(),
  grantedThinking: z.int(),
  floorThinking: z.int(),
  usedThinking: z.int(),
  /** Prompt tokens that the cache of a copy held. Missing until the server reports them. */
  cachedTokens: z.int().optional(),
  /** Lowest confidence of the samples that are thinking, 0 to 1. Missing if it is not measured. */
  confidence: z.number().optional(),
  /** Whether the thought may be cut under load. */
  elastic: z.boolean(),
  /** Limit of the answer, in tokens over all samples. */
  answerTokens: z.int(),
  /** Times of arrival and end, as Unix time in seconds with fractions. */
  cameAt: z.number(),
  endedAt: z.number().optional(),
  /** The request was refused: only its demand counts. */
  refused: z.boolean().optional(),
  /** Its shares before its last changes (EarlierShares). Missing in items that older versions wrote. */
  earlier: z.array(z.array(z.number())).optional(),
  /** The request is a line of a batch: requests with a client are admitted as if it were not there. */
  batch: z.boolean().optional(),
});
type LeaseItem = z.infer<typeof leaseSchema>;

/** Shares before each recent period in which a lease changed, the oldest first: the period, then the fields of LoadShare in their order. */
export type EarlierShares = readonly (readonly number[])[];

export interface LoadLease extends Lease, Omit<LeaseItem, 'sk' | 'earlier' | keyof Lease> {
  readonly requestId: string;
  readonly earlier?: EarlierShares | undefined;
  /** Its partition, from 0 to SHARDS − 1. @default 0 */
  readonly shard?: number;
}

/** Time to live after the expiry of a lease, in seconds, if no tick removes the item. */
const KEPT_SECONDS = 3_600;

/** Leases of all running requests of one model, shared by all functions and spread over partitions. */
export class LeaseStore {
  readonly #table: CountingTable;
  readonly #model: string;

  constructor(table: CountingTable, model: string) {
    this.#table = table;
    this.#model = model;
  }

  async put({ requestId, shard = 0, ...lease }: LoadLease): Promise<void> {
    await this.#table.put({
      ...this.#keyOf(requestId, shard),
      ttl: Math.ceil(lease.until) + KEPT_SECONDS,
      ...lease,
    });
  }

  async remove(requestId: string, shard = 0): Promise<void> {
    const { pk, sk } = this.#keyOf(requestId, shard);
    await this.#table.delete(pk, sk);
  }

  async removeAll(leases: readonly Pick<LoadLease, 'requestId' | 'shard'>[]): Promise<void> {
    await this.#table.deleteMany(leases.map(({ requestId, shard = 0 }) => this.#keyOf(requestId, shard)));
  }

  /** Reads every lease, with all writes that ended before: for a tick or a plan, not for each decision. */
  async all(): Promise<readonly LoadLease[]> {
    const shards = Array.from({ length: SHARDS }, async (_, shard) => await this.#ofShard(shard));
    return (await Promise.all(shards)).flat();
  }

  async #ofShard(shard: number): Promise<readonly LoadLease[]> {
    const leases: LoadLease[] = [];
    for await (const item of this.#table.query(this.#partition(shard), '', { consistent: true })) {
      // An item that another version of the function wrote may not parse. It is ignored until its time to live ends.
      const { data } = leaseSchema.safeParse(item);
      if (data === undefined) continue;
      const { sk, ...lease } = data;
      leases.push({ requestId: sk, ...lease, ...(shard === 0 ? {} : { shard }) });
    }
    return leases;
  }

  #keyOf(requestId: string, shard: number) {
    return { pk: this.#partition(shard), sk: requestId };
  }

  #partition(shard: number): string {
    return `LOAD#${this.#model}${shard === 0 ? '' : `#${shard}`}`;
  }
}

/** Whether the request is running: neither ended nor refused, and its lease has not expired. */
export function isRunning(lease: LoadLease, now: number): boolean {
  return lease.endedAt === undefined && lease.until > now;
}
