import type { ObjectStore } from './objects.ts';

/** Objects in the memory of a process, lost at its end. */
export class MemoryObjects implements ObjectStore {
  readonly #texts = new Map<string, string>();

  /** Names of all objects, sorted. */
  get names(): readonly string[] {
    return [...this.#texts.keys()].toSorted();
  }

  async put(name: string, text: string): Promise<void> {
    this.#texts.set(name, text);
  }

  async get(name: string): Promise<string | undefined> {
    return this.#texts.get(name);
  }

  async delete(name: string): Promise<void> {
    this.#texts.delete(name);
  }
}
