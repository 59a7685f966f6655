import type { ChunkFaults } from './completion-chunks.ts';
import type { RuntimeErrorAnswer } from './runtime-errors.ts';

/** How a stream breaks off. */
type StreamBreak =
  | 'socket'
  | 'silent'
  | 'StreamBroken'
  | 'ModelInvocationTimeExceeded'
  | 'InternalStreamFailure'
  | 'corrupt';

/** Fault of one call. `{}` is a call without a fault. */
export interface Fault extends ChunkFaults {
  /** Error response before the first byte. */
  readonly error?: RuntimeErrorAnswer;
  /** Number of chunks after which the stream breaks off. */
  readonly breakAfterChunks?: number;
  /** @default 'socket' */
  readonly breakBy?: StreamBreak;
  /** Delay before the first byte, in milliseconds. */
  readonly startDelayMs?: number;
}

/** Faults of future calls. Each call takes the next queued fault; if the queue is empty, `always` applies. */
export class Faults {
  readonly #next: Fault[] = [];
  #always: Fault = {};

  /** Queues faults for the next calls, one per call. */
  next(...faults: readonly Fault[]): void {
    this.#next.push(...faults);
  }

  /** Sets the fault of every call without a queued fault. */
  always(fault: Fault): void {
    this.#always = fault;
  }

  clear(): void {
    this.#next.length = 0;
    this.#always = {};
  }

  take(): Fault {
    return this.#next.shift() ?? this.#always;
  }
}
