/**
 * Partitions over which the leases and changes of a busy model are spread. A decision reads one item of each, the scaling state and the
 * operator's settings: 16 items.
 */
export const SHARDS = 14;

/** From this many requests a second, or running at once, a model is busy. It is idle again below half of both. */
const BUSY = { perSecond: 10, running: 500 } as const;

/**
 * Partitions into which new requests write, and from which decisions read. One partition gives every decision the exact order of the
 * requests, and takes about 300 requests a second; a busy model has SHARDS.
 */
export interface Shards {
  readonly write: number;
  readonly read: number;
}

export const oneShard: Shards = { write: 1, read: 1 };

/** @param spread whether running requests are in other partitions than the first */
export function shardsAfter(
  { write: before }: Shards,
  { perSecond, running, spread }: { readonly perSecond: number; readonly running: number; readonly spread: boolean },
): Shards {
  const bound = before > 1 ? 0.5 : 1;
  const busy = perSecond >= BUSY.perSecond * bound || running >= BUSY.running * bound;
  const write = busy ? SHARDS : 1;
  return { write, read: spread ? SHARDS : Math.max(write, before) };
}

/** Partition of a request among `shards`. */
export function shardOf(requestId: string, shards: number): number {
  let hash = 0;
  for (let index = 0; index < requestId.length; index++) hash = (hash * 31 + requestId.charCodeAt(index)) >>> 0;
  return hash % shards;
}
