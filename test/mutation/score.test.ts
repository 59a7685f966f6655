import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { equivalents } from './equivalents.ts';
import { isSampled } from './sample.ts';
import { percentOf, type Report, scoreOf } from './score.ts';

type Mutant = Report['files'][string]['mutants'][number];
const mutant = (status: Mutant['status'], line: number, from: number, to: number, replacement: string): Mutant => ({
  mutatorName: 'any',
  status,
  replacement,
  location: { start: { line, column: from }, end: { line, column: to } },
});
const source = 'const a = 1;\n  if (a <= 0) return b;\n  call({\n    x,\n  });';
const report = (...mutants: readonly Mutant[]): Report => ({ files: { 'a.ts': { source, mutants: [...mutants] } } });

const boundary = mutant('Survived', 2, 7, 13, 'a < 0');
const equivalent = {
  file: 'a.ts',
  code: 'if (a <= 0) return b;',
  mutated: 'if (a < 0) return b;',
  reason: 'a is never 0.',
};

describe('the score of a room', () => {
  it('counts killed mutants and time-outs as noticed, and survivors and uncovered ones as not', () => {
    const score = scoreOf(
      report(
        mutant('Killed', 1, 1, 2, 'x'),
        mutant('Timeout', 1, 1, 2, 'y'),
        boundary,
        mutant('NoCoverage', 1, 11, 12, '2'),
        mutant('Ignored', 1, 1, 2, 'z'),
        mutant('RuntimeError', 1, 1, 2, 'z'),
      ),
      [],
    );
    expect(score).toMatchObject({ noticed: 2, mutants: 4, equivalent: 0, stale: [] });
    expect(percentOf(score)).toBe(50);
    expect(score.survivors).toEqual([
      { file: 'a.ts', line: 2, code: 'if (a <= 0) return b;', mutated: 'if (a < 0) return b;', covered: true },
      { file: 'a.ts', line: 1, code: 'const a = 1;', mutated: 'const a = 2;', covered: false },
    ]);
  });

  it('leaves equivalent mutants out, wherever their line is', () => {
    const moved = { files: { 'a.ts': { source: `\n\n${source}`, mutants: [mutant('Survived', 4, 7, 13, 'a < 0')] } } };
    for (const given of [report(boundary), moved]) {
      expect(scoreOf(given, [equivalent])).toMatchObject({ mutants: 0, equivalent: 1, survivors: [], stale: [] });
    }
  });

  it('counts a mutant of the same text in another file, or another change of the line', () => {
    expect(scoreOf(report(boundary), [{ ...equivalent, file: 'b.ts' }]).survivors).toHaveLength(1);
    expect(scoreOf(report(mutant('Survived', 2, 7, 13, 'true')), [equivalent]).survivors).toHaveLength(1);
  });

  it('names the entries that match no survivor of a file that was run', () => {
    const other = { ...equivalent, file: 'b.ts' };
    expect(scoreOf(report(mutant('Killed', 2, 7, 13, 'a < 0')), [equivalent, other]).stale).toEqual([equivalent]);
  });

  it('shows the first line of a change of several', () => {
    const several: Mutant = {
      ...mutant('Survived', 3, 8, 9, '{}'),
      location: { start: { line: 3, column: 8 }, end: { line: 5, column: 4 } },
    };
    expect(scoreOf(report(several), []).survivors).toMatchObject([{ code: 'call({', mutated: 'call({});' }]);
  });

  it('of a sample has only its mutants, and knows no entry that matches none', () => {
    const many = Array.from({ length: 400 }, (_, index) => mutant('Killed', 1, index + 1, index + 2, 'x'));
    const none = mutant('NoCoverage', 1, 11, 12, '2');
    const score = scoreOf(report(...many, none), [equivalent], { percent: 25, seed: 1 });
    expect(score.mutants).toBeGreaterThan(70);
    expect(score.mutants).toBeLessThan(130);
    expect(score.stale).toEqual([]);
    const sampledBy = (seed: number, percent: number) => scoreOf(report(...many), [], { percent, seed }).noticed;
    expect(sampledBy(2, 25)).not.toBe(0);
    expect(sampledBy(1, 100)).toBe(400);
  });

  it('of no mutants is 100 %', () => {
    expect(percentOf({ noticed: 0, mutants: 0 })).toBe(100);
  });
});

describe('a sample of mutants', () => {
  const place = (column: number) => ({ file: 'a.ts', line: 1, column, mutatorName: 'any', replacement: 'x' });
  const columnsOf = (percent: number, seed: number) =>
    Array.from({ length: 1_000 }, (_, column) => column).filter((column) =>
      isSampled(place(column), { percent, seed }),
    );

  it('has about its share, the same ones each time, and a larger one has all of a smaller one', () => {
    expect(columnsOf(10, 1)).toEqual(columnsOf(10, 1));
    expect(columnsOf(10, 1).length).toBeGreaterThan(60);
    expect(columnsOf(10, 1).length).toBeLessThan(140);
    expect(columnsOf(20, 1)).toEqual(expect.arrayContaining(columnsOf(10, 1)));
    expect(columnsOf(10, 2)).not.toEqual(columnsOf(10, 1));
    expect(columnsOf(100, 1)).toHaveLength(1_000);
  });
});

describe('the list of equivalent mutants', () => {
  it('names lines that exist, once each, with a reason', () => {
    const keys = equivalents.map(({ file, code, mutated }) => JSON.stringify([file, code, mutated]));
    expect(new Set(keys).size).toBe(keys.length);
    for (const { file, code, mutated, reason } of equivalents) {
      const lines = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').split('\n');
      expect(
        lines.map((line) => line.trim()),
        file,
      ).toContain(code);
      expect(mutated).not.toBe(code);
      expect(reason).toMatch(/\w+ .*\.$/);
    }
  });
});
