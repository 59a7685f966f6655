/** The table did not do what it was asked: refused, throttled, not permitted, or without an answer in time. */
export class TableUnavailableError extends Error {
  override readonly name = 'TableUnavailableError';

  constructor(operation: string, cause: unknown) {
    const why = cause instanceof Error ? cause.name : typeof cause;
    super(`The table is unavailable: ${operation} failed with ${why}.`, { cause });
  }
}
