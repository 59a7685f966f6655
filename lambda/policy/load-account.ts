import { committedTokens, type Held, heldBy, type Lease } from './committed-tokens.ts';
import type { KeyLoad } from './elastic-grant.ts';
import type { ExpectedUse } from './expected-use.ts';
import type { Load } from './load.ts';

/** What a request gives back when it ends or its thought is cut, in tokens. See `release`. */
export interface Freed {
  /** 1 if the request has ended. */
  readonly requests: 0 | 1;
  /** 0 for a cut thought. */
  readonly promptTokens: number;
  readonly reservedTokens: number;
  readonly committedTokens: number;
  /** Reduction of the sum of all limits: the committed tokens and, at the end, those that were used. */
  readonly limitTokens: number;
}

/**
 * Sums over the running requests of an endpoint, in total and by key. The live API builds one from the leases of each snapshot; the
 * simulator keeps one and updates it. All values are whole tokens, so both ways give the same sums.
 */
export class LoadAccount<Key> {
  readonly #byKey = new Map<Key, { reserved: number; requests: number }>();
  #requests = 0;
  #reserved = 0;
  #limits = 0;
  #used = 0;
  #prompts = 0;
  #waitingPrompts = 0;
  #waiting = 0;
  #activeKeys = 0;

  get requests(): number {
    return this.#requests;
  }

  /** Thinking and answer that the running requests have generated. */
  get usedTokens(): number {
    return this.#used;
  }

  load(copies: number, startingCopies: number): Load {
    return {
      copies,
      startingCopies,
      requests: this.#requests,
      waitingRequests: this.#waiting,
      reservedTokens: this.#reserved,
      promptTokens: this.#prompts,
      waitingPromptTokens: this.#waitingPrompts,
      committedTokens: committedTokens({ limitTokens: this.#limits }, this.#used),
    };
  }

  /** The key's share of the load. The key counts as active even if none of its requests runs. */
  keyLoad(key: Key): KeyLoad {
    const { reserved, requests } = this.#keyOf(key);
    return { reservedTokens: reserved, activeKeys: this.#activeKeys + (requests === 0 ? 1 : 0) };
  }

  add(key: Key, { promptTokens, limitTokens, reservedTokens }: Held, usedTokens = 0): void {
    this.#prompts += promptTokens;
    if (usedTokens === 0) {
      this.#waitingPrompts += promptTokens;
      this.#waiting += 1;
    }
    this.#requests += 1;
    this.#reserved += reservedTokens;
    this.#limits += limitTokens;
    this.#used += Math.min(usedTokens, limitTokens);
    const sums = this.#keyOf(key);
    if (sums.requests === 0) this.#activeKeys += 1;
    sums.requests += 1;
    sums.reserved += reservedTokens;
  }

  /** Counts the first token of a request: its prompt waits no longer. */
  start({ promptTokens }: Pick<Held, 'promptTokens'>): void {
    this.#waitingPrompts -= promptTokens;
    this.#waiting -= 1;
  }

  /** Subtracts what a request of this key gives back. It must have started. */
  release(key: Key, { requests, promptTokens, reservedTokens, committedTokens: committed, limitTokens }: Freed): void {
    this.#prompts -= promptTokens;
    this.#requests -= requests;
    this.#reserved -= reservedTokens;
    this.#limits -= limitTokens;
    this.#used = Math.max(0, this.#used - (limitTokens - committed));
    const sums = this.#keyOf(key);
    sums.requests -= requests;
    sums.reserved -= reservedTokens;
    if (requests > 0 && sums.requests === 0) this.#activeKeys -= 1;
  }

  /** Sets the usage of all running requests, if it is measured in total. */
  measured(usedTokens: number): void {
    this.#used = Math.max(0, usedTokens);
  }

  /** An independent copy. */
  copy(): LoadAccount<Key> {
    const copy = new LoadAccount<Key>();
    for (const [key, sums] of this.#byKey) copy.#byKey.set(key, { ...sums });
    copy.#requests = this.#requests;
    copy.#reserved = this.#reserved;
    copy.#limits = this.#limits;
    copy.#used = this.#used;
    copy.#prompts = this.#prompts;
    copy.#waitingPrompts = this.#waitingPrompts;
    copy.#waiting = this.#waiting;
    copy.#activeKeys = this.#activeKeys;
    return copy;
  }

  #keyOf(key: Key): { reserved: number; requests: number } {
    let found = this.#byKey.get(key);
    if (found === undefined) {
      found = { reserved: 0, requests: 0 };
      this.#byKey.set(key, found);
    }
    return found;
  }
}

/** Sums the leases of an endpoint. Expired leases are ignored. */
export function accountOfLeases(
  leases: Iterable<Lease>,
  { now, use }: { readonly now: number; readonly use: ExpectedUse },
): LoadAccount<string> {
  const account = new LoadAccount<string>();
  for (const lease of leases) {
    if (lease.until > now) account.add(lease.key, heldBy(lease, use), lease.usedTokens);
  }
  return account;
}
