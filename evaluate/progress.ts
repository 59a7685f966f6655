/** Shows the progress of a long run: one line that is updated in a terminal, or a line every 15 s elsewhere. */
export class Progress {
  readonly #total: number;
  readonly #stream: NodeJS.WriteStream;
  readonly #startedAt = performance.now();
  #done = 0;
  #lastShown = Number.NEGATIVE_INFINITY;

  constructor(total: number, stream: NodeJS.WriteStream = process.stderr) {
    this.#total = total;
    this.#stream = stream;
  }

  step(): void {
    this.#done++;
    const now = performance.now();
    const every = this.#stream.isTTY ? 100 : 15_000;
    if (now - this.#lastShown < every && this.#done < this.#total) return;
    this.#lastShown = now;
    const left = ((now - this.#startedAt) / this.#done) * (this.#total - this.#done);
    const line = `${this.#done}/${this.#total} answers, ${Math.ceil(left / 1_000)} s left`;
    const bar = '█'.repeat(Math.round((this.#done / this.#total) * 30)).padEnd(30, '░');
    this.#stream.write(
      this.#stream.isTTY ? `\r${bar} ${line}   ${this.#done === this.#total ? '\n' : ''}` : `${line}\n`,
    );
  }
}
