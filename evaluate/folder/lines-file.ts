import { readFile, rename, writeFile } from 'node:fs/promises';
import * as z from 'zod';
import { UsageError } from '../../cli/usage-error.ts';

/** Reads a file of JSON lines. Removes an incomplete last line of an interrupted run, so that the next line starts a new one. */
export async function readWholeLines<T>(path: string, schema: z.ZodType<T>): Promise<readonly T[]> {
  const text = (await readOptional(path)) ?? '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) await writeFile(path, whole);
  return await readLines(path, schema);
}

/**
 * Reads a file of JSON lines. A file that does not exist has none.
 *
 * @throws {UsageError} that names the file and the line that cannot be read
 */
export async function readLines<T>(path: string, schema: z.ZodType<T>): Promise<readonly T[]> {
  const text = (await readOptional(path)) ?? '';
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const parsed = schema.safeParse(parseJson(line));
    if (parsed.success) return [parsed.data];
    throw new UsageError(
      `${path}, line ${index + 1}, cannot be read: ${z.prettifyError(parsed.error)}. Remove the line, or give another folder.`,
    );
  });
}

/** The text of a file; `undefined` if there is none. */
export async function readOptional(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new UsageError(`${path} cannot be read: ${cause.message}`);
  });
}

/** Writes a file as a whole: a failure leaves the file before. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

export function toLines(items: readonly unknown[]): string {
  return items.map((item) => `${JSON.stringify(item)}\n`).join('');
}

/** Parses JSON; `undefined` if it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
