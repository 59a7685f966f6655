import { QueryVectors$, S3VectorsClient } from '@aws-sdk/client-s3vectors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../../lambda/errors/api-error.ts';
import type { Passage } from '../../../lambda/retrieval/passage.ts';
import type { Embedder } from '../../../lambda/retrieval/passage-index.ts';
import { SEARCH_KEY, unfilterableKeys } from '../../../lambda/retrieval/s3-vectors/metadata-keys.ts';
import { queryVectorsOperation } from '../../../lambda/retrieval/s3-vectors/query-vectors.ts';
import { S3VectorsIndex } from '../../../lambda/retrieval/s3-vectors/s3-vectors-index.ts';
import { model, playS3Vectors } from './played-s3-vectors.ts';

const indexArn = 'arn:aws:s3vectors:us-east-1:111122223333:bucket/passages/index/passages';

/** Counts letters: texts of the same letters are near. */
const letters: Embedder = {
  dimensions: 26,
  async embed(texts) {
    return texts.map((text) => {
      const vector = new Float32Array(26).fill(0.001);
      for (const letter of text.toLowerCase()) {
        const at = letter.charCodeAt(0) - 97;
        if (at >= 0 && at < 26) vector[at] = (vector[at] ?? 0) + 1;
      }
      return vector;
    });
  },
};

let served: Awaited<ReturnType<typeof playS3Vectors>>;
const open = async (dimensions: number) => {
  served = await playS3Vectors({ dimensions, unfilterable: unfilterableKeys, searchable: [SEARCH_KEY] });
};
const indexOf = (embedder?: Embedder, language = 'en') =>
  new S3VectorsIndex({
    indexArn,
    embedder,
    language,
    client: new S3VectorsClient({
      region: 'us-east-1',
      endpoint: served.url,
      credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' },
    }),
  });
const passage = (id: string, text: string, more: Partial<Passage> = {}): Passage => ({
  id,
  fileId: 'file-1',
  filename: 'a.md',
  titlePath: [],
  text,
  attributes: {},
  ...more,
});

beforeEach(async () => await open(1));
afterEach(() => served.close());

describe('QueryVectors with texts', () => {
  it('has members of AWS’s model alone, which the SDK’s client still lacks', () => {
    const [, , , , input] = queryVectorsOperation as unknown as [0, 0, 0, 0, () => readonly [0, 0, 0, 0, string[]]];
    const known = Object.keys(model.shapes['QueryVectorsInput']?.members ?? {});
    expect(known).toEqual(expect.arrayContaining(input()[4]));
    const [, , , , clients] = QueryVectors$ as unknown as [0, 0, 0, 0, () => readonly [0, 0, 0, 0, string[]]];
    // If this fails, the client's own command can be used.
    expect(clients()[4]).not.toContain('queryTexts');
  });

  it('is needed because a record must have a vector, and a query may have none', () => {
    expect(model.shapes['PutInputVector']?.required).toContain('data');
    expect(model.shapes['QueryVectorsInput']?.required).toEqual(['topK']);
  });
});

describe('S3VectorsIndex without embeddings', () => {
  it('finds passages by words, best first, with all that was written', async () => {
    const index = indexOf();
    const found = passage('p1', 'The cat sleeps on the mat.', {
      titlePath: ['Animals', 'Pets'],
      attributes: { year: 2024, draft: false, topic: 'pets' },
    });
    await index.put('vs_1', [found, passage('p2', 'A dog barks.'), passage('p3', 'Rain falls on the roof.')]);
    const result = await index.search('vs_1', { text: 'where does the cat sleep? pets', limit: 2 });
    expect(result[0]).toEqual({ ...found, storeId: 'vs_1', score: expect.any(Number) });
    expect(result[0]?.score).toBeGreaterThan(0);
    expect(result[0]?.score).toBeLessThan(1);
    expect(served.asked.at(-1)?.input['queryVector']).toBeUndefined();
  });

  it('replaces a passage with the same id, and keeps stores apart', async () => {
    const index = indexOf();
    await index.put('vs_1', [passage('p1', 'old words')]);
    await index.put('vs_1', [passage('p1', 'new words')]);
    await index.put('vs_2', [passage('p1', 'other words')]);
    const texts = (await index.search('vs_1', { text: 'words', limit: 10 })).map(({ text }) => text);
    expect(texts).toEqual(['new words']);
  });

  it('writes 1,200 passages in requests of at most 500, and removes them with their store', async () => {
    const index = indexOf();
    await index.put('vs_2', [passage('p', 'stays')]);
    await index.put(
      'vs_1',
      Array.from({ length: 1200 }, (_, at) => passage(`p${at}`, `text ${at}`)),
    );
    expect(served.vectors.size).toBe(1201);
    await index.remove('vs_1', ['p0', 'p1', 'unknown']);
    expect(served.vectors.size).toBe(1199);
    await index.removeStore('vs_1');
    expect([...served.vectors.keys()]).toEqual(['vs_2/p']);
  });

  it('splits requests that would be larger than 20 MiB', async () => {
    await indexOf().put(
      'vs_1',
      Array.from({ length: 600 }, (_, at) => passage(`p${at}`, 'x'.repeat(36_000))),
    );
    const puts = served.asked.filter(({ operation }) => operation === 'PutVectors');
    expect(puts.length).toBeGreaterThan(1);
    expect(served.vectors.size).toBe(600);
  });

  it('cuts what is searched, not what is read, if both do not fit into 40 KB', async () => {
    const index = indexOf(undefined, 'th');
    const text = 'น้ำตกในป่าฝน '.repeat(700);
    await index.put('vs_1', [passage('p1', text)]);
    await expect(index.search('vs_1', { text: 'น้ำตก', limit: 1 })).resolves.toMatchObject([{ text }]);
    await expect(index.put('vs_1', [passage('p2', 'x'.repeat(50_000))])).rejects.toThrow(
      /^A passage of a\.md has text and attributes of \d+ bytes, and S3 Vectors takes 40960: use shorter chunks\.$/,
    );
  });

  it('finds Thai words, which the standard analyzer would see as one', async () => {
    const thai = [passage('p1', 'แมวนอนบนเสื่อ'), passage('p2', 'สุนัขเห่าเสียงดัง')];
    const plain = indexOf(undefined, 'en');
    await plain.put('vs_1', thai);
    await expect(plain.search('vs_1', { text: 'แมว', limit: 5 })).resolves.toEqual([]);
    const segmented = indexOf(undefined, 'th');
    await segmented.put('vs_1', thai);
    const found = await segmented.search('vs_1', { text: 'แมว', limit: 5 });
    expect(found.map(({ id }) => id)).toEqual(['p1']);
    expect(found[0]?.text).toBe('แมวนอนบนเสื่อ');
  });

  it('takes questions of any length and without words', async () => {
    const index = indexOf();
    await index.put('vs_1', [passage('p1', 'cat')]);
    await expect(index.search('vs_1', { text: `cat ${'word '.repeat(2000)}`, limit: 5 })).resolves.toHaveLength(1);
    await expect(index.search('vs_1', { text: '  ', limit: 5 })).resolves.toEqual([]);
    await expect(index.search('vs_1', { text: 'x'.repeat(3000), limit: 5 })).resolves.toEqual([]);
  });

  it('changes attributes and keeps the rest', async () => {
    const index = indexOf();
    await index.put('vs_1', [passage('p1', 'cat', { attributes: { old: 1 } })]);
    await index.setAttributes('vs_1', ['p1', 'unknown'], { year: 2025 });
    const search = async (key: string) =>
      await index.search('vs_1', { text: 'cat', limit: 1, filter: { type: 'gte', key, value: 1 } });
    await expect(search('old')).resolves.toEqual([]);
    await expect(search('year')).resolves.toMatchObject([{ text: 'cat', attributes: { year: 2025 } }]);
  });

  it('tries again if it is throttled', async () => {
    served.failures.push(
      { status: 429, type: 'TooManyRequestsException' },
      { status: 503, type: 'ServiceUnavailableException' },
    );
    await indexOf().put('vs_1', [passage('p1', 'cat')]);
    expect(served.vectors.size).toBe(1);
  });

  describe('filters', () => {
    const long = 'v'.repeat(512);
    const longKey = 'k'.repeat(64);
    const documents = [
      passage('a', 'cat', { attributes: { year: 2020, lang: 'de', [longKey]: long } }),
      passage('b', 'cat', { attributes: { year: 2022, lang: 'en', public: true } }),
      passage('c', 'cat', {}),
    ];
    it.each([
      [{ type: 'eq', key: 'lang', value: 'de' }, 'a'],
      [{ type: 'ne', key: 'lang', value: 'de' }, 'bc'],
      [{ type: 'eq', key: 'public', value: true }, 'b'],
      [{ type: 'gt', key: 'year', value: 2020 }, 'b'],
      [{ type: 'gte', key: 'year', value: 2020 }, 'ab'],
      [{ type: 'lt', key: 'year', value: 2022 }, 'a'],
      [{ type: 'lte', key: 'year', value: 2022 }, 'ab'],
      [{ type: 'in', key: 'lang', value: ['de', 'fr'] }, 'a'],
      [{ type: 'nin', key: 'lang', value: ['de', 'fr'] }, 'bc'],
      [{ type: 'eq', key: longKey, value: long }, 'a'],
      [{ type: 'ne', key: longKey, value: `${long.slice(1)}w` }, 'abc'],
      [
        {
          type: 'or',
          filters: [
            { type: 'eq', key: 'lang', value: 'de' },
            {
              type: 'and',
              filters: [
                { type: 'eq', key: 'lang', value: 'en' },
                { type: 'gt', key: 'year', value: 2021 },
              ],
            },
          ],
        },
        'ab',
      ],
    ] as const)('%o', async (filter, expected) => {
      const index = indexOf();
      await index.put('vs_1', documents);
      const found = await index.search('vs_1', { text: 'cat', limit: 10, filter });
      expect(
        found
          .map(({ id }) => id)
          .sort()
          .join(''),
      ).toBe(expected);
    });

    it('takes 16 attributes of the largest size', async () => {
      const attributes = Object.fromEntries(
        Array.from({ length: 16 }, (_, at) => [`${'ключ'.repeat(15)}${String(at).padStart(4, '0')}`, 'ж'.repeat(512)]),
      );
      const index = indexOf();
      await index.put('vs_1', [passage('p1', 'cat', { attributes })]);
      await expect(index.search('vs_1', { text: 'cat', limit: 1 })).resolves.toMatchObject([{ attributes }]);
    });

    it('are refused if they compare the order of texts', async () => {
      const search = indexOf().search('vs_1', {
        text: 'x',
        limit: 1,
        filter: { type: 'gt', key: 'lang', value: 'de' },
      });
      await expect(search).rejects.toThrow(ApiError);
      await expect(search).rejects.toThrow('only numbers can be compared by size');
    });
  });
});

describe('S3VectorsIndex with embeddings', () => {
  beforeEach(async () => {
    served.close();
    await open(26);
  });

  it('finds by meaning what shares no word, and weighs both halves as asked', async () => {
    const index = indexOf(letters);
    await index.put('vs_1', [
      passage('near', 'listen'),
      passage('word', 'silent zzzzzzzzzzzzzzzz'),
      passage('far', 'box'),
    ]);
    const ids = async (embeddingWeight: number, textWeight: number) =>
      (await index.search('vs_1', { text: 'silent', limit: 3, hybrid: { embeddingWeight, textWeight } })).map(
        ({ id }) => id,
      );
    await expect(ids(1, 0)).resolves.toEqual(['near', 'word', 'far']);
    expect((await ids(0, 1))[0]).toBe('word');
    const both = await index.search('vs_1', { text: 'silent', limit: 3 });
    for (const { score } of both) expect(score).toBeLessThanOrEqual(1);
    expect(both.map(({ score }) => score)).toEqual(both.map(({ score }) => score).toSorted((a, b) => b - a));
  });

  it('keeps vectors if attributes change', async () => {
    const index = indexOf(letters);
    await index.put('vs_1', [passage('p1', 'cat')]);
    const before = served.vectors.get('vs_1/p1')?.data;
    await index.setAttributes('vs_1', ['p1'], { a: 1 });
    expect(served.vectors.get('vs_1/p1')?.data).toEqual(before);
    await index.removeStore('vs_1');
    expect(served.vectors.size).toBe(0);
  });
});
