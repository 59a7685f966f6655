import { ngramsOf, wordsOf } from './words.ts';

/** Hashes of a signature, in bands. Two texts with seven tenths of their shingles in common share a band with 99.98 % probability. */
const BANDS = 32;
const ROWS_PER_BAND = 4;
/** Words of a shingle. */
const SHINGLE = 3;
/** Share of common shingles, of all of two texts, from which they are near duplicates. */
const NEAR = 0.7;

/**
 * Finds texts that are nearly the same: MinHash signatures in bands propose pairs, and the Jaccard similarity of the words in runs of
 * three decides. Keeps about a kilobyte for each text.
 *
 * @see Broder 1997, On the resemblance and containment of documents, doi:10.1109/SEQUEN.1997.666900
 * @see Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4 (bands)
 */
export class NearDuplicates {
  readonly #buckets = Array.from({ length: BANDS }, () => new Map<string, number[]>());
  readonly #shingles: (readonly number[])[] = [];

  /**
   * Adds a text.
   *
   * @returns the index of an earlier text that is nearly the same, in the order in which texts were added. `undefined` if there is none.
   */
  add(text: string): number | undefined {
    const shingles = shinglesOf(text);
    const index = this.#shingles.push(shingles) - 1;
    if (shingles.length === 0) return undefined;
    const signature = signatureOf(shingles);
    const candidates = new Set<number>();
    for (const [band, buckets] of this.#buckets.entries()) {
      const key = signature.slice(band * ROWS_PER_BAND, (band + 1) * ROWS_PER_BAND).join();
      const bucket = buckets.get(key);
      for (const candidate of bucket ?? []) candidates.add(candidate);
      // A bucket of many is of one kind of text: its first ones stand for the others.
      if (bucket === undefined) buckets.set(key, [index]);
      else if (bucket.length < MAX_BUCKET) bucket.push(index);
    }
    return [...candidates]
      .toSorted((a, b) => a - b)
      .find((other) => similarity(shingles, this.#shingles[other] ?? []) >= NEAR);
  }
}

const MAX_BUCKET = 50;

/** Hashes of a text's shingles, sorted, each once. A text of fewer words is one shingle. */
function shinglesOf(text: string): readonly number[] {
  const words = wordsOf(text);
  const texts = words.length < SHINGLE ? [words.join(' ')] : ngramsOf(words, SHINGLE);
  return [...new Set(Array.from(texts, hash))].toSorted((a, b) => a - b);
}

/** The smallest of the shingles' hashes under each of several hash functions. */
function signatureOf(shingles: readonly number[]): readonly number[] {
  return Array.from({ length: BANDS * ROWS_PER_BAND }, (_, seed) => {
    const salt = mix(seed + 1);
    let smallest = 0xffffffff;
    for (const shingle of shingles) smallest = Math.min(smallest, mix(shingle ^ salt));
    return smallest;
  });
}

/** Common elements of two sorted lists, as a share of all. */
function similarity(a: readonly number[], b: readonly number[]): number {
  let common = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [left = 0, right = 0] = [a[i], b[j]];
    if (left === right) common++;
    if (left <= right) i++;
    if (right <= left) j++;
  }
  return common / (a.length + b.length - common);
}

/** FNV-1a in 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return mix(state);
}

/** The finalizer of MurmurHash3. */
function mix(value: number): number {
  let state = value;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
