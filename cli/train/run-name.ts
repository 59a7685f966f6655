import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { UsageError } from '../usage-error.ts';
import { dataFiles } from './data/data-files.ts';

/** Most characters of a run's name on this machine. On AWS the name of the stage takes a part of 63. */
const MAX_LENGTH = 63;

/** @throws {UsageError} if the text cannot be the name of a run: letters, digits and single dashes, as SageMaker's names */
export function parseRunName(name: string, maxLength = MAX_LENGTH): string {
  if (/^[A-Za-z0-9](?:-?[A-Za-z0-9])*$/.test(name) && name.length <= maxLength) return name;
  throw new UsageError(
    `${JSON.stringify(name)} is no name of a run. Write 1 to ${maxLength} letters, digits and dashes, which begins and ends with a letter or digit.`,
  );
}

/** SHA-256 of the bytes of a file or a folder of files, in the order of their names: 16 hexadecimal digits, as training/sft has it. */
export async function hashData(path: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of await dataFiles(path)) for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex').slice(0, 16);
}

/** Hash of what a run's result depends on: 8 hexadecimal digits. */
export function hashOf(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
}

/** A name for a run, from the day and a hash: `20261126-1f2e3d4c`. */
export function defaultRunName(hash: string, now: Date): string {
  return `${now.toISOString().slice(0, 10).replaceAll('-', '')}-${hash}`;
}
