import type { Progress } from './bring-weights.ts';

/** Time between two lines if they do not replace each other, in milliseconds. */
const LINE_MS = 15_000;
const REPLACED_MS = 1_000;

/** Progress on the standard error: bytes, rate and time left. On a terminal each line replaces the one before. */
export class ProgressLine {
  readonly #startedAt = performance.now();
  #shownAt = Number.NEGATIVE_INFINITY;

  show({ file, doneBytes, storedBytes, totalBytes }: Progress): void {
    const now = performance.now();
    const between = process.stderr.isTTY ? REPLACED_MS : LINE_MS;
    if (now - this.#shownAt < between && doneBytes < totalBytes) return;
    this.#shownAt = now;
    const seconds = Math.max(0.001, (now - this.#startedAt) / 1_000);
    const rate = (doneBytes - storedBytes) / seconds;
    const left = rate === 0 ? '' : `, ${Math.ceil((totalBytes - doneBytes) / rate)} s left`;
    this.#write(`${gigabytes(doneBytes)} of ${gigabytes(totalBytes)}, ${(rate / 1e6).toFixed(0)} MB/s${left}: ${file}`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\n');
  }

  #write(text: string): void {
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${text}` : `${text}\n`);
  }
}

/** A number of bytes as text, for instance `61.00 GB`. */
export function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
