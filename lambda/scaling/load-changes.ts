import type { CountingTable, Item } from '../storage/table.ts';
import { type LoadShare, type ShareField, shareFields, shareLetters } from './load-share.ts';
import { newestPeriod, periodOf } from './settled-load.ts';

/** Time to live of the changes after the last one, in seconds. */
const KEPT_SECONDS = 86_400;
/** Names in one update expression: DynamoDB takes at most 300 operators. */
const NAMES_A_TIME = 100;

/**
 * Changes of the load in one period: the sums of requests with a client and of lines of batches, refused requests that left a lease, or
 * the reserved tokens of a key.
 */
export interface Change {
  readonly period: number;
  readonly of: ShareField | 'refused' | { readonly key: string } | { readonly batch: ShareField };
  readonly amount: number;
}

const fieldOf = new Map<string, Exclude<Change['of'], { readonly key: string }>>([
  ...shareFields.map((field) => [shareLetters[field], field] as const),
  ...shareFields.map((field) => [batchLetterOf(field), { batch: field }] as const),
  ['x', 'refused'],
]);

function batchLetterOf(field: ShareField): string {
  return shareLetters[field].toUpperCase();
}

/** Which request a difference is of. */
export interface ChangeOf {
  /** Key whose reserved tokens are counted. If omitted, none. */
  readonly key?: string | undefined;
  /** Whether it is a line of a batch, which is counted apart. */
  readonly batch: boolean;
}

/**
 * What requests added to the load of a model since it was settled, or took from it: one item for each shard, which all functions
 * change by atomic additions. An attribute is named by what it sums and by its period: `n` and period 200 in base 36 is `n5k`, of lines
 * of batches `N5k`, and the reserved tokens of the key `key_a` are `k5k key_a`.
 */
export class LoadChanges {
  readonly #table: CountingTable;
  readonly #model: string;

  constructor(table: CountingTable, model: string) {
    this.#table = table;
    this.#model = model;
  }

  /**
   * Adds a difference to the current period of a shard. Never repeated by itself, because a repeated addition would count twice. If the
   * outcome is unknown, the next tick settles the load without it.
   *
   * @returns all changes of the shard, this one included
   */
  async add(
    shard: number,
    difference: LoadShare & { readonly refused?: number },
    { key, batch }: ChangeOf,
    now: number,
  ): Promise<readonly Change[]> {
    const period = periodOf(now).toString(36);
    const amounts = Object.fromEntries(
      [
        ...shareFields.map(
          (field) => [`${batch ? batchLetterOf(field) : shareLetters[field]}${period}`, difference[field]] as const,
        ),
        [`x${period}`, difference.refused ?? 0] as const,
        ...(key === undefined ? [] : [[`k${period} ${key}`, difference.reservedTokens] as const]),
      ].filter(([, amount]) => amount !== 0),
    );
    return changesOf(await this.#table.add(this.#keyOf(shard), amounts, Math.ceil(now) + KEPT_SECONDS));
  }

  /** Changes of several shards, as of now. */
  async read(shards: readonly number[]): Promise<readonly Change[]> {
    if (shards.length === 0) return [];
    return (await this.#table.getMany(shards.map((shard) => this.#keyOf(shard)))).flatMap(changesOf);
  }

  /** Deletes the changes before a period, and those of wrong clocks. */
  async forget(shards: readonly number[], before: number, now: number): Promise<void> {
    const items = await this.#table.getMany(shards.map((shard) => this.#keyOf(shard)));
    const newest = newestPeriod(now);
    await Promise.all(
      items.map(async (item) => {
        const old = namesOf(item).filter((name) => {
          const period = periodIn(name);
          return period < before || period > newest;
        });
        for (let start = 0; start < old.length; start += NAMES_A_TIME) {
          const names = old.slice(start, start + NAMES_A_TIME);
          await this.#table.drop({ pk: String(item['pk']), sk: String(item['sk']) }, names);
        }
      }),
    );
  }

  #keyOf(shard: number) {
    return { pk: `CHANGES#${this.#model}${shard === 0 ? '' : `#${shard}`}`, sk: 'load' };
  }
}

function changesOf(item: Item): readonly Change[] {
  return namesOf(item).flatMap((name): Change[] => {
    const amount = Number(item[name]);
    const period = periodIn(name);
    const keyed = /^k[0-9a-z]+ (.*)$/s.exec(name);
    if (keyed !== null) return [{ period, of: { key: keyed[1] ?? '' }, amount }];
    const of = fieldOf.get(name.slice(0, 1));
    return of === undefined ? [] : [{ period, of, amount }];
  });
}

function namesOf(item: Item): string[] {
  return Object.keys(item).filter((name) => name !== 'pk' && name !== 'sk' && name !== 'ttl');
}

function periodIn(name: string): number {
  return Number.parseInt(name.slice(1), 36);
}
