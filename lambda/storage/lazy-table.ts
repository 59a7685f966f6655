import type { CountingTable, Item, ItemKey, QueryOptions, Table } from './table.ts';

/** A DynamoDB table whose SDK client is loaded on first use, so that requests without a table access do not pay for it. */
export class LazyTable implements CountingTable {
  readonly #name: string;
  #loaded: Promise<Table> | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  async get(pk: string, sk: string): Promise<Item | undefined> {
    return await (await this.#table()).get(pk, sk);
  }

  async put(item: Item & ItemKey): Promise<void> {
    await (await this.#table()).put(item);
  }

  async putIfVersion(item: Item & ItemKey, before: number | undefined): Promise<boolean> {
    return await (await this.#table()).putIfVersion(item, before);
  }

  async delete(pk: string, sk: string): Promise<void> {
    await (await this.#table()).delete(pk, sk);
  }

  async getMany(keys: readonly ItemKey[]): Promise<readonly Item[]> {
    return await (await this.#table()).getMany(keys);
  }

  async deleteMany(keys: readonly ItemKey[]): Promise<void> {
    await (await this.#table()).deleteMany(keys);
  }

  async add(key: ItemKey, amounts: Readonly<Record<string, number>>, ttl: number): Promise<Item> {
    return await (await this.#table()).add(key, amounts, ttl);
  }

  async drop(key: ItemKey, attributes: readonly string[]): Promise<void> {
    await (await this.#table()).drop(key, attributes);
  }

  async *query(pk: string, beginsWith?: string, options?: QueryOptions): AsyncGenerator<Item> {
    yield* (await this.#table()).query(pk, beginsWith, options);
  }

  #table(): Promise<Table> {
    this.#loaded ??= import('./table.ts').then(({ Table }) => new Table(this.#name));
    return this.#loaded;
  }
}
