import * as z from 'zod';
import type { Lease } from '../policy/committed-tokens.ts';
import type { ItemTable } from '../storage/table.ts';

/**
 * Item of a load lease. Each request has its own item, and only the function that serves the request writes it, so writes never
 * contend. See docs/decisions/0014-leases-without-a-hot-item.md.
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
  /** The admission decision is pending. Later requests count the lease as if the whole requested maximum were granted. */
  undecided: z.boolean().optional(),
  /** The request was refused: only its demand counts. */
  refused: z.boolean().optional(),
  /** The request is a line of a batch: requests with a client are admitted as if it were not there. */
  batch: z.boolean().optional(),
});
type LeaseItem = z.infer<typeof leaseSchema>;

export interface LoadLease extends Lease, Omit<LeaseItem, 'sk' | keyof Lease> {
  readonly requestId: string;
}

/** Time to live after the expiry of a lease, in seconds, if no tick removes the item. */
const KEPT_SECONDS = 3_600;

/** Leases of all running requests of one model, shared by all functions. */
export class LeaseStore {
  readonly #table: ItemTable;
  readonly #partition: string;

  constructor(table: ItemTable, model: string) {
    this.#table = table;
    this.#partition = `LOAD#${model}`;
  }

  async put({ requestId, ...lease }: LoadLease): Promise<void> {
    await this.#table.put({
      pk: this.#partition,
      sk: requestId,
      ttl: Math.ceil(lease.until) + KEPT_SECONDS,
      ...lease,
    });
  }

  async remove(requestId: string): Promise<void> {
    await this.#table.delete(this.#partition, requestId);
  }

  async all(): Promise<readonly LoadLease[]> {
    const leases: LoadLease[] = [];
    for await (const item of this.#table.query(this.#partition)) {
      // An item that another version of the function wrote may not parse. It is ignored until its time to live ends.
      const { data } = leaseSchema.safeParse(item);
      if (data === undefined) continue;
      const { sk, ...lease } = data;
      leases.push({ requestId: sk, ...lease });
    }
    return leases;
  }
}

/** Whether the request is running: neither ended nor refused, and its lease has not expired. */
export function isRunning(lease: LoadLease, now: number): boolean {
  return lease.endedAt === undefined && lease.until > now;
}

/**
 * Whether a lease counts in the decision about a candidate: every request sees those that came before it, across functions, and
 * requests with a client do not see lines of batches.
 */
export function countsFor(lease: LoadLease, candidate: Pick<LoadLease, 'requestId' | 'cameAt' | 'batch'>): boolean {
  if (lease.batch === true && candidate.batch !== true) return false;
  if (lease.undecided !== true) return lease.requestId !== candidate.requestId;
  if (lease.cameAt !== candidate.cameAt) return lease.cameAt < candidate.cameAt;
  return lease.requestId < candidate.requestId;
}
