/** Settings of the local endpoint's emulated copies. */
export interface CopyFleetOptions {
  /** Initial number of copies. */
  readonly copies: number;
  /** Start time of a copy, in seconds. */
  readonly startSeconds: number;
  /** Concurrent requests of one copy; further requests queue. Minimum: 1. */
  readonly requestsPerCopy: number;
}

/** Emulates the copies of an inference component, with their start times and concurrency. */
export class CopyFleet {
  readonly #options: CopyFleetOptions;
  readonly #starts = new Set<NodeJS.Timeout>();
  readonly #queue: { readonly go: () => void }[] = [];
  #running: number;
  #requests = 0;
  #failure: string | undefined;
  #fails: string | undefined;

  constructor(options: CopyFleetOptions) {
    this.#options = options;
    this.#running = options.copies;
  }

  /** Copies that take requests. */
  get running(): number {
    return this.#running;
  }

  /** Desired copies: running and starting. */
  get desired(): number {
    return this.#running + this.#starts.size;
  }

  /** Running requests. */
  get requests(): number {
    return this.#requests;
  }

  /** Requests that wait for a place. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Why the last start failed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Makes all further starts fail with this reason, or succeed again if it is `undefined`. */
  failStarts(why: string | undefined): void {
    this.#fails = why;
  }

  setDesired(copies: number): void {
    while (this.desired < copies) this.#start();
    for (const start of [...this.#starts].toReversed()) {
      if (this.desired <= copies) break;
      clearTimeout(start);
      this.#starts.delete(start);
    }
    // A removed copy finishes its running requests.
    this.#running = Math.min(this.#running, copies);
    if (this.#running > 0) return;
    for (const { go } of this.#queue.splice(0)) go();
  }

  /**
   * Waits for a place on a copy.
   *
   * @returns a function that releases the place, or `undefined` if no copy runs
   */
  async take(signal: AbortSignal): Promise<(() => void) | undefined> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#running === 0) return undefined;
      if (this.#requests < this.#running * this.#options.requestsPerCopy) break;
      await this.#wait(signal);
    }
    this.#requests++;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#requests--;
      this.#queue.shift()?.go();
    };
  }

  close(): void {
    for (const start of this.#starts) clearTimeout(start);
    this.#starts.clear();
  }

  #start(): void {
    const fails = this.#fails;
    const start = setTimeout(() => {
      this.#starts.delete(start);
      this.#failure = fails;
      if (fails !== undefined) return;
      this.#running++;
      for (let place = 0; place < this.#options.requestsPerCopy; place++) this.#queue.shift()?.go();
    }, this.#options.startSeconds * 1_000);
    start.unref();
    this.#starts.add(start);
  }

  async #wait(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const waiter = {
        go: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = () => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#queue.push(waiter);
    });
  }
}
