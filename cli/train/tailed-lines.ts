import { open } from 'node:fs/promises';

/** Reads the lines of a growing file: each call gives those that were completed since the last. */
export class TailedLines {
  readonly #path: string;
  #position = 0;
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  /** An empty list if nothing is new, or there is no file yet. */
  async read(): Promise<readonly string[]> {
    const file = await open(this.#path).catch(() => undefined);
    if (file === undefined) return [];
    try {
      const { size } = await file.stat();
      if (size <= this.#position) return [];
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - this.#position), 0, undefined, this.#position);
      this.#position += bytesRead;
      const bytes = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(10) + 1;
      this.#rest = Buffer.from(bytes.subarray(end));
      return bytes
        .subarray(0, end)
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== '');
    } finally {
      await file.close();
    }
  }
}
