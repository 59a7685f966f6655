import type { Engine } from './engine.ts';

/** An engine that is loaded by its first call. A load that fails is tried again by the next call. */
export class LazyEngine {
  readonly #open: () => Promise<Engine>;
  #engine: Promise<Engine> | undefined;

  constructor(open: () => Promise<Engine>) {
    this.#open = open;
  }

  /** @throws {Error} if the model does not load */
  async load(): Promise<Engine> {
    this.#engine ??= this.#open();
    try {
      return await this.#engine;
    } catch (error) {
      this.#engine = undefined;
      throw error;
    }
  }

  /** Closes the engine if it was loaded. */
  async close(): Promise<void> {
    const engine = await this.#engine?.catch(() => undefined);
    await engine?.close();
  }
}
