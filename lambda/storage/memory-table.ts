import type { Item, ItemKey, ItemTable, QueryOptions } from './table.ts';

/** A table in the memory of its process, for a single process such as the local server. */
export class MemoryTable implements ItemTable {
  readonly #partitions = new Map<string, Map<string, Item>>();

  async get(pk: string, sk: string): Promise<Item | undefined> {
    return this.#partitions.get(pk)?.get(sk);
  }

  /** @throws {RangeError} for a number that DynamoDB or its client refuses, so that both tables take the same items */
  async put(item: Item & ItemKey): Promise<void> {
    checkNumbers(item);
    const partition = this.#partitions.get(item.pk) ?? new Map<string, Item>();
    this.#partitions.set(item.pk, partition);
    partition.set(item.sk, item);
  }

  async putIfVersion(item: Item & ItemKey, before: number | undefined): Promise<boolean> {
    const stored = this.#partitions.get(item.pk)?.get(item.sk);
    if (stored?.['version'] !== before) return false;
    await this.put({ ...item, version: (before ?? 0) + 1 });
    return true;
  }

  async delete(pk: string, sk: string): Promise<void> {
    this.#partitions.get(pk)?.delete(sk);
  }

  async *query(pk: string, beginsWith = '', { after }: QueryOptions = {}): AsyncGenerator<Item> {
    const items = [...(this.#partitions.get(pk)?.values() ?? [])];
    yield* items
      .filter(({ sk }) => String(sk).startsWith(beginsWith) && (after === undefined || String(sk) > after))
      .toSorted((a, b) => (String(a['sk']) < String(b['sk']) ? -1 : 1));
  }
}

/** Smallest magnitude of a number beside 0. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html */
const MIN_MAGNITUDE = 1e-130;

function checkNumbers(value: unknown): void {
  if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) checkNumbers(member);
  if (typeof value !== 'number' || value === 0) return;
  const size = Math.abs(value);
  // The client refuses integers that a number of JavaScript does not hold exactly.
  if (size >= MIN_MAGNITUDE && size <= Number.MAX_SAFE_INTEGER) return;
  throw new RangeError(`An item of the table cannot have the number ${value}.`);
}
