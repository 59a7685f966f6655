import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { documentExtensions, documentFormat } from '../../lambda/retrieval/read/document-format.ts';
import { UsageError } from '../usage-error.ts';

/** A document on this machine. */
export interface LocalDocument {
  readonly path: string;
  /** Its name in the store: the path from the given folder, with `/`. */
  readonly name: string;
  readonly bytes: number;
}

/** Folders that hold no documents of one's own. */
const SKIPPED = new Set(['node_modules', '__pycache__']);

/**
 * Finds all documents of a folder, in the order of their names, or the one of a file. Hidden files and folders are left out.
 *
 * @throws {UsageError} if there is no such file or folder, or no document in it
 */
export async function findDocuments(path: string): Promise<readonly LocalDocument[]> {
  const given = await stat(path).catch(() => undefined);
  if (given === undefined) throw new UsageError(`${path} does not exist. Give a folder or a file with documents.`);
  const found = given.isDirectory()
    ? await documentsIn(path, path)
    : documentFormat(path) === undefined
      ? []
      : [{ path, name: basename(path), bytes: given.size }];
  if (found.length > 0) return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  throw new UsageError(`${path} has no document. Documents end in .${documentExtensions.join(', .')}.`);
}

async function documentsIn(root: string, folder: string): Promise<LocalDocument[]> {
  const found: LocalDocument[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || SKIPPED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await documentsIn(root, path)));
    else if (entry.isFile() && documentFormat(entry.name) !== undefined) {
      found.push({ path, name: relative(root, path).replaceAll(sep, '/'), bytes: (await stat(path)).size });
    }
  }
  return found;
}
