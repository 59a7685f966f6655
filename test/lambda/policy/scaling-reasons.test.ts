import { describe, expect, it } from 'vitest';
import { changeOf, copySteps } from '../../../lambda/policy/copy-steps.ts';
import { noDemand } from '../../../lambda/policy/demand.ts';
import { defaultScaling } from '../../../lambda/policy/desired-copies.ts';
import { emptyLoad } from '../../../lambda/policy/load.ts';
import { scalingDecision } from '../../../lambda/policy/scaling-decision.ts';

/** 73,000 usable tokens of cache. */
const capacity = {
  cacheTokens: 100_000,
  maxRequests: 10,
  tokensPerSecond: 100,
  promptTokensPerSecond: 1_000,
  requestTokens: 0,
};

describe('the steps of the copies', () => {
  const [missing, spare] = copySteps;

  it('have the names of their metrics and opposite directions', () => {
    expect(missing).toMatchObject({ name: 'missing-copies', metricName: 'MissingCopies', threshold: 1 });
    expect(spare).toMatchObject({ name: 'spare-copies', metricName: 'SpareCopies', threshold: 1 });
    for (const steps of [missing?.steps, spare?.steps]) {
      expect(steps).toHaveLength(20);
      expect(steps?.filter(({ to }) => to === undefined)).toEqual([steps?.[19]]);
    }
  });

  it.each([
    [0, 0],
    [0.99, 0],
    [1, 1],
    [1.99, 1],
    [2, 2],
    [19.99, 19],
    [20, 20],
    [500, 20],
  ])('a metric of %d changes the copies by %d', (value, change) => {
    expect(missing && changeOf(missing, value)).toBe(change);
    expect(spare && changeOf(spare, value)).toBe(change === 0 ? 0 : -change);
  });
});

describe('the reasons and the window of scaling', () => {
  const scaling = {
    ...defaultScaling,
    minCopies: 1,
    maxCopies: 4,
    targetUtilization: 1,
    maxPressure: 1,
    scaleInAfterSeconds: 100,
  };
  const decide = (copies: number, current: number, changes: { history?: never; now?: number; load?: object } = {}) =>
    scalingDecision(
      { ...noDemand, tokensPerSecond: copies * 100 },
      { ...emptyLoad, copies: current, ...changes.load },
      capacity,
      scaling,
      changes.history,
      changes.now ?? 0,
    );
  const quiet = { since: 0, peaks: [] };

  it.each([
    ['demand adds', decide(3, 1), 'A demand of 300 tokens/s needs 3 copies: adding 2 to the current 1.'],
    ['one copy', decide(1.0, 0), 'The minimum of 1 copy is enough: adding 1 to the current 0.'],
    ['the maximum', decide(9, 2), 'The maximum of 4 copies is not enough: adding 2 to the current 2.'],
    [
      'the cache',
      decide(0, 1, { load: { requests: 3, promptTokens: 0, reservedTokens: 365_000.4 } }),
      '3 requests with 365000 reserved tokens need 3 copies: adding 2 to the current 1.',
    ],
    [
      'the window',
      decide(2, 3),
      'A demand of 200 tokens/s needs 2 copies, but more were needed within the last 100 s: keeping 3.',
    ],
    ['no change', decide(2, 2), 'A demand of 200 tokens/s needs 2 copies: keeping 2.'],
    [
      'scale-in',
      decide(2, 3, { history: quiet as never, now: 100 }),
      'A demand of 200 tokens/s needs 2 copies, and no more were needed for 100 s: removing 1 of 3.',
    ],
  ])('%s has a sentence', (_name, decision, reason) => {
    expect(decision.reason).toBe(reason);
  });

  it('removes copies exactly when the window is full, and not below its largest need', () => {
    const history = { since: 1_000, peaks: [{ at: 1_050, copies: 3 }] } as never;
    expect(decide(2, 4, { history, now: 1_099 })).toMatchObject({ copies: 4, spare: 0 });
    expect(decide(2, 4, { history, now: 1_100 })).toMatchObject({ copies: 3, spare: 1 });
    expect(decide(2, 4, { history, now: 1_149 })).toMatchObject({ copies: 3 });
    expect(decide(2, 4, { history, now: 1_150 })).toMatchObject({ copies: 2, spare: 2, missing: 0 });
  });

  it('begins its history with the first need', () => {
    expect(decide(2, 2, { now: 7 }).history).toEqual({ since: 7, peaks: [{ at: 7, copies: 2 }] });
  });
});
