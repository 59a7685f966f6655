import { createHash } from 'node:crypto';
import { ChangedObjectError, type Documents, type StoredObject } from '../../lambda/retrieval/sync/documents.ts';
import { FolderObjects } from '../folder-objects.ts';

/** Documents as files of a folder. Only one process may use it. */
export class FolderDocuments implements Documents {
  readonly #objects: FolderObjects;
  /** The last conditional write: they follow each other, so that none comes between the look and the write of another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#objects = new FolderObjects(folder);
  }

  async get(name: string): Promise<StoredObject | undefined> {
    const bytes = await this.#objects.getBytes(name);
    return bytes && { bytes, version: versionOf(bytes) };
  }

  async put(name: string, content: string | Uint8Array): Promise<void> {
    await this.#objects.put(name, content);
  }

  async putIfUnchanged(name: string, text: string, version: string | undefined): Promise<string> {
    const write = this.#last.then(async () => {
      if ((await this.get(name))?.version !== version) throw new ChangedObjectError(`${name} was changed.`);
      await this.#objects.put(name, text);
      return versionOf(text);
    });
    this.#last = write.catch(() => undefined);
    return await write;
  }

  async delete(name: string): Promise<void> {
    await this.#objects.delete(name);
  }
}

function versionOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
