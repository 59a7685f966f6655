import type { Bucket } from './bucket.ts';
import type { ObjectStore } from './objects.ts';

/** An S3 bucket whose SDK client is loaded on first use: requests that store nothing do not pay for it. */
export class LazyBucket implements ObjectStore {
  readonly #name: string;
  #loaded: Promise<Bucket> | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  async put(name: string, text: string): Promise<void> {
    await (await this.#bucket()).put(name, text);
  }

  async get(name: string): Promise<string | undefined> {
    return await (await this.#bucket()).get(name);
  }

  async delete(name: string): Promise<void> {
    await (await this.#bucket()).delete(name);
  }

  #bucket(): Promise<Bucket> {
    this.#loaded ??= import('./bucket.ts').then(({ Bucket }) => new Bucket(this.#name));
    return this.#loaded;
  }
}
