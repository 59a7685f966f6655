import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CitationReader, SentenceReader } from '../../../lambda/apis/citations.ts';
import { runs } from '../../property-runs.ts';
import { passageOf } from '../retrieval/scripted-retriever.ts';

const passages = ['one', 'two', 'three'].map((text, at) => ({ ...passageOf(text, at), tokens: 1 }));
const marksOf = (...pieces: readonly string[]) => {
  const reader = new CitationReader(passages);
  return pieces.flatMap((piece) => reader.push(piece)).map(({ number, start, end }) => [number, start, end]);
};

describe('the citations of an answer', () => {
  it('are the numbers in brackets that a passage has, with the place of their mark', () => {
    expect(marksOf('A florn [1] is 17 [2][3].')).toEqual([
      [1, 8, 11],
      [2, 18, 21],
      [3, 21, 24],
    ]);
    expect(marksOf('Both [1, 3, 1].').map(([number]) => number)).toEqual([1, 3]);
  });

  it('no number is guessed: neither one without a passage, nor a text without marks', () => {
    expect(marksOf('[0] [4] [12] [1.5] [x] (1) 1 [] [,] [ 1')).toEqual([]);
    expect(new CitationReader([]).push('[1]')).toEqual([]);
  });

  it('brackets in a block of code are no marks', () => {
    expect(marksOf('`` ```\nx[1]\n``` [2]').map(([number]) => number)).toEqual([2]);
  });

  it('do not depend on the size of the pieces, which is bounded in memory', () => {
    const unit = fc.constantFrom('[1]', '[', '2', ']', ', ', '3', 'a', '`', '```', '\n', ' ', '[[');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 40 }), fc.array(fc.integer({ min: 1, max: 5 })), (units, sizes) => {
        const text = units.join('');
        const pieces: string[] = [];
        for (let at = 0, turn = 0; at < text.length; turn++) {
          const size = sizes[turn % Math.max(1, sizes.length)] ?? 1;
          pieces.push(text.slice(at, at + size));
          at += size;
        }
        expect(marksOf(...pieces)).toEqual(marksOf(text));
      }),
      { numRuns: runs(3_000), seed: 20261127 },
    );
  });
});

const sentencesOf = (...pieces: readonly string[]) => {
  const reader = new SentenceReader();
  const complete = pieces.flatMap((piece) => reader.push(piece));
  return [...complete, reader.end()].filter((sentence) => sentence !== '');
};

describe('the sentences of an answer', () => {
  it('end with their spaces, and with the marks behind their point', () => {
    expect(sentencesOf('A florn is 17.5 coins [1]. A mift is 4. [2] [3] "Really?" Yes!\n- one\n- two')).toEqual([
      'A florn is 17.5 coins [1]. ',
      'A mift is 4. [2] [3] ',
      '"Really?" ',
      'Yes!\n',
      '- one\n',
      '- two',
    ]);
    expect(sentencesOf('これは。[1]それは。')).toEqual(['これは。[1]', 'それは。']);
  });

  it('are the text, in pieces of any size', () => {
    const unit = fc.constantFrom('a', 'B', '.', '!', '\n', ' ', '[1]', '[', ']', '3', '"', '。');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (units, size) => {
        const text = units.join('');
        const pieces = text.match(new RegExp(`.{1,${size}}`, 'gsu')) ?? [];
        expect(sentencesOf(...pieces).join('')).toBe(text);
        expect(sentencesOf(...pieces)).toEqual(sentencesOf(text));
      }),
      { numRuns: runs(2_000), seed: 20261127 },
    );
  });
});
