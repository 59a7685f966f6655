import type { Job } from './job.ts';

interface Prefix {
  tokens: number;
  /** Requests inside that begin with it. */
  users: number;
}

/**
 * Beginnings of prompts in the KV cache of one copy (vLLM's prefix caching). A beginning is held once for all requests that share it, and
 * stays after them until its place is needed: the least recently used one goes first.
 */
export class PrefixCache {
  /** In the order of their last use. */
  readonly #prefixes = new Map<number, Prefix>();
  /** Tokens in the cache beyond those that the requests inside count in their contexts. Negative if requests share a beginning. */
  extra = 0;
  #idle = 0;

  /** `extra`, without the beginnings that no request uses. */
  get inUse(): number {
    return this.extra - this.#idle;
  }

  /** Tokens that the cache must have for the request. */
  needed(job: Job): number {
    if (job.prefix === 0) return job.contextTokens;
    const held = this.#prefixes.get(job.prefix);
    if (held === undefined) return job.contextTokens;
    // An idle beginning does not count in `inUse`, so its tokens are needed as well.
    if (held.users === 0) return job.contextTokens + Math.max(0, held.tokens - job.keptTokens);
    return job.contextTokens - Math.min(held.tokens, job.keptTokens);
  }

  /** Counts a request that comes in. Returns how many tokens of its prompt are cached. */
  enter(job: Job): number {
    const kept = job.keptTokens;
    if (kept === 0) return 0;
    const held = this.#prefixes.get(job.prefix) ?? { tokens: 0, users: 0 };
    const found = Math.min(held.tokens, job.sharedTokens);
    if (held.users === 0) this.#idle -= held.tokens;
    this.extra += Math.max(held.tokens, kept) - held.tokens - kept;
    held.tokens = Math.max(held.tokens, kept);
    held.users += 1;
    job.sharedHeld = kept;
    this.#prefixes.delete(job.prefix);
    this.#prefixes.set(job.prefix, held);
    return found;
  }

  /** Counts a request that leaves. Its beginning stays. */
  leave(job: Job): void {
    if (job.sharedHeld === 0) return;
    this.extra += job.sharedHeld;
    job.sharedHeld = 0;
    const held = this.#prefixes.get(job.prefix);
    if (held === undefined) return;
    held.users -= 1;
    if (held.users === 0) this.#idle += held.tokens;
  }

  /** Drops the least recently used beginning without a user. Returns whether there was one. */
  evict(): boolean {
    if (this.#idle === 0) return false;
    for (const [prefix, { tokens, users }] of this.#prefixes) {
      if (users > 0) continue;
      this.#prefixes.delete(prefix);
      this.extra -= tokens;
      this.#idle -= tokens;
      return true;
    }
    return false;
  }
}
