/**
 * Objects by name: the content of requests, which may be larger than an item of the table. A name consists of path segments of letters,
 * digits, `.`, `_` and `-`. An object is there as a whole or not at all.
 */
export interface ObjectStore {
  /** Writes an object, or replaces it. @throws {ObjectsUnavailableError} */
  put(name: string, text: string): Promise<void>;
  /** Returns the text of an object, or `undefined` if there is none. @throws {ObjectsUnavailableError} */
  get(name: string): Promise<string | undefined>;
  /** Deletes an object, if it exists. @throws {ObjectsUnavailableError} */
  delete(name: string): Promise<void>;
}

/** The store of objects did not do what it was asked: refused, throttled, not permitted, or without an answer in time. */
export class ObjectsUnavailableError extends Error {
  override readonly name = 'ObjectsUnavailableError';

  constructor(operation: string, cause: unknown) {
    const why = cause instanceof Error ? cause.name : typeof cause;
    super(`The store of content is unavailable: ${operation} failed with ${why}.`, { cause });
  }
}
