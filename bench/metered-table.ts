import { MemoryTable } from '../lambda/storage/memory-table.ts';
import type { Item, ItemKey, QueryOptions } from '../lambda/storage/table.ts';

/** One operation and what DynamoDB would charge for it, in units of a consistent read of 4 KB and of a write of 1 KB. */
export interface Metered {
  readonly operation: string;
  readonly pk: string;
  readonly readUnits: number;
  readonly writeUnits: number;
  /** Items that were read. */
  readonly items: number;
}

/**
 * A table in memory that counts capacity units as DynamoDB does.
 *
 * Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/capacity-reads-writes.html and
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html (sizes of items)
 */
export class MeteredTable extends MemoryTable {
  readonly #listener: (metered: Metered) => void;

  constructor(listener: (metered: Metered) => void) {
    super();
    this.#listener = listener;
  }

  override async get(pk: string, sk: string): Promise<Item | undefined> {
    const item = await super.get(pk, sk);
    this.#read('get', pk, item === undefined ? [] : [item]);
    return item;
  }

  override async getMany(keys: readonly ItemKey[]): Promise<readonly Item[]> {
    const items: Item[] = [];
    for (const { pk, sk } of keys) {
      const item = await super.get(pk, sk);
      this.#read('getMany', pk, item === undefined ? [] : [item]);
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  override async put(item: Item & ItemKey): Promise<void> {
    await super.put(item);
    await this.#written('put', item);
  }

  override async putIfVersion(item: Item & ItemKey, before: number | undefined): Promise<boolean> {
    const done = await super.putIfVersion(item, before);
    // A write counts even if its condition fails. The put inside counts otherwise.
    if (!done) await this.#written('putIfVersion', item);
    return done;
  }

  override async delete(pk: string, sk: string): Promise<void> {
    await this.#written('delete', { pk, sk });
    await super.delete(pk, sk);
  }

  override async deleteMany(keys: readonly ItemKey[]): Promise<void> {
    for (const { pk, sk } of keys) await this.delete(pk, sk);
  }

  override async *query(pk: string, beginsWith?: string, options?: QueryOptions): AsyncGenerator<Item> {
    const items: Item[] = [];
    for await (const item of super.query(pk, beginsWith, options)) items.push(item);
    this.#read('query', pk, items);
    yield* items;
  }

  #read(operation: string, pk: string, items: readonly Item[]): void {
    const bytes = items.reduce((sum, item) => sum + sizeOf(item), 0);
    const readUnits = Math.max(1, Math.ceil(bytes / 4_096));
    this.#listener({ operation, pk, readUnits, writeUnits: 0, items: items.length });
  }

  async #written(operation: string, { pk, sk }: ItemKey): Promise<void> {
    const item = (await super.get(pk, sk)) ?? { pk, sk };
    const writeUnits = Math.max(1, Math.ceil(sizeOf(item) / 1_024));
    this.#listener({ operation, pk, readUnits: 0, writeUnits, items: 0 });
  }
}

/** Bytes of an item: names and values. */
export function sizeOf(item: Item): number {
  return Object.entries(item).reduce(
    (sum, [name, value]) => (value === undefined ? sum : sum + Buffer.byteLength(name) + sizeOfValue(value)),
    0,
  );
}

function sizeOfValue(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return 1 + Math.ceil(String(Math.abs(value)).replace(/[.]/, '').length / 2);
  if (Array.isArray(value)) return 3 + value.reduce<number>((sum, one) => sum + 1 + sizeOfValue(one), 0);
  return 1;
}
