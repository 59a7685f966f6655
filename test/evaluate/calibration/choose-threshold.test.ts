import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChosenThreshold,
  chooseMeasure,
  chooseThreshold,
  thresholdCurve,
} from '../../../evaluate/calibration/choose-threshold.ts';

const outcome = fc.record({ right: fc.boolean(), tokens: fc.integer({ min: 1, max: 500 }) });
const trials = fc.array(
  fc.record({
    confidences: fc.record({ min_token: fc.double({ min: 0, max: 1, noNaN: true }) }),
    natural: outcome,
    wait: outcome,
  }),
  { minLength: 1, maxLength: 30 },
);

describe('the curve of a threshold', () => {
  it('has the figures that its rounded threshold gives', () => {
    fc.assert(
      fc.property(trials, (all) => {
        for (const { unsureBelow, accuracy, meanTokens, waits } of thresholdCurve(all, 'min_token')) {
          expect(Number(unsureBelow.toFixed(4))).toBe(unsureBelow);
          const asked = all.map(({ confidences, natural, wait }) =>
            confidences.min_token < unsureBelow ? wait : natural,
          );
          expect(accuracy).toBeCloseTo(asked.filter(({ right }) => right).length / all.length, 9);
          expect(meanTokens).toBeCloseTo(asked.reduce((sum, { tokens }) => sum + tokens, 0) / all.length, 6);
          expect(waits).toBeCloseTo(
            all.filter(({ confidences }) => confidences.min_token < unsureBelow).length / all.length,
            9,
          );
        }
      }),
    );
  });

  it('begins with natural thinking', () => {
    fc.assert(
      fc.property(trials, (all) => {
        expect(thresholdCurve(all, 'min_token')[0]).toMatchObject({ unsureBelow: 0, waits: 0 });
      }),
    );
  });

  it('is empty if a thought has no value of the measure', () => {
    const all = [
      { confidences: { tail: 0.5 }, natural: { right: true, tokens: 1 }, wait: { right: true, tokens: 2 } },
      { confidences: {}, natural: { right: true, tokens: 1 }, wait: { right: true, tokens: 2 } },
    ];
    expect(thresholdCurve(all, 'tail')).toEqual([]);
  });
});

describe('the chosen threshold', () => {
  it('is within the tolerance of the best one, and none of these is cheaper', () => {
    fc.assert(
      fc.property(trials, fc.double({ min: 0, max: 0.2, noNaN: true }), (all, tolerance) => {
        const curve = thresholdCurve(all, 'min_token');
        const chosen = chooseThreshold(curve, tolerance);
        const best = Math.max(...curve.map(({ accuracy }) => accuracy));
        expect(chosen?.accuracy).toBeGreaterThanOrEqual(best - tolerance - 1e-9);
        for (const point of curve)
          if (point.accuracy >= best - tolerance) expect(chosen?.meanTokens).toBeLessThanOrEqual(point.meanTokens);
      }),
    );
  });
});

describe('the chosen measure', () => {
  const of = (measure: ChosenThreshold['measure'], accuracy: number, meanTokens: number): ChosenThreshold => ({
    measure,
    accuracy,
    meanTokens,
    unsureBelow: 0.5,
    waits: 0.2,
  });

  it('is the first of those that need nearly the fewest tokens', () => {
    expect(chooseMeasure([of('min_token', 0.98, 77), of('tail', 0.98, 75)], 0.005)?.measure).toBe('min_token');
  });

  it('is a later one if it saves more', () => {
    expect(chooseMeasure([of('min_token', 0.98, 100), of('tail', 0.98, 75)], 0.005)?.measure).toBe('tail');
  });

  it('is never one that is less accurate by more than the tolerance', () => {
    expect(chooseMeasure([of('min_token', 0.9, 60), of('tail', 0.98, 75)], 0.005)?.measure).toBe('tail');
  });
});
