import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { UsageError } from '../usage-error.ts';
import type { WeightFile } from './weight-files.ts';

/**
 * The files of a folder on this machine.
 *
 * @throws {UsageError} if it is no folder.
 */
export async function folderFiles(folder: string): Promise<readonly WeightFile[]> {
  const names = await readdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new UsageError(
      `${folder} cannot be read as a folder: ${cause instanceof Error ? cause.message : String(cause)}.`,
    );
  });
  const files = await Promise.all(
    names.map(async (name): Promise<WeightFile | undefined> => {
      const path = join(folder, name);
      const found = await stat(path);
      if (!found.isFile()) return undefined;
      return {
        name: name.split(sep).join('/'),
        bytes: found.size,
        sha256: undefined,
        open: async (signal) => createReadStream(path, { highWaterMark: 1 << 20, signal }),
      };
    }),
  );
  return files.flatMap((file) => file ?? []);
}
