import { join } from 'node:path';
import { matchesFilter } from '../../lambda/retrieval/matches-filter.ts';
import type { Attributes, FoundPassage, Passage } from '../../lambda/retrieval/passage.ts';
import type { Embedder, IndexQuery, PassageIndex } from '../../lambda/retrieval/passage-index.ts';
import { type KeptPassage, StoreLog } from './store-log.ts';
import { WordIndex } from './word-index.ts';

/** Passages by their words that are fused with those by their meaning. */
const FUSED = 50;
/** Constant of reciprocal rank fusion. https://dl.acm.org/doi/10.1145/1571941.1572114 */
const FUSION = 60;
/** Lines of a log, as a multiple of its passages, at which it is written anew. */
const MAX_WASTE = 3;
const MIN_LINES = 1_000;

interface OpenStore {
  readonly passages: Map<string, KeptPassage>;
  readonly words: WordIndex;
  readonly log: StoreLog;
  lines: number;
}

/**
 * Passages in a folder of this machine, one log per store, with a {@link WordIndex} in memory that is built when a store is first used. With
 * an embedder there are vectors, too, and both rankings are fused: the score is then the sum of weight × 61 / (60 + rank) over both, weights
 * adding up to 1. Scores are from 0 to 1.
 */
export class EmbeddedIndex implements PassageIndex {
  readonly #folder: string;
  readonly #embedder: Embedder | undefined;
  readonly #stores = new Map<string, Promise<OpenStore>>();
  /** The last write of each store: they follow each other. */
  readonly #writes = new Map<string, Promise<unknown>>();

  constructor(folder: string, embedder?: Embedder) {
    this.#folder = folder;
    this.#embedder = embedder;
  }

  async put(storeId: string, passages: readonly Passage[]): Promise<void> {
    if (passages.length === 0) return;
    const vectors = await this.#embedder?.embed(
      passages.map(({ titlePath, text }) => [...titlePath, text].join('\n')),
      'passage',
    );
    const kept = passages.map((passage, at): KeptPassage => {
      const vector = vectors?.[at];
      return { ...passage, ...(vector === undefined ? {} : { vector }) };
    });
    await this.#write(storeId, async (store) => {
      await store.log.put(kept);
      store.lines += kept.length;
      for (const passage of kept) add(store, passage);
    });
  }

  async remove(storeId: string, ids: readonly string[]): Promise<void> {
    await this.#write(storeId, async (store) => {
      const known = ids.filter((id) => store.passages.has(id));
      if (known.length === 0) return;
      await store.log.remove(known);
      store.lines++;
      for (const id of known) forget(store, id);
      if (store.lines < Math.max(MIN_LINES, MAX_WASTE * store.passages.size)) return;
      await store.log.rewrite(store.passages.values());
      store.lines = store.passages.size;
    });
  }

  async setAttributes(storeId: string, ids: readonly string[], attributes: Attributes): Promise<void> {
    await this.#write(storeId, async (store) => {
      const changed = ids.flatMap((id) => {
        const passage = store.passages.get(id);
        return passage === undefined ? [] : [{ ...passage, attributes }];
      });
      if (changed.length === 0) return;
      await store.log.put(changed);
      store.lines += changed.length;
      for (const passage of changed) store.passages.set(passage.id, passage);
    });
  }

  async get(storeId: string, ids: readonly string[]): Promise<readonly Passage[]> {
    const { passages } = await this.#open(storeId);
    return ids.flatMap((id) => {
      const kept = passages.get(id);
      if (kept === undefined) return [];
      const { vector: _, ...passage } = kept;
      return [passage];
    });
  }

  async search(storeId: string, { text, filter, limit, hybrid }: IndexQuery): Promise<readonly FoundPassage[]> {
    const store = await this.#open(storeId);
    const allowed = (id: string) => {
      const passage = store.passages.get(id);
      return passage !== undefined && (filter === undefined || matchesFilter(filter, passage.attributes));
    };
    const candidates = this.#embedder === undefined ? limit : Math.max(limit, FUSED);
    const byText = store.words.search(text, candidates, allowed);
    const ranked =
      this.#embedder === undefined ? byText : fuse(byText, await this.#byVector(store, text, allowed), hybrid);
    return ranked.slice(0, limit).flatMap(({ id, score }) => {
      const passage = store.passages.get(id);
      if (passage === undefined) return [];
      const { vector: _, ...found } = passage;
      return [{ ...found, storeId, score }];
    });
  }

  async removeStore(storeId: string): Promise<void> {
    await this.#write(storeId, async (store) => {
      await store.log.delete();
      this.#stores.delete(storeId);
    });
  }

  async #byVector(store: OpenStore, text: string, allowed: (id: string) => boolean) {
    const [query] = (await this.#embedder?.embed([text], 'query')) ?? [];
    if (query === undefined) return [];
    return [...store.passages.values()]
      .flatMap(({ id, vector }) =>
        vector?.length === query.length && allowed(id) ? [{ id, score: cosine(query, vector) }] : [],
      )
      .toSorted((a, b) => b.score - a.score);
  }

  /** Runs after all writes of the store before it. */
  async #write(storeId: string, work: (store: OpenStore) => Promise<void>): Promise<void> {
    const before = this.#writes.get(storeId) ?? Promise.resolve();
    const done = before.then(async () => await work(await this.#open(storeId)));
    this.#writes.set(
      storeId,
      done.catch(() => undefined),
    );
    await done;
  }

  #open(storeId: string): Promise<OpenStore> {
    const known = this.#stores.get(storeId);
    if (known !== undefined) return known;
    const opened = this.#read(storeId).catch((error: unknown) => {
      this.#stores.delete(storeId);
      throw error;
    });
    this.#stores.set(storeId, opened);
    return opened;
  }

  async #read(storeId: string): Promise<OpenStore> {
    if (!/^[\w-]{1,100}$/.test(storeId)) throw new Error(`${JSON.stringify(storeId)} is no id of a store.`);
    const log = new StoreLog(join(this.#folder, `${storeId}.jsonl`));
    const { passages, lines } = await log.read();
    const store: OpenStore = { passages: new Map(), words: new WordIndex(), log, lines };
    for (const passage of passages.values()) add(store, passage);
    return store;
  }
}

function add(store: OpenStore, passage: KeptPassage): void {
  forget(store, passage.id);
  store.passages.set(passage.id, passage);
  store.words.add(toDocument(passage));
}

function forget(store: OpenStore, id: string): void {
  const passage = store.passages.get(id);
  if (passage === undefined) return;
  store.passages.delete(id);
  store.words.remove(toDocument(passage));
}

function toDocument({ id, filename, titlePath, text }: Passage) {
  return { id, title: [filename, ...titlePath].join('\n'), text };
}

interface Ranked {
  readonly id: string;
  readonly score: number;
}

/** Reciprocal rank fusion. The best of both rankings has the score 1. */
function fuse(
  byText: readonly Ranked[],
  byVector: readonly Ranked[],
  { textWeight, embeddingWeight }: NonNullable<IndexQuery['hybrid']> = { textWeight: 0.5, embeddingWeight: 0.5 },
): readonly Ranked[] {
  const total = textWeight + embeddingWeight;
  const scores = new Map<string, number>();
  for (const [ranking, weight] of [
    [byText, textWeight / total],
    [byVector, embeddingWeight / total],
  ] as const) {
    for (const [rank, { id }] of ranking.entries()) {
      scores.set(id, (scores.get(id) ?? 0) + (weight * (FUSION + 1)) / (FUSION + 1 + rank));
    }
  }
  return [...scores]
    .map(([id, score]) => ({ id, score }))
    .toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}

function cosine(a: Float32Array, b: Float32Array): number {
  let product = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let at = 0; at < a.length; at++) {
    const [x = 0, y = 0] = [a[at], b[at]];
    product += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  return squaresA === 0 || squaresB === 0 ? 0 : product / Math.sqrt(squaresA * squaresB);
}
