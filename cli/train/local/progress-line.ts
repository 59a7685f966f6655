import { progressText } from '../progress-text.ts';
import type { TrainingProgress } from '../training-log.ts';

/** Time between two lines of progress if the standard error is no terminal, in milliseconds. */
const LINE_MS = 10_000;

/** Progress on the standard error: one line that changes on a terminal, otherwise a line every ten seconds. */
export class ProgressLine {
  #shownAt = Number.NEGATIVE_INFINITY;
  #open = false;

  show(progress: TrainingProgress): void {
    const now = performance.now();
    const last = progress.step === progress.steps;
    if (now - this.#shownAt < (process.stderr.isTTY ? 200 : LINE_MS) && !last) return;
    this.#shownAt = now;
    this.#open = process.stderr.isTTY;
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${progressText(progress)}` : `${progressText(progress)}\n`);
  }

  end(): void {
    if (this.#open) process.stderr.write('\n');
    this.#open = false;
  }
}
