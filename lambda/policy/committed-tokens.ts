import type { ExpectedUse } from './expected-use.ts';
import { expectedTokens } from './expected-use.ts';
import type { Load } from './load.ts';

/** What a request was granted when it was admitted. Tokens. */
export interface Grant {
  readonly promptTokens: number;
  /** Thinking and answer at most, over all samples. */
  readonly limitTokens: number;
  /** Thinking at least, over all samples. */
  readonly minTokens: number;
}

/** An admitted request in the ledger. Its function renews the lease; of a function that died it runs out. */
export interface Lease extends Grant {
  /** Whose request it is. */
  readonly key: string;
  /** Thinking and answer so far, when the lease was last renewed. */
  readonly usedTokens: number;
  /** Unix time from which it counts no more. Seconds. */
  readonly until: number;
}

/** Tokens that the request may still use. Known at admission, since limits are exact. */
export function committedTokens({ limitTokens }: Pick<Grant, 'limitTokens'>, usedTokens: number): number {
  return Math.max(0, limitTokens - usedTokens);
}

/** Prompt and output that the request is expected to have when it ends. */
export function reservedTokens(grant: Grant, use: ExpectedUse): number {
  return grant.promptTokens + expectedTokens(use, grant.limitTokens, grant.minTokens);
}

/** The load that the leases of an endpoint make, and how it is shared among keys. Leases that ran out count nothing. */
export function loadOfLeases(
  leases: Iterable<Lease>,
  {
    now,
    use,
    copies,
    startingCopies,
  }: { readonly now: number; readonly use: ExpectedUse; readonly copies: number; readonly startingCopies: number },
): { readonly load: Load; readonly reservedByKey: ReadonlyMap<string, number> } {
  const reservedByKey = new Map<string, number>();
  let requests = 0;
  let reserved = 0;
  let committed = 0;
  for (const lease of leases) {
    if (lease.until <= now) continue;
    const tokens = reservedTokens(lease, use);
    requests += 1;
    reserved += tokens;
    committed += committedTokens(lease, lease.usedTokens);
    reservedByKey.set(lease.key, (reservedByKey.get(lease.key) ?? 0) + tokens);
  }
  return {
    load: { copies, startingCopies, requests, reservedTokens: reserved, committedTokens: committed },
    reservedByKey,
  };
}
