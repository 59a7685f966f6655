import { committedTokens, reservedTokens } from '../../lambda/policy/committed-tokens.ts';
import type { KeyLoad } from '../../lambda/policy/elastic-grant.ts';
import { expectedTokens, learnUseInPlace, unknownUse } from '../../lambda/policy/expected-use.ts';
import type { Load } from '../../lambda/policy/load.ts';
import type { Arrival, Job } from './job.ts';

/** Sums over the admitted requests that have not ended, in total and by key. The simulator's counterpart of the leases. */
export class RequestsInFlight {
  count = 0;
  readonly #use: number[] = [...unknownUse()];
  readonly #byKey = new Map<number, { reserved: number; requests: number }>();
  #reserved = 0;
  #limits = 0;
  /** Output of the requests in flight at the last sample. */
  #usedAtSample = 0;
  #activeKeys = 0;

  /** Expected output tokens of an arriving request. */
  expectedTokens({ maxThinkingTokens, maxAnswerTokens, minThinkingTokens }: Arrival): number {
    return expectedTokens(this.#use, maxThinkingTokens + maxAnswerTokens, minThinkingTokens);
  }

  /** The key's share of the load, counted as active. */
  keyLoad(key: number): KeyLoad {
    const { reserved, requests } = this.#keyOf(key);
    return { reservedTokens: reserved, activeKeys: this.#activeKeys + (requests === 0 ? 1 : 0) };
  }

  load(copies: number, startingCopies: number): Load {
    return {
      copies,
      startingCopies,
      requests: this.count,
      reservedTokens: this.#reserved,
      committedTokens: committedTokens({ limitTokens: this.#limits }, this.#usedAtSample),
    };
  }

  /** Adds a request with its granted maximum. */
  add(job: Job, { promptTokens, maxAnswerTokens, minThinkingTokens }: Arrival): void {
    const grant = { promptTokens, limitTokens: job.grantedTokens + maxAnswerTokens, minTokens: minThinkingTokens };
    job.limitTokens = committedTokens(grant, 0);
    job.reservedTokens = reservedTokens(grant, this.#use);
    this.count += 1;
    this.#reserved += job.reservedTokens;
    this.#limits += job.limitTokens;
    const key = this.#keyOf(job.key);
    if (key.requests === 0) this.#activeKeys += 1;
    key.requests += 1;
    key.reserved += job.reservedTokens;
  }

  /** Removes a request that has ended with this output. */
  remove(job: Job, outputTokens: number): void {
    this.count -= 1;
    this.#reserved -= job.reservedTokens;
    this.#limits -= job.limitTokens;
    this.#usedAtSample = Math.max(0, this.#usedAtSample - outputTokens);
    if (this.count === 0) {
      this.#reserved = 0;
      this.#limits = 0;
      this.#usedAtSample = 0;
    }
    const key = this.#keyOf(job.key);
    key.requests -= 1;
    key.reserved = key.requests === 0 ? 0 : key.reserved - job.reservedTokens;
    if (key.requests === 0) this.#activeKeys -= 1;
    learnUseInPlace(this.#use, job.limitTokens, outputTokens);
  }

  /** Frees the tokens that a request will not use, because its thinking is cut after `usedTokens`. */
  cut(job: Job, usedTokens: number): void {
    const less = Math.max(0, job.grantedTokens - usedTokens);
    this.#limits -= less;
    job.limitTokens -= less;
    const reserved = job.promptTokens + Math.min(job.reservedTokens - job.promptTokens, usedTokens + job.answerTokens);
    this.#reserved -= job.reservedTokens - reserved;
    this.#keyOf(job.key).reserved -= job.reservedTokens - reserved;
    job.reservedTokens = reserved;
  }

  /** Records the output of the requests in flight. */
  sample(usedTokens: number): void {
    this.#usedAtSample = Math.max(0, usedTokens);
  }

  #keyOf(key: number): { reserved: number; requests: number } {
    let found = this.#byKey.get(key);
    if (found === undefined) {
      found = { reserved: 0, requests: 0 };
      this.#byKey.set(key, found);
    }
    return found;
  }
}
