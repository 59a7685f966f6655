/** An object, and what changes with each write of it. */
export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly version: string;
}

/** Another writer changed the object since it was read. */
export class ChangedObjectError extends Error {
  override readonly name = 'ChangedObjectError';
}

/**
 * Objects of documents: files, which of them are in which store, and what is known of their passages. An object is there as a whole or
 * not at all, and a read after a write sees it.
 */
export interface Documents {
  get(name: string): Promise<StoredObject | undefined>;
  /** Writes an object, or replaces it. */
  put(name: string, content: string | Uint8Array): Promise<void>;
  /**
   * Writes an object if it is still of a version, or still missing.
   *
   * @returns its new version
   * @throws {ChangedObjectError} if it is not
   */
  putIfUnchanged(name: string, text: string, version: string | undefined): Promise<string>;
  /** Deletes an object, if it exists. */
  delete(name: string): Promise<void>;
}
