import FlatQueue from 'flatqueue';
import { Deque } from './deque.ts';
import type { Job } from './job.ts';

/** How fast one copy is, and what it holds. */
export interface CopySpeed {
  /** One step with nothing to do but to read the weights. Seconds. */
  readonly stepSeconds: number;
  /** What each sequence adds to a step. Seconds. */
  readonly sequenceSeconds: number;
  /** What each token in the KV cache adds to a step. Seconds. */
  readonly cachedTokenSeconds: number;
  /** Prompt tokens that are evaluated a second. */
  readonly prefillTokensPerSecond: number;
  /** Prompt tokens that one step takes along (chunked prefill). */
  readonly chunkTokens: number;
  /** Tokens that the KV cache holds, of all sequences. */
  readonly cacheTokens: number;
  /** Sequences at once. */
  readonly maxSequences: number;
}

/** What a copy tells of: the first token of a call, its last token, a sequence that had to make room. */
export interface CopyListener {
  firstToken(job: Job, now: number): void;
  callEnded(job: Job, now: number): void;
}

/** Part of the cache that is kept free when a request is let in, as vLLM's watermark. */
const WATERMARK = 0.01;

/** Tokens that are evaluated again where a context is in the cache: the last block, which is not full. */
const BLOCK_TOKENS = 16;

/**
 * A model server with continuous batching: each step gives every sequence one token, and takes a part of a waiting prompt
 * along. A step takes `stepSeconds + sequences × sequenceSeconds + cached tokens × cachedTokenSeconds`, and with a prompt
 * `chunkTokens / prefillTokensPerSecond` more.
 *
 * Time goes from event to event: between two events the number of sequences is constant and the cache grows evenly, so the time
 * of any number of steps is a polynomial of the second degree. Where the cache is full, the sequence that came last makes
 * room and is evaluated again later (vLLM's preemption by recomputing).
 */
export class Copy {
  readonly id: number;
  readonly instance: number;
  /** When something happens next here, if nothing comes from outside. Seconds. */
  nextAt = Number.POSITIVE_INFINITY;
  draining = false;
  decoding = 0;
  prefilling = 0;
  /** Steps × sequences since the start, so tokens. */
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

  /** Requests here, waiting ones included: what SageMaker's router and its concurrency metric see. */
  get outstanding(): number {
    return this.decoding + this.prefilling + this.#waiting.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Tokens in the cache, as of the last event here. */
  get heldTokens(): number {
    return this.#held;
  }

  /** Takes a call. @param cached whether the cache still holds all of its context but what was appended. */
  add(job: Job, now: number, cached: boolean): void {
    this.#advance(now);
    job.copy = this.id;
    job.prefillTokens = job.contextTokens;
    // What waits loses its place in the cache to those who do not.
    if (cached && this.#waiting.length === 0 && this.#hasRoom(job)) {
      job.prefillTokens = Math.min(BLOCK_TOKENS, job.contextTokens);
    }
    this.#waiting.push(job);
    this.#letIn();
    this.#plan(now);
  }

  /** Does what is due at `nextAt`. */
  run(): void {
    const now = this.nextAt;
    const due = this.#next;
    this.#advanceBy(this.#stepsToNext, now);
    if (due === 'prefill') this.#prefillDone(now);
    else if (due === 'end') this.#endDone(now);
    else if (due === 'full') this.#makeRoom();
    this.#letIn();
    this.#plan(now);
  }

  /** Tokens of the running call so far; 0 before the first. As of the last event here. */
  tokensOf(job: Job): number {
    return job.endStep < 0 ? 0 : Math.min(job.tokensLeft - 1, Math.floor(this.#steps - job.startStep) + 1);
  }

  /** Calls each sequence that is decoded here, the newest first. `visit` changes nothing here. */
  eachDecoding(visit: (job: Job) => void): void {
    for (let job = this.#newest; job !== undefined; job = job.before) visit(job);
  }

  /** Ends a call that is decoded here before its time. */
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
    this.#letIn();
    this.#plan(now);
  }

  /** Brings tokens and busy time up to now, for who reads them. */
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

  /** The newest sequence gives its cache back and goes to the head of the line; it has to be evaluated again. */
  #makeRoom(): void {
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

  /** Ends of sequences that had to make room are still queued: they are not their jobs' ends any more. */
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

  #letIn(): void {
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

  /** Seconds of the next step, as things are. */
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
