import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitQuestions } from '../../../evaluate/calibration/split-questions.ts';

const questions = fc
  .array(fc.integer({ min: 0, max: 30 }), { minLength: 2, maxLength: 60 })
  .map((texts) => texts.map((text, index) => ({ id: `q${index}`, question: `What is ${text}?`, answer: '1' })));

describe('the halves of a question set', () => {
  it('have each question once, and equal texts in the same half', () => {
    fc.assert(
      fc.property(questions, fc.nat(), (all, seed) => {
        const { calibration, heldOut } = splitQuestions(all, seed);
        expect([...calibration, ...heldOut].map(({ id }) => id).toSorted()).toEqual(all.map(({ id }) => id).toSorted());
        const texts = new Set(calibration.map(({ question }) => question));
        expect(heldOut.filter(({ question }) => texts.has(question))).toEqual([]);
        expect(calibration.length).toBeLessThanOrEqual(all.length / 2);
      }),
    );
  });

  it('are the same for the same seed in any order, and others for another seed', () => {
    const all = Array.from({ length: 40 }, (_, index) => ({ id: `${index}`, question: `${index}?`, answer: '1' }));
    const ids = (seed: number, own = all) =>
      splitQuestions(own, seed)
        .calibration.map(({ id }) => id)
        .toSorted();
    expect(ids(1, all.toReversed())).toEqual(ids(1));
    expect(ids(2)).not.toEqual(ids(1));
    expect(ids(1)).toHaveLength(20);
  });
});
