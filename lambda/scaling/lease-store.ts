import * as z from 'zod';
import type { Lease } from '../policy/committed-tokens.ts';
import type { ItemTable } from '../storage/table.ts';

/**
 * A request in the ledger of load. One item for each request, written by its own function only: no item is written by two, however many
 * requests come.
 */
const leaseSchema = z.object({
  /** Id of the request. */
  sk: z.string(),
  key: z.string(),
  promptTokens: z.int(),
  limitTokens: z.int(),
  minTokens: z.int(),
  usedTokens: z.int(),
  until: z.number(),
  /** Thinking that was asked for and that is granted, over all samples; the floor below which it may not fall. */
  wantedThinking: z.int(),
  grantedThinking: z.int(),
  floorThinking: z.int(),
  usedThinking: z.int(),
  /** Whether its thought may be cut under load. */
  elastic: z.boolean(),
  /** Answer that it may have. Tokens, over all samples. */
  answerTokens: z.int(),
  /** Unix time when it came, and when it ended. Seconds, with fractions. */
  cameAt: z.number(),
  endedAt: z.number().optional(),
  /** Its function decides about it at this moment. It counts for those that came after it, as if it got all that it wants. */
  undecided: z.boolean().optional(),
  /** It was not let in: only what it asked for counts. */
  refused: z.boolean().optional(),
});
type LeaseItem = z.infer<typeof leaseSchema>;

export interface LoadLease extends Lease, Omit<LeaseItem, 'sk' | keyof Lease> {
  readonly requestId: string;
}

/** An item whose function died stays no longer than this, should nobody clear it away. Seconds. */
const KEPT_SECONDS = 3_600;

/** The requests under way on one model, of all functions. */
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
      // What another version of the function wrote, and this one cannot read, counts nothing; its time to live ends it.
      const { data } = leaseSchema.safeParse(item);
      if (data === undefined) continue;
      const { sk, ...lease } = data;
      leases.push({ requestId: sk, ...lease });
    }
    return leases;
  }
}

/** Whether it is under way: neither ended nor refused, and its function is alive. */
export function isUnderWay(lease: LoadLease, now: number): boolean {
  return lease.endedAt === undefined && lease.until > now;
}

/** Whether a request that asks has to reckon with this one: each with those before it, also where several functions decide at the same instant. */
export function countsFor(lease: LoadLease, asking: Pick<LoadLease, 'requestId' | 'cameAt'>): boolean {
  if (lease.undecided !== true) return lease.requestId !== asking.requestId;
  if (lease.cameAt !== asking.cameAt) return lease.cameAt < asking.cameAt;
  return lease.requestId < asking.requestId;
}
