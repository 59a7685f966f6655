/** Time as a dependency, so that tests control it. */
export interface Clock {
  /** Monotonic time, in milliseconds. */
  now(): number;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
