import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Demand, measureDemand, noDemand } from '../../../lambda/policy/demand.ts';
import { defaultScaling, desiredCopies, type ScalingSettings } from '../../../lambda/policy/desired-copies.ts';
import { emptyLoad } from '../../../lambda/policy/load.ts';
import { type DesiredHistory, scalingDecision } from '../../../lambda/policy/scaling-decision.ts';
import { anyLoad, capacity, loadOf } from './loads.ts';

const settings: ScalingSettings = { ...defaultScaling, minCopies: 0, maxCopies: 20, targetUtilization: 0.8 };
/** Demand that this number of copies serves at the target utilization. */
const demandOf = (copies: number): Demand => ({
  ...noDemand,
  tokensPerSecond: copies * capacity.tokensPerSecond * 0.8,
});

const arrived = (outputTokens: number, seconds: number) => ({ promptTokens: 0, outputTokens, seconds });

describe('Demand', () => {
  it('demand approaches the arrival rate with the smoothing time constant', () => {
    let demand = noDemand;
    for (let second = 0; second < 600; second += 10)
      demand = measureDemand(demand, arrived(50_000, 10), noDemand.held, 600);
    expect(demand.tokensPerSecond).toBeCloseTo(5_000 * (1 - Math.exp(-1)), 6);
  });

  it('demand does not depend on the measurement interval', () => {
    let often = noDemand;
    for (let second = 0; second < 600; second++) often = measureDemand(often, arrived(100, 1), noDemand.held, 300);
    const once = measureDemand(noDemand, arrived(60_000, 600), noDemand.held, 300);
    expect(often.tokensPerSecond).toBeCloseTo(once.tokensPerSecond, 6);
  });
});

describe('Desired copies', () => {
  it('desired copies are the fewest that serve the demand', () => {
    expect(desiredCopies(demandOf(5), emptyLoad, capacity, settings)).toEqual({ copies: 5, because: 'demand' });
    expect(desiredCopies(demandOf(5.01), emptyLoad, capacity, settings).copies).toBe(6);
  });

  it('desired copies hold the admitted requests, even without demand', () => {
    const load = loadOf(settings.maxPressure, 3);
    expect(desiredCopies(noDemand, load, capacity, settings)).toEqual({ copies: 3, because: 'cache' });
  });

  it('desired copies count the work of prompts as well as of output', () => {
    const prompts = { ...noDemand, promptTokensPerSecond: 2 * capacity.promptTokensPerSecond * 0.8 };
    expect(desiredCopies(prompts, emptyLoad, capacity, settings)).toEqual({ copies: 2, because: 'demand' });
    const both = { ...demandOf(3), promptTokensPerSecond: prompts.promptTokensPerSecond };
    expect(desiredCopies(both, emptyLoad, capacity, settings).copies).toBe(5);
  });

  it('desired copies keep the mean pressure below that of a peak', () => {
    const { requests, reservedTokens, promptTokens } = loadOf(settings.maxMeanPressure, 4);
    const mean = { ...noDemand, held: { requests, reservedTokens, promptTokens } };
    expect(desiredCopies(mean, emptyLoad, capacity, settings)).toEqual({ copies: 4, because: 'cache' });
  });

  it('desired copies fill whole instances', () => {
    expect(desiredCopies(demandOf(5), emptyLoad, capacity, { ...settings, copiesPerInstance: 4 }).copies).toBe(8);
  });

  it('desired copies scale from zero for a single request, and to zero when the demand has decayed', () => {
    const one = { ...emptyLoad, requests: 1, reservedTokens: 10, committedTokens: 10 };
    expect(desiredCopies(noDemand, one, capacity, settings).copies).toBe(1);
    expect(desiredCopies({ ...noDemand, tokensPerSecond: 1 }, emptyLoad, capacity, settings).copies).toBe(0);
  });

  it('desired copies stay within bounds, ignore the current copies, and never decrease with the demand', () => {
    fc.assert(
      fc.property(
        anyLoad,
        fc.double({ min: 0, max: 50, noNaN: true }),
        fc.double({ min: 0, max: 50, noNaN: true }),
        fc.integer({ min: 1, max: 8 }),
        (load, a, b, copiesPerInstance) => {
          const bounded = { ...settings, minCopies: 1, copiesPerInstance };
          const less = desiredCopies(demandOf(Math.min(a, b)), load, capacity, bounded).copies;
          const more = desiredCopies(demandOf(Math.max(a, b)), load, capacity, bounded).copies;
          expect(less).toBeGreaterThanOrEqual(1);
          expect(more).toBeLessThanOrEqual(20);
          expect(more).toBeGreaterThanOrEqual(less);
          const others = { ...load, copies: load.copies + 3, startingCopies: 0 };
          expect(desiredCopies(demandOf(Math.min(a, b)), others, capacity, bounded).copies).toBe(less);
        },
      ),
      { seed: 7 },
    );
  });
});

describe('A scaling decision', () => {
  const decide = (copies: number, have: number, history: DesiredHistory | undefined, now: number) =>
    scalingDecision(demandOf(copies), { ...emptyLoad, copies: have }, capacity, settings, history, now);

  it('a scaling decision adds copies immediately', () => {
    expect(decide(5, 2, undefined, 0)).toMatchObject({ copies: 5, missing: 3, spare: 0 });
  });

  it('a scaling decision counts starting copies', () => {
    const load = { ...emptyLoad, copies: 2, startingCopies: 3 };
    expect(scalingDecision(demandOf(5), load, capacity, settings, undefined, 0)).toMatchObject({
      missing: 0,
      spare: 0,
    });
  });

  it('a scaling decision removes copies only if fewer were desired during the whole window', () => {
    let { history } = decide(5, 5, undefined, 0);
    ({ history } = decide(2, 5, history, 10));
    const within = decide(2, 5, history, settings.scaleInAfterSeconds - 1);
    expect(within).toMatchObject({ copies: 5, spare: 0 });
    const after = decide(2, 5, within.history, settings.scaleInAfterSeconds + 1);
    expect(after).toMatchObject({ copies: 2, spare: 3, missing: 0 });
  });

  it('a scaling decision keeps the maximum of the window', () => {
    let { history } = decide(5, 5, undefined, 0);
    ({ history } = decide(3, 5, history, 1_000));
    expect(decide(1, 5, history, settings.scaleInAfterSeconds + 1)).toMatchObject({ copies: 3, spare: 2 });
  });

  it('a scaling decision keeps the current copies until the window is full', () => {
    expect(decide(1, 5, undefined, 0)).toMatchObject({ copies: 5, spare: 0 });
  });

  it('the history keeps only candidates for the maximum of the window', () => {
    let history: DesiredHistory | undefined;
    for (let turn = 0; turn < 5_000; turn++) ({ history } = decide(1 + (turn % 17), 5, history, turn * 10));
    expect(history?.peaks.length).toBeLessThanOrEqual(20);
  });

  it('a scaling decision states its reason', () => {
    expect(decide(5, 2, undefined, 0).reason).toBe(
      'A demand of 8000 tokens/s needs 5 copies: adding 3 to the current 2.',
    );
    expect(decide(1, 5, undefined, 0).reason).toContain('keeping 5');
  });
});
