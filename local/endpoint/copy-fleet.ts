/** How the copies of the local endpoint behave. */
export interface CopyFleetOptions {
  /** Copies at the beginning. */
  readonly copies: number;
  /** How long a copy takes to start. Seconds. */
  readonly startSeconds: number;
  /** Requests that one copy runs at once; more wait in line. Minimum: 1. */
  readonly requestsPerCopy: number;
}

/** The copies of an inference component: they take time to start, and a number of requests each. */
export class CopyFleet {
  readonly #options: CopyFleetOptions;
  readonly #starts = new Set<NodeJS.Timeout>();
  readonly #line: { readonly go: () => void }[] = [];
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

  /** Copies that there should be. */
  get desired(): number {
    return this.#running + this.#starts.size;
  }

  /** Requests that run. */
  get requests(): number {
    return this.#requests;
  }

  /** Requests that wait for a place. */
  get queued(): number {
    return this.#line.length;
  }

  /** Why the last start failed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Starts fail for this reason from now on; `undefined`: no more. */
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
    // A copy that is taken away finishes what it has.
    this.#running = Math.min(this.#running, copies);
    if (this.#running > 0) return;
    for (const { go } of this.#line.splice(0)) go();
  }

  /**
   * A place on a copy, when there is one.
   *
   * @returns what gives it back, or `undefined` where there is no copy
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
      this.#line.shift()?.go();
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
      for (let place = 0; place < this.#options.requestsPerCopy; place++) this.#line.shift()?.go();
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
        this.#line.splice(this.#line.indexOf(waiter), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#line.push(waiter);
    });
  }
}
