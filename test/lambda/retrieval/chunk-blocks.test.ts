import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChunkOptions, chunkBlocks, passageIds } from '../../../lambda/retrieval/chunk-blocks.ts';
import type { Block, Chunk } from '../../../lambda/retrieval/document.ts';

/** Counts as a tokenizer of bytes and short words does: tokens of a whole differ from the sum of those of its parts. */
const count = (text: string) => text.match(/ ?[a-z]{1,6}|\n+|[\s\S]/gu)?.length ?? 0;
const chunk = (blocks: readonly Block[], options: Partial<ChunkOptions> = {}) =>
  chunkBlocks(blocks, { maxTokens: 40, overlapTokens: 0, count, ...options });
const paragraph = (text: string): Block => ({ kind: 'paragraph', text });
const heading = (level: 1 | 2 | 3, text: string): Block => ({ kind: 'heading', level, text });

const blocks = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('heading' as const),
      level: fc.constantFrom(1, 2, 3, 4, 5, 6),
      text: fc.string({ minLength: 1 }),
    }),
    fc.record({
      kind: fc.constantFrom('paragraph', 'list', 'table', 'code'),
      text: fc
        .array(fc.oneof(fc.lorem({ maxCount: 30, mode: 'words' }), fc.string({ unit: 'grapheme', maxLength: 60 })), {
          maxLength: 12,
        })
        .chain((lines) => fc.constantFrom('\n', '. ', ' ', '').map((separator) => lines.join(separator))),
    }),
  ),
  { maxLength: 20 },
) as fc.Arbitrary<Block[]>;
const options = fc.integer({ min: 16, max: 120 }).chain((maxTokens) =>
  fc.record({
    maxTokens: fc.constant(maxTokens),
    overlapTokens: fc.integer({ min: 0, max: Math.floor(maxTokens / 2) }),
  }),
);
const dense = (text: string) => text.replaceAll(/\s/g, '');

describe('chunkBlocks', () => {
  it('never exceeds the limit, in tokens of the whole text', () => {
    fc.assert(
      fc.property(blocks, options, (document, limits) => {
        for (const { text } of chunk(document, limits)) {
          expect(count(text)).toBeLessThanOrEqual(limits.maxTokens);
          expect(text).not.toBe('');
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('loses and repeats no text if there is no overlap', () => {
    fc.assert(
      fc.property(blocks, fc.integer({ min: 16, max: 120 }), (document, maxTokens) => {
        const content = document.filter(({ kind }) => kind !== 'heading' && kind !== 'table');
        const texts = chunk(content, { maxTokens }).map(({ text }) => text);
        expect(dense(texts.join(''))).toBe(dense(content.map(({ text }) => text).join('')));
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('keeps every heading, in a title path or as text', () => {
    fc.assert(
      fc.property(blocks, options, (document, limits) => {
        const kept = chunk(document, { ...limits, maxTokens: 120 }).flatMap(({ titlePath, text }) => [
          ...titlePath,
          text,
        ]);
        for (const block of document) {
          if (block.kind !== 'heading' || dense(block.text) === '') continue;
          const below = document.slice(document.indexOf(block) + 1);
          // Below it may be only blocks without text.
          if (below.some(({ text }) => text.trim() === '')) continue;
          expect(dense(kept.join('\n'))).toContain(dense(block.text));
        }
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('gives equal chunks for equal documents', () => {
    fc.assert(
      fc.property(blocks, options, (document, limits) => {
        expect(chunk(structuredClone(document), limits)).toEqual(chunk(document, limits));
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it('gives each chunk the headings above it', () => {
    const document = [
      paragraph('intro'),
      heading(1, 'Guide'),
      paragraph('a'),
      heading(3, 'Deep'),
      paragraph('b'),
      heading(2, 'Next'),
      heading(1, 'Empty'),
      heading(1, 'Last'),
      paragraph('c'),
    ];
    expect(chunk(document)).toEqual<Chunk[]>([
      { titlePath: [], text: 'intro' },
      { titlePath: ['Guide'], text: 'a' },
      { titlePath: ['Guide', 'Deep'], text: 'b' },
      { titlePath: ['Guide'], text: 'Next' },
      { titlePath: [], text: 'Empty' },
      { titlePath: ['Last'], text: 'c' },
    ]);
  });

  it('keeps blocks whole that fit, and cuts a paragraph between sentences', () => {
    const sentence = (letter: string) => `${Array.from({ length: 8 }, () => letter).join(' ')}. `;
    const long = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'].map(sentence).join('');
    const chunks = chunk([paragraph('first'), paragraph(long), paragraph('last')]);
    expect(chunks.length).toBeGreaterThan(1);
    for (const { text } of chunks) expect(text).toMatch(/(\.|first|last)$/);
  });

  it('repeats the header row in each part of a table', () => {
    const rows = Array.from({ length: 30 }, (_, index) => `| ${index} | word |`);
    const table: Block = { kind: 'table', text: ['| a | b |', '| - | - |', ...rows].join('\n') };
    const chunks = chunk([table], { overlapTokens: 20 });
    expect(chunks.length).toBeGreaterThan(5);
    for (const { text } of chunks) expect(text).toMatch(/^\| a \| b \|\n\| - \| - \|\n\| \d/);
    const kept = chunks.flatMap(({ text }) => text.split('\n').slice(2));
    expect(kept).toEqual(rows);
  });

  it('cuts code between lines, and keeps its indents', () => {
    const lines = Array.from({ length: 40 }, (_, index) => `${'  '.repeat(index % 3)}call ${index}`);
    const chunks = chunk([{ kind: 'code', text: lines.join('\n') }]);
    expect(chunks.flatMap(({ text }) => text.split('\n'))).toEqual(lines);
  });

  it('repeats whole sentences of the chunk before', () => {
    const long = Array.from({ length: 20 }, (_, index) => `Sentence ${index} is here. `).join('');
    const chunks = chunk([paragraph(long)], { overlapTokens: 15 });
    for (const [index, { text }] of chunks.entries()) {
      const before = chunks[index - 1]?.text;
      if (before === undefined) continue;
      const repeated = text.slice(0, text.indexOf('.') + 1);
      expect(before.endsWith(repeated)).toBe(true);
    }
  });

  it('cuts text without spaces', () => {
    const thai = 'ภาษาไทยไม่มีช่องว่างระหว่างคำ'.repeat(20);
    const chunks = chunk([paragraph(thai)]);
    expect(chunks.map(({ text }) => text).join('')).toBe(thai);
  });

  it('cuts 2 million characters without a break in a few seconds', () => {
    const started = performance.now();
    const chunks = chunk([paragraph('x'.repeat(2_000_000))], { maxTokens: 800 });
    expect(chunks.length).toBeGreaterThan(400);
    expect(performance.now() - started).toBeLessThan(20_000);
  }, 30_000);

  it.each([{ maxTokens: 15 }, { maxTokens: 20.5 }, { overlapTokens: 21 }, { overlapTokens: -1 }])(
    'refuses %o',
    (wrong) => {
      expect(() => chunk([], wrong)).toThrow(RangeError);
    },
  );
});

describe('passageIds', () => {
  const words = (index: number) => `Paragraph ${index} speaks of ${(index * 7919).toString(36)} things and ends.`;
  const flat = Array.from({ length: 400 }, (_, index) => paragraph(words(index)));

  it('are unique, and equal for equal documents', () => {
    const chunks = chunk([...flat, ...flat]);
    const ids = passageIds('file-1', chunks);
    expect(new Set(ids).size).toBe(chunks.length);
    expect(passageIds('file-1', chunk([...flat, ...flat]))).toEqual(ids);
    expect(passageIds('file-2', chunks)).not.toContain(ids[0]);
  });

  it.each([0, 150, 399])('change only near a paragraph that is inserted at %i of a text without headings', (at) => {
    const before = passageIds('file-1', chunk(flat, { maxTokens: 120, overlapTokens: 20 }));
    const after = new Set(
      passageIds(
        'file-1',
        chunk(flat.toSpliced(at, 0, paragraph('Something new here.')), { maxTokens: 120, overlapTokens: 20 }),
      ),
    );
    const changed = before.filter((id) => !after.has(id));
    expect(before.length).toBeGreaterThan(60);
    expect(changed.length).toBeLessThan(15);
  });

  it('do not change for equal chunks if another is inserted before them', () => {
    const twice: Chunk[] = [
      { titlePath: ['a'], text: 'x' },
      { titlePath: ['a'], text: 'x' },
    ];
    const [first, second] = passageIds('f', twice);
    expect(passageIds('f', [{ titlePath: [], text: 'new' }, ...twice]).slice(1)).toEqual([first, second]);
    expect(first).not.toBe(second);
  });
});
