import type { ExpectedUse } from './expected-use.ts';
import { expectedTokens } from './expected-use.ts';
import type { Load } from './load.ts';

/** What a request was granted at admission, in tokens. */
export interface Grant {
  readonly promptTokens: number;
  /** Maximum of thinking and answer, over all samples. */
  readonly limitTokens: number;
  /** Minimum of thinking, over all samples. */
  readonly minTokens: number;
}

/** The load lease of an admitted request. The function that serves the request renews it; if the function dies, it expires. */
export interface Lease extends Grant {
  /** Id of the API key that sent the request. */
  readonly key: string;
  /** Thinking and answer tokens at the last renewal. */
  readonly usedTokens: number;
  /** Expiry, as Unix time in seconds. */
  readonly until: number;
}

/** Tokens that the request may still use. They are known at admission because limits are exact. */
export function committedTokens({ limitTokens }: Pick<Grant, 'limitTokens'>, usedTokens: number): number {
  return Math.max(0, limitTokens - usedTokens);
}

/** Prompt and output tokens that the request is expected to have when it ends. */
export function reservedTokens(grant: Grant, use: ExpectedUse): number {
  return grant.promptTokens + expectedTokens(use, grant.limitTokens, grant.minTokens);
}

/** Sums the leases of an endpoint to its load, in total and by key. Expired leases are ignored. */
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
