/** Time, so that tests can be exact. */
export interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
