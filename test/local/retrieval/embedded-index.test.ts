import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Passage } from '../../../lambda/retrieval/passage.ts';
import type { Embedder } from '../../../lambda/retrieval/passage-index.ts';
import { EmbeddedIndex } from '../../../local/retrieval/embedded-index.ts';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'budgetforce-index-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const passage = (id: string, text: string, attributes: Passage['attributes'] = {}): Passage => ({
  ...{ id, fileId: 'file-1', filename: 'a.md', titlePath: [], text, attributes },
});

describe('the embedded index', () => {
  it.each([
    ['English', 'The warranty of a lamp lasts seven years.', 'warranty'],
    ['German', 'Die Gewährleistung beträgt zwei Jahre.', 'GEWÄHRLEISTUNG'],
    ['Thai', 'การรับประกันหลอดไฟมีระยะเวลาเจ็ดปี', 'หลอดไฟ'],
    ['Japanese', '保証期間は七年です。', '保証'],
    ['Chinese', '保修期为七年。', '七年'],
    ['Korean', '보증 기간은 칠 년입니다.', '보증'],
    ['Arabic', 'مدة الضمان سبع سنوات', 'الضمان'],
  ])('finds words of %s', async (_language, text, query) => {
    const index = new EmbeddedIndex(folder());
    await index.put('vs_1', [passage('a', text), passage('b', 'Nothing of the kind.')]);
    const found = await index.search('vs_1', { text: query, limit: 5 });
    expect(found.map(({ id }) => id)).toEqual(['a']);
    expect(found[0]?.score).toBeGreaterThan(0);
    expect(found[0]?.score).toBeLessThan(1);
  });

  it('has what was put and not removed, after any writes and any number of starts', { timeout: 60_000 }, async () => {
    const ids = ['a', 'b', 'c', 'd'];
    const write = fc.oneof(
      fc.record({ put: fc.constantFrom(...ids), word: fc.constantFrom('florn', 'drib', 'quax') }),
      fc.record({ remove: fc.subarray(ids) }),
      fc.record({ set: fc.subarray(ids), year: fc.integer({ min: 1, max: 3 }) }),
      fc.constant('restart' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
        const at = mkdtempSync(join(tmpdir(), 'budgetforce-index-'));
        let index = new EmbeddedIndex(at);
        const expected = new Map<string, Passage>();
        for (const one of writes) {
          if (one === 'restart') index = new EmbeddedIndex(at);
          else if ('put' in one) {
            const made = passage(one.put, `about ${one.word}`);
            expected.set(one.put, made);
            await index.put('vs_1', [made]);
          } else if ('remove' in one) {
            for (const id of one.remove) expected.delete(id);
            await index.remove('vs_1', one.remove);
          } else {
            for (const id of one.set) {
              const known = expected.get(id);
              if (known !== undefined) expected.set(id, { ...known, attributes: { year: one.year } });
            }
            await index.setAttributes('vs_1', one.set, { year: one.year });
          }
        }
        index = new EmbeddedIndex(at);
        for (const word of ['florn', 'drib', 'quax']) {
          const found = await index.search('vs_1', { text: word, limit: 50 });
          const right = [...expected.values()].filter(({ text }) => text.includes(word));
          expect(
            found.map(({ score: _, storeId: __, ...rest }) => rest).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
          ).toEqual(right.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
        }
        rmSync(at, { recursive: true });
      }),
      { seed: 24, numRuns: 60 },
    );
  });

  it('cuts off a line that a killed process did not finish, and goes on', async () => {
    const at = folder();
    await new EmbeddedIndex(at).put('vs_1', [passage('a', 'A florn is 17.')]);
    appendFileSync(join(at, 'vs_1.jsonl'), '{"put":{"id":"b","fileId":"fi');
    const index = new EmbeddedIndex(at);
    expect(await index.search('vs_1', { text: 'florn', limit: 5 })).toHaveLength(1);
    await index.put('vs_1', [passage('c', 'A drib is 5.')]);
    expect(await new EmbeddedIndex(at).search('vs_1', { text: 'drib', limit: 5 })).toHaveLength(1);
  });

  it('writes its log anew once most of it is history', async () => {
    const at = folder();
    const index = new EmbeddedIndex(at);
    for (let round = 0; round < 12; round++) {
      const many = Array.from({ length: 100 }, (_, number) => passage(`${round}-${number}`, `word ${number}`));
      await index.put('vs_1', many);
      await index.remove(
        'vs_1',
        many.slice(1).map(({ id }) => id),
      );
    }
    const lines = readFileSync(join(at, 'vs_1.jsonl'), 'utf8').trim().split('\n');
    expect(lines.length).toBeLessThan(1_000);
    expect(await new EmbeddedIndex(at).search('vs_1', { text: 'word', limit: 50 })).toHaveLength(12);
    await index.removeStore('vs_1');
    expect(readdirSync(at)).toEqual([]);
    expect(await index.search('vs_1', { text: 'word', limit: 50 })).toEqual([]);
  });

  it('fuses words and vectors by their weights', async () => {
    const embedder: Embedder = {
      dimensions: 2,
      embed: async (texts) =>
        texts.map((text) => Float32Array.of(text.includes('lamp') ? 1 : 0, text.includes('chair') ? 1 : 0.1)),
    };
    const at = folder();
    const index = new EmbeddedIndex(at, embedder);
    await index.put('vs_1', [passage('word', 'A chair has a warranty.'), passage('vector', 'A lamp is bright.')]);
    const search = async (hybrid?: { embeddingWeight: number; textWeight: number }) =>
      (
        await new EmbeddedIndex(at, embedder).search('vs_1', {
          text: 'lamp-like warranty',
          limit: 2,
          ...(hybrid && { hybrid }),
        })
      ).map(({ id, score }) => [id, Math.round(score * 1_000) / 1_000]);
    expect((await search({ embeddingWeight: 1, textWeight: 0 }))[0]).toEqual(['vector', 1]);
    const byText = await search({ embeddingWeight: 0, textWeight: 1 });
    expect(byText[0]?.[1]).toBe(1);
    for (const [, score] of await search()) {
      expect(score).toBeGreaterThan(0);
      expect(score).toBeLessThanOrEqual(1);
    }
  });

  it('refuses an id that would leave its folder', async () => {
    await expect(new EmbeddedIndex(folder()).put('../vs_1', [passage('a', 'b')])).rejects.toThrow(
      'is no id of a store',
    );
  });
});
