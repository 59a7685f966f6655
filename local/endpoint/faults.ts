import type { ChunkFaults } from './completion-chunks.ts';
import type { RuntimeErrorAnswer } from './runtime-errors.ts';

/** How a stream ends that does not end well. */
type StreamBreak =
  | 'socket'
  | 'silent'
  | 'StreamBroken'
  | 'ModelInvocationTimeExceeded'
  | 'InternalStreamFailure'
  | 'corrupt';

/** What goes wrong with one call. */
export interface Fault extends ChunkFaults {
  /** The call fails before its first byte. */
  readonly error?: RuntimeErrorAnswer;
  /** The stream breaks after so many chunks. */
  readonly breakAfterChunks?: number;
  /** @default 'socket' */
  readonly breakBy?: StreamBreak;
  /** Before the first byte. Milliseconds. */
  readonly startDelayMs?: number;
}

/** The faults of the calls to come: each call takes the next one; when none is left, `always` holds. */
export class Faults {
  readonly #next: Fault[] = [];
  #always: Fault = {};

  /** Sets what goes wrong with the next calls, one fault a call. `{}` is a call that goes well. */
  next(...faults: readonly Fault[]): void {
    this.#next.push(...faults);
  }

  /** Sets what goes wrong with every call that has no fault of its own. */
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
