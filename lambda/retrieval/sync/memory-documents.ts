import { createHash } from 'node:crypto';
import { ChangedObjectError, type Documents, type StoredObject } from './documents.ts';

/** Documents in the memory of a process, lost at its end. */
export class MemoryDocuments implements Documents {
  readonly #objects = new Map<string, StoredObject>();

  /** Names of all objects, sorted. */
  get names(): readonly string[] {
    return [...this.#objects.keys()].toSorted();
  }

  async get(name: string): Promise<StoredObject | undefined> {
    return this.#objects.get(name);
  }

  async put(name: string, content: string | Uint8Array): Promise<void> {
    const bytes = Buffer.from(content);
    this.#objects.set(name, { bytes, version: createHash('sha256').update(bytes).digest('hex') });
  }

  async putIfUnchanged(name: string, text: string, version: string | undefined): Promise<string> {
    if (this.#objects.get(name)?.version !== version) throw new ChangedObjectError(`${name} was changed.`);
    await this.put(name, text);
    return this.#objects.get(name)?.version ?? '';
  }

  async delete(name: string): Promise<void> {
    this.#objects.delete(name);
  }
}
