import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaUnderCurve, rocCurve } from '../../../evaluate/statistics/roc.ts';

const answers = fc.array(
  fc.record({ score: fc.integer({ min: 0, max: 5 }).map((value) => value / 5), right: fc.boolean() }),
  { maxLength: 40 },
);

describe('the area under the curve', () => {
  it('is the chance that a right answer scores higher than a wrong one, with ties as half', () => {
    fc.assert(
      fc.property(answers, (all) => {
        const right = all.filter((answer) => answer.right);
        const wrong = all.filter((answer) => !answer.right);
        const area = areaUnderCurve(all);
        if (right.length === 0 || wrong.length === 0) {
          expect(area).toBeUndefined();
          return;
        }
        const wins = right.flatMap((a) => wrong.map((b) => (a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0)));
        expect(area).toBeCloseTo(wins.reduce<number>((sum, win) => sum + win, 0) / wins.length, 9);
      }),
    );
  });

  it('has a curve from no answer to all answers', () => {
    const curve = rocCurve([
      { score: 0.9, right: true },
      { score: 0.1, right: false },
    ]);
    expect(curve).toEqual([
      { wrong: 0, right: 0 },
      { wrong: 0, right: 1 },
      { wrong: 1, right: 1 },
    ]);
  });
});
