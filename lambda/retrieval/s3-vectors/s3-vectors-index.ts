import {
  DeleteVectorsCommand,
  GetVectorsCommand,
  type PutInputVector,
  PutVectorsCommand,
  QueryVectorsCommand,
  S3VectorsClient,
} from '@aws-sdk/client-s3vectors';
import * as z from 'zod';
import type { Attributes, FoundPassage, Passage } from '../passage.ts';
import type { Embedder, IndexQuery, PassageIndex } from '../passage-index.ts';
import { SEARCH_KEY } from './metadata-keys.ts';
import { TextQueryCommand } from './query-vectors.ts';
import { createSearchText } from './search-text.ts';
import { filterableMetadata, translateFilter, type VectorFilter } from './translate-filter.ts';

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html */
const s3VectorsLimits = {
  putVectors: 500,
  deleteVectors: 500,
  getVectors: 100,
  topK: 100,
  /** Payload of a request: 20 MiB, of which 1 is left for JSON's own signs. */
  requestBytes: 19 * 1024 ** 2,
  /** All metadata of a vector. */
  metadataBytes: 40 * 1024,
  /** Metadata that filters look at. */
  filterableBytes: 2 * 1024,
  queryCharacters: 1024,
} as const;

/** Vector of each passage if there is no embedder: a record needs one, and it must not be zero. docs/decisions/0031-vectors-of-text-only-stores.md */
const CONSTANT_VECTOR = [1];
/** BM25 score that counts as half. BM25 has no upper bound, and a score of a search is from 0 to 1. */
const HALF_BM25 = 8;

export interface S3VectorsIndexOptions {
  readonly indexArn: string;
  /** If omitted, search is by text alone. */
  readonly embedder?: Embedder | undefined;
  /** ISO 639-1 code of the language of most documents, as the index was created. */
  readonly language: string;
  /** The default client takes credentials and region from the environment. */
  readonly client?: S3VectorsClient;
}

/** Metadata of a vector, as `put` writes it. */
const storedMetadata = z.object({
  store: z.string(),
  text: z.string(),
  details: z.string().transform((text): Omit<Passage, 'id' | 'text'> => JSON.parse(text)),
});

/** Passages in an index of S3 Vectors, those of all stores in one. Search is by text, or by text and vectors. */
export class S3VectorsIndex implements PassageIndex {
  readonly #client: S3VectorsClient;
  readonly #indexArn: string;
  readonly #embedder: Embedder | undefined;
  readonly #searchText: (text: string) => string;

  constructor({ indexArn, embedder, language, client }: S3VectorsIndexOptions) {
    this.#client = client ?? new S3VectorsClient({ maxAttempts: 5 });
    this.#indexArn = indexArn;
    this.#embedder = embedder;
    this.#searchText = createSearchText(language);
  }

  async put(storeId: string, passages: readonly Passage[]): Promise<void> {
    for (const batch of inGroups(passages, s3VectorsLimits.putVectors)) {
      const vectors = await this.#vectorsOf(batch.map(({ titlePath, text }) => [...titlePath, text].join('\n')));
      await this.#putVectors(
        batch.map((passage, index) => ({
          key: keyOf(storeId, passage.id),
          data: { float32: vectors[index] ?? CONSTANT_VECTOR },
          metadata: this.#metadataOf(storeId, passage),
        })),
      );
    }
  }

  async remove(storeId: string, ids: readonly string[]): Promise<void> {
    await this.#deleteKeys(ids.map((id) => keyOf(storeId, id)));
  }

  async setAttributes(storeId: string, ids: readonly string[], attributes: Attributes): Promise<void> {
    for (const some of inGroups(ids, s3VectorsLimits.getVectors)) {
      const { vectors = [] } = await this.#client.send(
        new GetVectorsCommand({
          indexArn: this.#indexArn,
          keys: some.map((id) => keyOf(storeId, id)),
          returnData: true,
          returnMetadata: true,
        }),
      );
      await this.#putVectors(
        vectors.map(({ key = '', data, metadata }) => ({
          key,
          data,
          metadata: this.#metadataOf(storeId, { ...passageOf(key, metadata), attributes }),
        })),
      );
    }
  }

  async get(storeId: string, ids: readonly string[]): Promise<readonly Passage[]> {
    const found = new Map<string, Passage>();
    for (const some of inGroups(ids, s3VectorsLimits.getVectors)) {
      const { vectors = [] } = await this.#client.send(
        new GetVectorsCommand({
          indexArn: this.#indexArn,
          keys: some.map((id) => keyOf(storeId, id)),
          returnMetadata: true,
        }),
      );
      for (const { key = '', metadata } of vectors) {
        const passage = passageOf(key, metadata);
        found.set(passage.id, passage);
      }
    }
    return ids.flatMap((id) => found.get(id) ?? []);
  }

  async search(storeId: string, query: IndexQuery): Promise<readonly FoundPassage[]> {
    const { embeddingWeight, textWeight } = this.#weights(query);
    const text = cutAtWord(this.#searchText(query.text), s3VectorsLimits.queryCharacters);
    const [vector] = embeddingWeight > 0 ? await this.#vectorsOf([query.text], 'query') : [];
    // Without a word or a vector, nothing can be found.
    const withText = textWeight > 0 && text !== '';
    if (!withText && vector === undefined) return [];
    const { vectors = [] } = await this.#client.send(
      new TextQueryCommand({
        indexArn: this.#indexArn,
        // Passages that are best by one half of the score alone must be among those that are weighed.
        topK: vector === undefined ? query.limit : Math.min(Math.max(query.limit * 4, 20), s3VectorsLimits.topK),
        ...(withText && { queryTexts: [{ text, metadataKey: SEARCH_KEY }], returnScores: true }),
        ...(vector !== undefined && { queryVector: { float32: vector }, returnDistance: true }),
        filter: storeFilter(storeId, query),
        returnMetadata: true,
      }),
    );
    const found = vectors.map(({ key, metadata, distance, scores }): FoundPassage => {
      const bm25 = scores?.bm25Scores?.find(({ metadataKey }) => metadataKey === SEARCH_KEY)?.score ?? 0;
      // Cosine distance is 0 to 2. What points the other way is as far away as can be.
      const cosine = Math.max(0, 1 - (scores?.vectorDistance ?? distance ?? 1));
      const score = embeddingWeight * cosine + (textWeight * Math.max(bm25, 0)) / (Math.max(bm25, 0) + HALF_BM25);
      return { ...passageOf(key, metadata), storeId, score: Math.min(score, 1) };
    });
    return found.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1)).slice(0, query.limit);
  }

  async removeStore(storeId: string): Promise<void> {
    const dimensions = this.#embedder?.dimensions ?? CONSTANT_VECTOR.length;
    for (;;) {
      const { vectors = [] } = await this.#client.send(
        new QueryVectorsCommand({
          indexArn: this.#indexArn,
          topK: s3VectorsLimits.topK,
          queryVector: { float32: Array.from({ length: dimensions }, () => 1) },
          filter: { store: { $eq: storeId } },
        }),
      );
      if (vectors.length === 0) return;
      await this.#deleteKeys(vectors.map(({ key = '' }) => key));
    }
  }

  /** Shares of both halves of the score, which add up to 1. */
  #weights({ hybrid }: IndexQuery): { readonly embeddingWeight: number; readonly textWeight: number } {
    if (this.#embedder === undefined) return { embeddingWeight: 0, textWeight: 1 };
    const { embeddingWeight, textWeight } = hybrid ?? { embeddingWeight: 1, textWeight: 1 };
    const sum = embeddingWeight + textWeight;
    return sum > 0
      ? { embeddingWeight: embeddingWeight / sum, textWeight: textWeight / sum }
      : { embeddingWeight: 0.5, textWeight: 0.5 };
  }

  async #vectorsOf(texts: readonly string[], kind: 'query' | 'passage' = 'passage'): Promise<readonly number[][]> {
    if (this.#embedder === undefined) return [];
    return (await this.#embedder.embed(texts, kind)).map((vector) => Array.from(vector));
  }

  #metadataOf(storeId: string, passage: Passage) {
    const { fileId, filename, titlePath, attributes } = passage;
    const filterable = { store: storeId, ...filterableMetadata(attributes) };
    checkBytes(passage, 'attributes', filterable, s3VectorsLimits.filterableBytes);
    const kept = {
      ...filterable,
      text: passage.text,
      // Metadata has no structures and no empty lists.
      details: JSON.stringify({ fileId, filename, titlePath, attributes }),
    };
    checkBytes(passage, 'text and attributes', kept, s3VectorsLimits.metadataBytes);
    const search = this.#searchText([...titlePath, passage.text].join('\n'));
    const room = s3VectorsLimits.metadataBytes - bytesOf({ ...kept, search: '' });
    return { ...kept, search: cutAtBytes(search, room) };
  }

  async #putVectors(vectors: readonly PutInputVector[]): Promise<void> {
    let batch: PutInputVector[] = [];
    let bytes = 0;
    const send = async () => {
      if (batch.length > 0)
        await this.#client.send(new PutVectorsCommand({ indexArn: this.#indexArn, vectors: batch }));
      batch = [];
      bytes = 0;
    };
    for (const vector of vectors) {
      const size = bytesOf(vector);
      if (bytes + size > s3VectorsLimits.requestBytes) await send();
      batch.push(vector);
      bytes += size;
    }
    await send();
  }

  async #deleteKeys(keys: readonly string[]): Promise<void> {
    for (const some of inGroups(keys, s3VectorsLimits.deleteVectors)) {
      await this.#client.send(new DeleteVectorsCommand({ indexArn: this.#indexArn, keys: [...some] }));
    }
  }
}

function storeFilter(storeId: string, { filter }: IndexQuery): { [key: string]: VectorFilter[string] } {
  const ofStore = { store: { $eq: storeId } };
  return filter === undefined ? ofStore : { $and: [ofStore, translateFilter(filter)] };
}

/** Keys are of an index. Store ids have no slash. */
function keyOf(storeId: string, id: string): string {
  return `${storeId}/${id}`;
}

function passageOf(key: string, metadata: unknown): Passage {
  const { store, text, details } = storedMetadata.parse(metadata);
  return { id: key.slice(store.length + 1), text, ...details };
}

function checkBytes(passage: Passage, what: string, metadata: object, limit: number): void {
  const bytes = bytesOf(metadata);
  if (bytes <= limit) return;
  throw new RangeError(
    `A passage of ${passage.filename} has ${what} of ${bytes} bytes, and S3 Vectors takes ${limit}: use shorter ${what === 'attributes' ? 'attributes' : 'chunks'}.`,
  );
}

function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Cuts the end of a text, so that it has at most so many bytes in JSON. */
function cutAtBytes(text: string, bytes: number): string {
  const size = Buffer.byteLength(JSON.stringify(text)) - 2;
  if (size <= bytes) return text;
  // Each character loses at most its share, so the loop ends after few rounds.
  return cutAtBytes(
    text.slice(0, Math.min(text.length - 1, Math.floor((text.length * bytes) / size))).toWellFormed(),
    bytes,
  );
}

/** Cuts a text after the last whole word within so many characters. */
function cutAtWord(text: string, characters: number): string {
  const trimmed = text.trim();
  if (trimmed.length <= characters) return trimmed;
  const cut = trimmed.slice(0, characters);
  const end = cut.lastIndexOf(' ');
  return end > 0 ? cut.slice(0, end) : cut.toWellFormed();
}

function* inGroups<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
