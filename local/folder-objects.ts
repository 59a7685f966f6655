import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { type ObjectStore, ObjectsUnavailableError } from '../lambda/storage/objects.ts';

/** Ending of a file that is being written. */
const UNFINISHED = '.tmp';

/** An object as a file of the folder. */
export interface FolderObject {
  readonly name: string;
  /** Time of the last write, in milliseconds. */
  readonly writtenMs: number;
}

/**
 * Objects as files of a folder, which only its user may read. A file is written beside its place and renamed, so a process that is
 * killed leaves a whole object or none.
 */
export class FolderObjects implements ObjectStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = resolve(folder);
  }

  async put(name: string, content: string | Uint8Array): Promise<void> {
    const path = this.#pathOf(name);
    const unfinished = `${path}.${randomUUID()}${UNFINISHED}`;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const file = await open(unfinished, 'wx', 0o600);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(unfinished, path);
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw new ObjectsUnavailableError('put', error);
    }
  }

  async get(name: string): Promise<string | undefined> {
    return (await this.getBytes(name))?.toString('utf8');
  }

  async getBytes(name: string): Promise<Buffer | undefined> {
    try {
      return await readFile(this.#pathOf(name));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw new ObjectsUnavailableError('get', error);
    }
  }

  async delete(name: string): Promise<void> {
    try {
      await rm(this.#pathOf(name), { force: true });
    } catch (error) {
      throw new ObjectsUnavailableError('delete', error);
    }
  }

  /** All objects, and unfinished ones that a killed process left. */
  async *list(): AsyncGenerator<FolderObject> {
    const files = await readdir(this.#folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw new ObjectsUnavailableError('list', error);
    });
    for (const file of files) {
      if (!file.isFile()) continue;
      const path = join(file.parentPath, file.name);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined) continue;
      yield { name: path.slice(this.#folder.length + 1).replaceAll(sep, '/'), writtenMs: found.mtimeMs };
    }
  }

  #pathOf(name: string): string {
    const path = resolve(this.#folder, name);
    if (path.startsWith(this.#folder + sep)) return path;
    throw new Error(`The object ${JSON.stringify(name)} is not in the folder.`);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
