import FlatQueue from 'flatqueue';
import { Deque } from './deque.ts';
import type { Job } from './job.ts';

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
  /** Prompt tokens that one step prefills (chunked prefill). */
  readonly chunkTokens: number;
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
  readonly #prefills = new Deque<Job>();
  readonly #waiting = new Deque<Job>();
  #prefillLeft = 0;
  #at = 0;
  #steps = 0;
  #held = 0;
  #stepsToNext = 0;
  #next: 'prefill' | 'end' | 'full' | 'nothing' = 'nothing';
  #newest: Job | undefined;

  constructor(id: number, instance: number, speed: CopySpeed, listener: CopyListener) {
    this.id = id;
    this.instance = instance;
    this.#speed = speed;
    this.#listener = listener;
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
    this.#waiting.push(job);
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
    else if (due === 'full') this.#preempt();
    this.#admit();
    this.#plan(now);
  }

  /** Tokens of the running call at the last event of this copy; 0 before the first token. */
  tokensOf(job: Job): number {
    return job.endStep < 0 ? 0 : Math.min(job.tokensLeft - 1, Math.floor(this.#steps - job.startStep) + 1);
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
    const job = this.#prefills.shift();
    if (job === undefined) return;
    this.#prefillLeft = this.#prefills.peek()?.prefillTokens ?? 0;
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
  #preempt(): void {
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
    this.#waiting.unshift(job);
    this.#dropStale();
  }

  #leave(job: Job, tokens: number): void {
    job.contextTokens += tokens;
    job.tokensLeft -= tokens;
    job.endStep = -1;
    this.#held -= job.contextTokens;
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
    return (
      inside < this.#speed.maxSequences &&
      this.#held + job.contextTokens + 1 <= this.#speed.cacheTokens * (1 - WATERMARK)
    );
  }

  #admit(): void {
    for (;;) {
      const job = this.#waiting.peek();
      if (job === undefined || !this.#hasRoom(job)) return;
      this.#waiting.shift();
      this.#held += job.contextTokens;
      if (this.prefilling === 0) this.#prefillLeft = job.prefillTokens;
      this.#prefills.push(job);
      this.prefilling += 1;
    }
  }

  /** Duration of the next step in the current state, in seconds. */
  #stepNow(): number {
    const { stepSeconds, sequenceSeconds, cachedTokenSeconds, chunkTokens, prefillTokensPerSecond } = this.#speed;
    const decode = stepSeconds + sequenceSeconds * this.decoding + cachedTokenSeconds * this.#held;
    return this.prefilling > 0 ? decode + chunkTokens / prefillTokensPerSecond : decode;
  }

  #plan(now: number): void {
    let steps = Number.POSITIVE_INFINITY;
    let next: 'prefill' | 'end' | 'full' | 'nothing' = 'nothing';
    if (this.prefilling > 0) {
      steps = this.#prefillLeft / this.#speed.chunkTokens;
      next = 'prefill';
    }
    if (this.decoding > 0) {
      const end = (this.#ends.peekValue() ?? Number.POSITIVE_INFINITY) - this.#steps;
      if (end < steps) {
        steps = end;
        next = 'end';
      }
      const full = (this.#speed.cacheTokens - this.#held) / this.decoding;
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
    if (this.prefilling > 0) this.#prefillLeft -= steps * this.#speed.chunkTokens;
  }
}
