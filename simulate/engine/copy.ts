import FlatQueue from 'flatqueue';
import { Deque } from './deque.ts';
import type { Job } from './job.ts';
import { PrefixCache } from './prefix-cache.ts';

/** Speed and capacity of one copy. */
export interface CopySpeed {
  /** Base duration of a decode step (reading the weights), in seconds. */
  readonly stepSeconds: number;
  /** Time that each sequence adds to a step, in seconds. */
  readonly sequenceSeconds: number;
  /** Time that each token in the KV cache adds to a step, in seconds. */
  readonly cachedTokenSeconds: number;
  /** Prefill speed, in tokens per second. */
  readonly prefillTokensPerSecond: number;
  /** Prompt tokens that one step prefills (chunked prefill; vLLM's `--max-num-batched-tokens`). */
  readonly chunkTokens: number;
  /**
   * Tokens of one prompt that one step prefills at most (vLLM's `--long-prefill-token-threshold`). The rest of the chunk goes to the next
   * prompts.
   *
   * @default chunkTokens
   */
  readonly longPromptTokens?: number | undefined;
  /**
   * How far shorter prompts go ahead: a prompt waits as if it had come later by this many times its own prefill time. 0 is the order of
   * arrival. With s, a prompt of t seconds is never behind one that came more than s × t after it (vLLM's `--scheduling-policy priority`).
   *
   * @default 0
   */
  readonly promptStretch?: number | undefined;
  /** Capacity of the KV cache over all sequences, in tokens. */
  readonly cacheTokens: number;
  /** Maximum concurrent sequences. */
  readonly maxSequences: number;
}

/** Receives the events of a copy: the first token and the end of each call. */
export interface CopyListener {
  firstToken(job: Job, now: number): void;
  callEnded(job: Job, now: number): void;
}

/** Fraction of the cache that stays free when a request is admitted, as vLLM's watermark. */
const WATERMARK = 0.01;

/** Tokens to prefill if the context is cached: the last block, which is not full. */
const BLOCK_TOKENS = 16;

/**
 * A model server with continuous batching: each step generates one token per sequence and prefills a chunk of a waiting prompt.
 * A step takes `stepSeconds + sequences × sequenceSeconds + cached tokens × cachedTokenSeconds`, and
 * `chunkTokens / prefillTokensPerSecond` more with a prefill.
 *
 * The simulation advances from event to event: between two events the number of sequences is constant and the cache grows
 * linearly, so the time of any number of steps is a quadratic polynomial. If the cache is full, the latest sequence is preempted
 * and prefilled again later (vLLM's preemption by recomputation).
 *
 * Prompts share a step in chunks: the first `chunkTokens / longPromptTokens` of them get `longPromptTokens` each. The beginning of a prompt
 * that the cache still holds for an earlier request costs no prefill.
 */
export class Copy {
  readonly id: number;
  readonly instance: number;
  /** Time of the next event of this copy, in seconds, unless a call is added or cut before. */
  nextAt = Number.POSITIVE_INFINITY;
  draining = false;
  decoding = 0;
  prefilling = 0;
  /** Steps × sequences since the start: the generated tokens. */
  decodedTokens = 0;
  preemptions = 0;
  busySeconds = 0;

  readonly #speed: CopySpeed;
  readonly #listener: CopyListener;
  readonly #ends = new FlatQueue<Job>();
  /** Prompts that the next step works on, at most `#slots`, and admitted ones behind them. */
  readonly #prefills: Job[] = [];
  readonly #admitted = new Deque<Job>();
  readonly #waiting = new Deque<Job>();
  readonly #slots: number;
  /** Tokens of one prompt in one step. */
  readonly #perPrompt: number;
  readonly #prefixes = new PrefixCache();
  #at = 0;
  #steps = 0;
  #held = 0;
  #stepsToNext = 0;
  #promptTokensLeft = 0;
  #next: 'prefill' | 'end' | 'full' | 'nothing' = 'nothing';
  #newest: Job | undefined;

  constructor(id: number, instance: number, speed: CopySpeed, listener: CopyListener) {
    this.id = id;
    this.instance = instance;
    this.#speed = speed;
    this.#listener = listener;
    this.#perPrompt = Math.min(speed.chunkTokens, speed.longPromptTokens ?? speed.chunkTokens);
    this.#slots = Math.max(1, Math.floor(speed.chunkTokens / this.#perPrompt));
  }

  /** Seconds of prefill of all prompts that have no token yet. */
  get prefillSeconds(): number {
    return this.#promptTokensLeft / this.#speed.prefillTokensPerSecond;
  }

  /** Running and queued requests, as SageMaker's router and its concurrency metric count them. */
  get outstanding(): number {
    return this.decoding + this.prefilling + this.#waiting.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Tokens in the cache at the last event of this copy. */
  get heldTokens(): number {
    return this.#held;
  }

  /** Adds a call. @param cached whether the cache still holds its context, except the appended tokens */
  add(job: Job, now: number, cached: boolean): void {
    this.#advance(now);
    job.copy = this.id;
    job.prefillTokens = job.contextTokens;
    // A queued request loses its cached context to the running ones.
    if (cached && this.#waiting.length === 0 && this.#hasRoom(job)) {
      job.prefillTokens = Math.min(BLOCK_TOKENS, job.contextTokens);
    }
    this.#promptTokensLeft += job.prefillTokens;
    this.#queue(job, now);
    this.#admit();
    this.#plan(now);
  }

  /** Processes the event at `nextAt`. */
  run(): void {
    const now = this.nextAt;
    const due = this.#next;
    this.#advanceBy(this.#stepsToNext, now);
    if (due === 'prefill') this.#prefillDone(now);
    else if (due === 'end') this.#endDone(now);
    else if (due === 'full' && !this.#prefixes.evict()) this.#preempt(now);
    this.#admit();
    this.#plan(now);
  }

  /** Tokens of the running call at the last event of this copy; 0 before the first token. */
  tokensOf(job: Job): number {
    return job.endStep < 0 ? 0 : Math.min(job.tokensLeft - 1, Math.floor(this.#steps - job.startStep) + 1);
  }

  /** Ends all calls, as a copy that dies does. Returns their jobs, with the tokens that they have generated in their contexts. */
  fail(now: number): readonly Job[] {
    this.#advance(now);
    const jobs = [...this.#prefills.splice(0), ...this.#admitted.drain(), ...this.#waiting.drain()];
    for (let job = this.#newest; job !== undefined; job = job.before) {
      const done = this.tokensOf(job);
      this.decodedTokens -= this.#steps - job.startStep + 1 - done;
      job.contextTokens += done;
      job.tokensLeft -= done;
      jobs.push(job);
    }
    for (const job of jobs) {
      job.copy = -1;
      job.endStep = -1;
      job.sharedHeld = 0;
      job.before = undefined;
      job.after = undefined;
    }
    this.#newest = undefined;
    this.#ends.clear();
    this.decoding = 0;
    this.prefilling = 0;
    this.#held = 0;
    this.#promptTokensLeft = 0;
    this.#plan(now);
    return jobs;
  }

  /** Visits each decoding sequence, the newest first. `visit` must not change this copy. */
  eachDecoding(visit: (job: Job) => void): void {
    for (let job = this.#newest; job !== undefined; job = job.before) visit(job);
  }

  /** Ends a decoding call early. */
  cut(job: Job, now: number): void {
    this.#advance(now);
    const tokens = this.tokensOf(job);
    if (tokens > 0) {
      const partial = this.#steps - job.startStep + 1 - tokens;
      this.#held -= partial;
      this.decodedTokens -= partial;
      this.#unlink(job);
      job.tokensLeft = tokens;
      this.#leave(job, tokens);
      this.#listener.callEnded(job, now);
    }
    this.#admit();
    this.#plan(now);
  }

  /** Advances token counts and busy time to `now`, before they are read. */
  settle(now: number): void {
    this.#advance(now);
    this.#plan(now);
  }

  #prefillDone(now: number): void {
    let done = 0;
    for (let index = 1; index < this.#prefills.length; index++) {
      if ((this.#prefills[index]?.prefillTokens ?? 0) < (this.#prefills[done]?.prefillTokens ?? 0)) done = index;
    }
    const [job] = this.#prefills.splice(done, 1);
    if (job === undefined) return;
    this.#promptTokensLeft = Math.max(0, this.#promptTokensLeft - job.prefillTokens);
    this.#fillSlots();
    this.prefilling -= 1;
    this.decodedTokens += 1;
    this.#held += 1;
    this.#listener.firstToken(job, now);
    if (job.tokensLeft <= 1) {
      this.#leave(job, 1);
      this.#listener.callEnded(job, now);
      return;
    }
    job.startStep = this.#steps;
    job.endStep = this.#steps + job.tokensLeft - 1;
    job.before = this.#newest;
    job.after = undefined;
    if (this.#newest !== undefined) this.#newest.after = job;
    this.#newest = job;
    this.decoding += 1;
    this.#ends.push(job, job.endStep);
  }

  #endDone(now: number): void {
    const job = this.#ends.pop();
    if (job === undefined) return;
    this.#unlink(job);
    this.#leave(job, job.tokensLeft);
    this.#listener.callEnded(job, now);
  }

  /** Preempts the newest sequence: frees its cache and moves it to the head of the queue, to be prefilled again. */
  #preempt(now: number): void {
    const job = this.#newest;
    if (job === undefined) return;
    this.preemptions += 1;
    this.#unlink(job);
    const done = this.tokensOf(job);
    this.#held -= job.contextTokens + (this.#steps - job.startStep) + 1;
    this.decodedTokens -= this.#steps - job.startStep + 1 - done;
    job.contextTokens += done;
    job.tokensLeft -= done;
    job.prefillTokens = job.contextTokens;
    job.endStep = -1;
    this.#prefixes.leave(job);
    this.#promptTokensLeft += job.prefillTokens;
    if (this.#stretch > 0) this.#queue(job, now);
    else this.#waiting.unshift(job);
    this.#dropStale();
  }

  #leave(job: Job, tokens: number): void {
    job.contextTokens += tokens;
    job.tokensLeft -= tokens;
    job.endStep = -1;
    this.#held -= job.contextTokens;
    this.#prefixes.leave(job);
    if (this.decoding + this.prefilling === 0) this.#held = 0;
    this.#dropStale();
  }

  #unlink(job: Job): void {
    if (job.before !== undefined) job.before.after = job.after;
    if (job.after !== undefined) job.after.before = job.before;
    else this.#newest = job.before;
    job.before = undefined;
    job.after = undefined;
    this.decoding -= 1;
  }

  /** Drops queue entries of preempted sequences, which are no longer the ends of their jobs. */
  #dropStale(): void {
    let job = this.#ends.peek();
    while (job !== undefined && (job.endStep !== this.#ends.peekValue() || job.copy !== this.id)) {
      this.#ends.pop();
      job = this.#ends.peek();
    }
  }

  #hasRoom(job: Job): boolean {
    const inside = this.decoding + this.prefilling;
    if (inside === 0) return true;
    if (inside >= this.#speed.maxSequences) return false;
    const room = this.#speed.cacheTokens * (1 - WATERMARK) - this.#held - 1;
    return this.#prefixes.needed(job) <= room - this.#prefixes.inUse;
  }

  get #stretch(): number {
    return this.#speed.promptStretch ?? 0;
  }

  #queue(job: Job, now: number): void {
    if (this.#stretch === 0) {
      this.#waiting.push(job);
      return;
    }
    job.order = now + (this.#stretch * job.prefillTokens) / this.#speed.prefillTokensPerSecond;
    this.#waiting.insert(job, orderOf);
  }

  #fillSlots(): void {
    while (this.#prefills.length < this.#slots) {
      const job = this.#admitted.shift();
      if (job === undefined) return;
      this.#prefills.push(job);
    }
  }

  #admit(): void {
    for (;;) {
      const job = this.#waiting.peek();
      if (job === undefined || !this.#hasRoom(job)) return;
      this.#waiting.shift();
      this.#held += job.contextTokens;
      const found = this.#prefixes.enter(job);
      if (job.firstTokenAt < 0) job.cachedTokens = Math.min(found, job.promptTokens);
      const prefillTokens = Math.min(job.prefillTokens, Math.max(BLOCK_TOKENS, job.contextTokens - found));
      this.#promptTokensLeft += prefillTokens - job.prefillTokens;
      job.prefillTokens = prefillTokens;
      while (this.#held + this.#prefixes.extra > this.#speed.cacheTokens && this.#prefixes.evict());
      if (this.#stretch === 0) this.#admitted.push(job);
      else this.#admitted.insert(job, orderOf);
      this.prefilling += 1;
      this.#fillSlots();
    }
  }

  /** Duration of the next step in the current state, in seconds. */
  #stepNow(): number {
    const { stepSeconds, sequenceSeconds, cachedTokenSeconds, chunkTokens, prefillTokensPerSecond } = this.#speed;
    const decode = stepSeconds + sequenceSeconds * this.decoding + cachedTokenSeconds * this.#held;
    if (this.prefilling === 0) return decode;
    const chunk = Math.min(chunkTokens, this.#prefills.length * this.#perPrompt);
    return decode + chunk / prefillTokensPerSecond;
  }

  #plan(now: number): void {
    let steps = Number.POSITIVE_INFINITY;
    let next: 'prefill' | 'end' | 'full' | 'nothing' = 'nothing';
    if (this.prefilling > 0) {
      let left = Number.POSITIVE_INFINITY;
      for (const { prefillTokens } of this.#prefills) left = Math.min(left, prefillTokens);
      steps = left / this.#perPrompt;
      next = 'prefill';
    }
    if (this.decoding > 0) {
      const end = (this.#ends.peekValue() ?? Number.POSITIVE_INFINITY) - this.#steps;
      if (end < steps) {
        steps = end;
        next = 'end';
      }
      const full = (this.#speed.cacheTokens - this.#held - this.#prefixes.extra) / this.decoding;
      if (full < steps && this.decoding + this.prefilling > 1) {
        steps = full;
        next = 'full';
      }
    }
    this.#next = next;
    if (next === 'nothing') {
      this.nextAt = Number.POSITIVE_INFINITY;
      return;
    }
    this.#stepsToNext = Math.max(0, steps);
    this.nextAt = now + this.#secondsOf(this.#stepsToNext);
  }

  #secondsOf(steps: number): number {
    return this.#stepNow() * steps + (this.#speed.cachedTokenSeconds * this.decoding * steps * steps) / 2;
  }

  #advance(now: number): void {
    const seconds = now - this.#at;
    if (seconds <= 0 || this.decoding + this.prefilling === 0) {
      this.#at = now;
      return;
    }
    const first = this.#stepNow();
    const growth = this.#speed.cachedTokenSeconds * this.decoding;
    const steps = (2 * seconds) / (first + Math.sqrt(first * first + 2 * growth * seconds));
    this.#advanceBy(Math.min(steps, this.#stepsToNext), now);
  }

  #advanceBy(steps: number, now: number): void {
    this.busySeconds += now - this.#at;
    this.#at = now;
    this.#steps += steps;
    this.#held += steps * this.decoding;
    this.decodedTokens += steps * this.decoding;
    this.#stepsToNext -= steps;
    const prefilled = steps * this.#perPrompt;
    for (const job of this.#prefills) {
      job.prefillTokens -= prefilled;
      this.#promptTokensLeft -= prefilled;
    }
  }
}

function orderOf({ order }: Job): number {
  return order;
}
