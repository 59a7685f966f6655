/** Speed of an emulated copy, as `CopySpeed` of simulate/ describes it. */
export interface CopyClockOptions {
  /** Duration of a step without prompts, in seconds. Every request that generates gets one token of it. */
  readonly stepSeconds: number;
  /** Prompt tokens that the copy computes per second. */
  readonly promptTokensPerSecond: number;
  /** Prompt tokens of one step, and those of one prompt among them at most. */
  readonly chunkTokens: number;
  readonly longPromptTokens: number;
}

/** Tokens of a block of the cache, as vLLM's, and the calls whose tokens it holds. */
const BLOCK_TOKENS = 16;
const CACHED_CALLS = 64;

interface Prompt {
  left: number;
  readonly done: () => void;
}

/**
 * The steps of an emulated copy, on which its requests wait. A step computes a part of each of the first prompts, in the order of arrival,
 * and generates one token for each request whose prompt is done: a prompt takes longer beside others, and tokens come later beside prompts.
 */
export class CopyClock {
  readonly #options: CopyClockOptions;
  readonly #prompts: Prompt[] = [];
  #tokens: (() => void)[] = [];
  /** Token ids of the last calls, the latest last: their beginnings cost no more computation. */
  readonly #cache: (readonly number[])[] = [];
  #steps = false;
  #seats = 0;

  constructor(options: CopyClockOptions) {
    this.#options = options;
  }

  /** Requests on the copy. */
  get seats(): number {
    return this.#seats;
  }

  /** Adds a request, until it leaves. */
  join(): CopySeat {
    this.#seats += 1;
    let left = false;
    let ids: number[] = [];
    return {
      cached: (prompt) => this.#cached(prompt),
      prompt: async (prompt) => {
        const tokens = prompt.length - this.#cached(prompt);
        ids = [...prompt];
        await this.#wait((done) => this.#prompts.push({ left: tokens, done }));
      },
      token: async (id) => {
        ids.push(id);
        await this.#wait((done) => this.#tokens.push(done));
      },
      leave: () => {
        if (left) return;
        left = true;
        this.#seats -= 1;
        this.#cache.push(ids);
        if (this.#cache.length > CACHED_CALLS) this.#cache.shift();
      },
    };
  }

  /** Tokens of a prompt, in whole blocks and never all of them, with which an earlier call began. */
  #cached(prompt: readonly number[]): number {
    const common = this.#cache.map((ids) => {
      const end = prompt.findIndex((id, index) => id !== ids[index]);
      return end < 0 ? prompt.length : end;
    });
    const blocks = Math.floor(Math.min(prompt.length - 1, Math.max(0, ...common)) / BLOCK_TOKENS);
    return blocks * BLOCK_TOKENS;
  }

  async #wait(add: (done: () => void) => void): Promise<void> {
    const waited = new Promise<void>(add);
    if (!this.#steps) void this.#run();
    await waited;
  }

  /** Makes steps as long as requests are on the copy, each after the planned end of the one before. */
  async #run(): Promise<void> {
    this.#steps = true;
    const { stepSeconds, promptTokensPerSecond, chunkTokens, longPromptTokens } = this.#options;
    let at = performance.now();
    while (this.#seats > 0) {
      let tokens = 0;
      const ready: Prompt[] = [];
      for (const prompt of this.#prompts.slice(0, Math.max(1, Math.floor(chunkTokens / longPromptTokens)))) {
        const part = Math.min(prompt.left, longPromptTokens);
        prompt.left -= part;
        tokens += part;
        if (prompt.left <= 0) ready.push(prompt);
      }
      at = Math.max(at + 1_000 * (stepSeconds + tokens / promptTokensPerSecond), performance.now());
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, at - performance.now())));
      for (const prompt of ready) {
        this.#prompts.splice(this.#prompts.indexOf(prompt), 1);
        prompt.done();
      }
      for (const done of this.#tokens.splice(0)) done();
    }
    this.#steps = false;
  }
}

/** A request on an emulated copy. */
export interface CopySeat {
  /** Tokens of a prompt that the copy's cache holds. */
  readonly cached: (prompt: readonly number[]) => number;
  /** Waits until the copy has computed a prompt of these ids, and with it the first token. */
  readonly prompt: (prompt: readonly number[]) => Promise<void>;
  /** Waits for the next step, which generates this token. */
  readonly token: (id: number) => Promise<void>;
  readonly leave: () => void;
}

/** The clocks of several copies, which requests join where the fewest are. */
export class CopyClocks {
  readonly #clocks: CopyClock[] = [];
  readonly #options: CopyClockOptions;

  constructor(options: CopyClockOptions) {
    this.#options = options;
  }

  /** Requests on each copy. */
  get seats(): readonly number[] {
    return this.#clocks.map(({ seats }) => seats);
  }

  /** @param copies that run, at least one */
  join(copies: number): CopySeat {
    while (this.#clocks.length < copies) this.#clocks.push(new CopyClock(this.#options));
    const running = this.#clocks.slice(0, Math.max(1, copies));
    return running.reduce((least, clock) => (clock.seats < least.seats ? clock : least)).join();
  }
}
