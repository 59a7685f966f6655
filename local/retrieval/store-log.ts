import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import type { Passage } from '../../lambda/retrieval/passage.ts';

const passageSchema = z.object({
  id: z.string(),
  fileId: z.string(),
  filename: z.string(),
  titlePath: z.array(z.string()),
  text: z.string(),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

/** A passage as it is kept: with its vector, in base64 of float32, if there is an embedding model. */
export interface KeptPassage extends Passage {
  readonly vector?: Float32Array;
}

const entrySchema = z.union([
  z.object({ put: passageSchema, vector: z.string().optional() }),
  z.object({ remove: z.array(z.string()) }),
]);

/**
 * The passages of a store as a log of what was put and removed, one JSON object per line. A write is on the disk before it is done. A
 * line that a killed process did not finish is cut off.
 */
export class StoreLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads all passages. @returns them by id, and the number of lines */
  async read(): Promise<{ readonly passages: Map<string, KeptPassage>; readonly lines: number }> {
    const passages = new Map<string, KeptPassage>();
    if (!existsSync(this.#path)) return { passages, lines: 0 };
    const bytes = await readFile(this.#path);
    const end = bytes.lastIndexOf('\n') + 1;
    if (end < bytes.length) await truncate(this.#path, end);
    let lines = 0;
    for (const line of bytes.subarray(0, end).toString('utf8').split('\n')) {
      if (line === '') continue;
      lines++;
      const entry = entrySchema.parse(JSON.parse(line));
      if ('remove' in entry) for (const id of entry.remove) passages.delete(id);
      else
        passages.set(entry.put.id, {
          ...entry.put,
          ...(entry.vector === undefined ? {} : { vector: toVector(entry.vector) }),
        });
    }
    return { passages, lines };
  }

  async put(passages: readonly KeptPassage[]): Promise<void> {
    await this.#append(passages.map(toLine));
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#append([`${JSON.stringify({ remove: ids })}\n`]);
  }

  /** Writes the log anew, with these passages only. It is there as a whole or not at all. */
  async rewrite(passages: Iterable<KeptPassage>): Promise<void> {
    const unfinished = `${this.#path}.tmp`;
    const file = await open(unfinished, 'w', 0o600);
    try {
      for (const passage of passages) await file.write(toLine(passage));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, this.#path);
  }

  async delete(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  async #append(lines: readonly string[]): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const file = await open(this.#path, 'a', 0o600);
    try {
      await file.write(lines.join(''));
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

function toLine({ vector, ...passage }: KeptPassage): string {
  return `${JSON.stringify({ put: passage, ...(vector === undefined ? {} : { vector: toText(vector) }) })}\n`;
}

function toText(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

function toVector(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
