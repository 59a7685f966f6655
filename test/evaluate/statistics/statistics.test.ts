import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { bootstrapRatio, widenedTail } from '../../../evaluate/statistics/bootstrap.ts';
import { clustersOf } from '../../../evaluate/statistics/clusters.ts';
import { mcNemar, pairedDifference } from '../../../evaluate/statistics/paired-difference.ts';
import { independentAnswers, scoreInterval, wilson } from '../../../evaluate/statistics/wilson.ts';

const interval = z.tuple([z.number(), z.number()]);
/** Values of scipy and statsmodels, by the command at the top of reference.py. */
const reference = z
  .object({
    wilson: z.array(z.object({ right: z.number(), of: z.number(), interval })),
    paired: z.array(
      z.object({
        table: z.tuple([z.number(), z.number(), z.number(), z.number()]),
        newcombe: interval,
        tango: interval,
        p: z.number(),
      }),
    ),
    clustered: z.array(z.object({ rights: z.array(z.number()), of: z.number(), independent: z.number(), interval })),
    bootstrap: z.array(
      z.object({ numerator: z.array(z.number()), denominator: z.array(z.number()), tail: z.number(), interval }),
    ),
    tails: z.array(z.object({ n: z.number(), tail: z.number() })),
  })
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/reference.json'), 'utf8')));

/** `rights[q]` of `of` answers to question q are right. */
const answers = (rights: readonly number[], of: number) =>
  rights.flatMap((right, question) =>
    Array.from({ length: of }, (_, index) => ({ question: `q${question}`, value: Number(index < right) })),
  );

describe('wilson', () => {
  it.each(reference.wilson)(
    'of $right right among $of agrees with statsmodels',
    ({ right, of, interval: [low, high] }) => {
      const found = wilson(right / of, of);
      expect(found.low).toBeCloseTo(low, 10);
      expect(found.high).toBeCloseTo(high, 10);
    },
  );
});

describe('The interval of an accuracy with several answers to a question', () => {
  it.each(reference.clustered)('of case %# agrees with a cluster-robust variance', ({ rights, of, ...expected }) => {
    const values = answers(rights, of);
    expect(independentAnswers(clustersOf(values))).toBeCloseTo(expected.independent, 6);
    const { low, high } = scoreInterval(values);
    expect(low).toBeCloseTo(expected.interval[0], 8);
    expect(high).toBeCloseTo(expected.interval[1], 8);
  });

  it('is as wide for eight equal answers to each of 30 questions as for one', () => {
    for (const right of [0, 1]) {
      const once = scoreInterval(answers(Array<number>(30).fill(right), 1));
      const often = scoreInterval(answers(Array<number>(30).fill(right * 8), 8));
      expect(often.low).toBeCloseTo(once.low, 10);
      expect(often.high).toBeCloseTo(once.high, 10);
      expect(often.high - often.low).toBeGreaterThan(0.11);
    }
  });

  it('does not narrow by more than a little when one of 240 wrong answers becomes right', () => {
    const none = scoreInterval(answers(Array<number>(30).fill(0), 8));
    const one = scoreInterval(answers([1, ...Array<number>(29).fill(0)], 8));
    expect(one.high).toBeGreaterThan(none.high);
  });

  it('has the width of all answers if they are independent', () => {
    const values = answers(
      Array.from({ length: 400 }, (_, index) => index % 2),
      1,
    ).map(({ value }, index) => ({
      question: `q${index % 200}`,
      value: Number(index < 200 ? value : (index >> 1) % 2),
    }));
    expect(independentAnswers(clustersOf(values))).toBeGreaterThan(380);
  });

  it('contains the share, lies in [0, 1] and is never surer than all answers were', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 8 })
          .chain((of) =>
            fc.tuple(fc.constant(of), fc.array(fc.integer({ min: 0, max: of }), { minLength: 1, maxLength: 40 })),
          ),
        ([of, rights]) => {
          const { share, low, high } = scoreInterval(answers(rights, of));
          const all = wilson(share, rights.length * of);
          expect(low).toBeGreaterThanOrEqual(0);
          expect(high).toBeLessThanOrEqual(1);
          expect(share).toBeGreaterThanOrEqual(low - 1e-12);
          expect(share).toBeLessThanOrEqual(high + 1e-12);
          expect(high - low).toBeGreaterThanOrEqual(all.high - all.low - 1e-9);
        },
      ),
    );
  });
});

describe('pairedDifference', () => {
  const pairs = ([both, second, first, neither]: readonly [number, number, number, number]) => {
    const outcomes = [
      ...Array<readonly [number, number]>(both).fill([1, 1]),
      ...Array<readonly [number, number]>(second).fill([0, 1]),
      ...Array<readonly [number, number]>(first).fill([1, 0]),
      ...Array<readonly [number, number]>(neither).fill([0, 0]),
    ];
    const side = (at: 0 | 1) => outcomes.map((outcome, index) => ({ question: `q${index}`, value: outcome[at] }));
    return pairedDifference(side(0), side(1));
  };

  it.each(reference.paired)('of the table $table agrees with Newcombe and with the exact McNemar test', (expected) => {
    const found = pairs(expected.table);
    expect(found?.low).toBeCloseTo(expected.newcombe[0], 8);
    expect(found?.high).toBeCloseTo(expected.newcombe[1], 8);
    expect(found?.p).toBeCloseTo(expected.p, 10);
    // Tango's score interval is another method: near, and as wide.
    expect(Math.abs((found?.low ?? 9) - expected.tango[0])).toBeLessThan(0.08);
    expect(Math.abs((found?.high ?? 9) - expected.tango[1])).toBeLessThan(0.08);
  });

  it('has a width if nothing changed', () => {
    for (const table of [
      [0, 0, 0, 30],
      [30, 0, 0, 0],
      [15, 0, 0, 15],
      [1, 0, 0, 0],
    ] as const) {
      const found = pairs(table);
      expect(found?.share).toBe(0);
      expect(found?.low).toBeLessThan(-0.02);
      expect(found?.high).toBeGreaterThan(0.02);
      expect(found?.p).toBe(1);
    }
  });

  it('is no surer for eight equal answers to each question than for one', () => {
    const once = pairedDifference(answers([0, 1, 0, 1, 1, 0], 1), answers([1, 1, 0, 1, 1, 0], 1));
    const often = pairedDifference(answers([0, 8, 0, 8, 8, 0], 8), answers([8, 8, 0, 8, 8, 0], 8));
    expect(often?.low).toBeCloseTo(once?.low ?? 9, 8);
    expect(often?.high).toBeCloseTo(once?.high ?? 9, 8);
    expect(often?.p).toBe(once?.p);
  });

  it('compares only questions that both answered', () => {
    const found = pairedDifference(answers([1, 0], 1), answers([1, 1, 1, 1], 1));
    expect(found).toMatchObject({ share: 0.5, questions: 2 });
    expect(pairedDifference([], answers([1], 1))).toBeUndefined();
  });

  it('McNemar counts 2,000 changes exactly', () => {
    expect(mcNemar([...Array<number>(1_000).fill(1), ...Array<number>(1_000).fill(-1)])).toBe(1);
    expect(mcNemar(Array<number>(2_000).fill(1))).toBeLessThan(1e-300);
  });
});

describe('bootstrapRatio', () => {
  it.each(reference.bootstrap)(
    'of case %# agrees with scipy up to its random draws',
    ({ numerator, denominator, interval: [low, high] }) => {
      const found = bootstrapRatio(
        numerator.map((value, index) => ({ numerator: value, denominator: denominator[index] ?? 0 })),
      );
      const width = high - low;
      expect(Math.abs((found?.low ?? 0) - low)).toBeLessThan(0.06 * width);
      expect(Math.abs((found?.high ?? 0) - high)).toBeLessThan(0.06 * width);
    },
  );

  it.each(reference.tails)('The widened tail for $n questions agrees with scipy', ({ n, tail }) => {
    expect(Math.abs(widenedTail(n) / tail - 1)).toBeLessThan(1e-5);
  });

  it('is the same each time, and has no interval for one question', () => {
    const questions = [3, 5, 9].map((numerator) => ({ numerator, denominator: 1 }));
    expect(bootstrapRatio(questions)).toEqual(bootstrapRatio(questions));
    expect(bootstrapRatio(questions.slice(1, 2))).toBeUndefined();
  });

  it('is unbounded above if the denominator may be zero', () => {
    const questions = [0, 0, 0, 1].map((denominator) => ({ numerator: 5, denominator }));
    expect(bootstrapRatio(questions)?.high).toBe(Number.POSITIVE_INFINITY);
  });
});
