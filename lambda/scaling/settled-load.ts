import * as z from 'zod';
import type { ExpectedUse } from '../policy/expected-use.ts';
import type { EarlierShares, LoadLease } from './lease-store.ts';
import { type LoadShare, noShare, shareFields, shareOf, shareOfFields } from './load-share.ts';

/** Length of a period, in seconds. Changes of the load are added up by the period in which they were made. */
const PERIOD_SECONDS = 5;
/** Delay after which writes count as arrived in the table, in seconds. */
export const SETTLE_SECONDS = 2;
/** Keys whose shares are kept, those with the most reserved tokens. */
export const MAX_KEYS = 64;

/** Number of the period of a time, which is Unix time in seconds. */
export function periodOf(now: number): number {
  return Math.floor(now / PERIOD_SECONDS);
}

/** The last period whose changes count. A function with a wrong clock may write others. */
export function newestPeriod(now: number): number {
  return periodOf(now) + 1;
}

const sumsSchema = z.object({
  requests: z.int(),
  waitingRequests: z.int(),
  reservedTokens: z.int(),
  promptTokens: z.int(),
  waitingPromptTokens: z.int(),
  limitTokens: z.int(),
  usedTokens: z.int(),
});

/** The load before the period `since`, from the leases: exact, and the start of the changes that follow (LoadChanges). */
export const settledLoadSchema = z.object({
  since: z.int(),
  /** Of requests with a client. */
  sums: sumsSchema,
  /** Of lines of batches. If omitted, there are none. */
  batches: sumsSchema.optional(),
  /** Reserved tokens of requests with a client by key, at most MAX_KEYS, and the number of all keys with running requests. */
  keys: z.record(z.string(), z.number()),
  activeKeys: z.int(),
});
export type SettledLoad = z.infer<typeof settledLoadSchema>;

/**
 * Sums what the leases added to the load before the period `since`. What they added later is in the changes of that period and the next
 * ones, so both together are the current load. Leases that have expired are left out: their functions died.
 */
export function settle(
  leases: readonly LoadLease[],
  since: number,
  { now, use }: { readonly now: number; readonly use: ExpectedUse },
): SettledLoad {
  const byKey = new Map<string, number>();
  let sums = noShare;
  let batches = noShare;
  for (const lease of leases) {
    if (lease.endedAt === undefined && lease.until <= now) continue;
    const share = shareBefore(lease, since, { now, use });
    if (share.requests === 0) continue;
    if (lease.batch === true) {
      batches = plus(batches, share);
      continue;
    }
    sums = plus(sums, share);
    byKey.set(lease.key, (byKey.get(lease.key) ?? 0) + share.reservedTokens);
  }
  const kept = [...byKey].toSorted(([, a], [, b]) => b - a).slice(0, MAX_KEYS);
  return {
    ...{ since, sums, keys: Object.fromEntries(kept), activeKeys: byKey.size },
    ...(batches === noShare ? {} : { batches }),
  };
}

function plus(a: LoadShare, b: LoadShare): LoadShare {
  return shareOfFields((field) => a[field] + b[field]);
}

/** The share that a lease had when the period `since` began. */
function shareBefore(
  lease: LoadLease,
  since: number,
  { now, use }: { readonly now: number; readonly use: ExpectedUse },
): LoadShare {
  const newest = newestPeriod(now);
  const [, ...values] = (lease.earlier ?? []).find(([period = 0]) => period >= since && period <= newest) ?? [];
  return values.length === 0 ? shareOf(lease, use) : shareOfFields((_, index) => values[index] ?? 0);
}

/** Adds the share before a change to those of earlier periods. Drops the ones that no tick needs any more. */
export function withEarlier(earlier: EarlierShares, before: LoadShare, now: number): EarlierShares {
  const period = periodOf(now);
  const kept = earlier.filter(([at = 0]) => at >= periodOf(now - SETTLE_SECONDS) - 1);
  if (kept.some(([at]) => at === period)) return kept;
  return [...kept, [period, ...shareFields.map((field) => before[field])]];
}
