import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UsageError } from '../../usage-error.ts';

/** Endings of files with training rows, as training/sft reads them. */
const ENDINGS = ['.jsonl', '.json', '.parquet'];

/**
 * The files of a path: the file itself, or all data files of a folder in the order of their names.
 *
 * @throws {UsageError} if there are none
 */
export async function dataFiles(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined)
    throw new UsageError(`${path} does not exist. Give the file or the folder with the training data.`);
  if (!found.isDirectory()) {
    if (ENDINGS.includes(extname(path))) return [path];
    throw new UsageError(
      `${path} is none of ${ENDINGS.join(', ')}. Write the training data as JSONL: one object a line.`,
    );
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && ENDINGS.includes(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  if (files.length > 0) return files;
  throw new UsageError(`${path} has no file that ends in ${ENDINGS.join(', ')}. Put the training data there as JSONL.`);
}
