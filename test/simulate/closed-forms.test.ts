import { describe, expect, it } from 'vitest';
import { simulate } from '../../simulate/engine/simulate.ts';
import { Random } from '../../simulate/random.ts';
import { ListedTraffic, plainProfile, simulation } from './worlds.ts';

const MEAN_TOKENS = 1_000;

/** A Poisson process of requests with exponentially distributed answers. */
function* poisson(perSecond: number, requests: number, seed: number) {
  const random = new Random(seed);
  let at = 0;
  for (let request = 0; request < requests; request++) {
    at += random.exponential(1 / perSecond);
    yield { at, answerTokens: 1 + Math.round(random.exponential(MEAN_TOKENS)) };
  }
}

/** Probability to wait in M/M/c (Erlang C formula), with `load` = arrival rate × service time. */
function erlangC(servers: number, load: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; k < servers; k++) {
    term *= load / k;
    sum += term;
  }
  const last = ((term * load) / servers) * (servers / (servers - load));
  return last / (sum + last);
}

/** Mean of independent runs with its 99.9 % confidence interval, by Student's t with 11 degrees of freedom. */
function confidence(runs: readonly number[]): { readonly mean: number; readonly halfWidth: number } {
  const mean = runs.reduce((a, b) => a + b, 0) / runs.length;
  const variance = runs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (runs.length - 1);
  return { mean, halfWidth: 4.437 * Math.sqrt(variance / runs.length) };
}
const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);

describe('The simulator against closed forms', () => {
  it.each([
    { servers: 1, utilization: 0.5 },
    { servers: 4, utilization: 0.8 },
    { servers: 16, utilization: 0.8 },
  ])('the mean wait is that of M/M/$servers at utilization $utilization', ({ servers, utilization }) => {
    const service = MEAN_TOKENS * plainProfile.speed.stepSeconds;
    const perSecond = (utilization * servers) / service;
    const theory = (erlangC(servers, perSecond * service) * service) / (servers * (1 - utilization));
    const profile = { ...plainProfile, speed: { ...plainProfile.speed, maxSequences: servers } };
    const waits = SEEDS.map(
      (seed) =>
        simulate(simulation({ profile, traffic: new ListedTraffic(poisson(perSecond, 30_000, seed)) })).firstToken.mean,
    );
    const { mean, halfWidth } = confidence(waits);
    expect(Math.abs(mean - theory)).toBeLessThan(halfWidth);
    expect(halfWidth).toBeLessThan(theory * 0.2);
  });

  it('the mean total time is that of M/M/1 processor sharing if a step takes equal time per sequence', () => {
    const speed = { ...plainProfile.speed, stepSeconds: 1e-9, sequenceSeconds: 0.01 };
    const service = MEAN_TOKENS * speed.sequenceSeconds;
    const perSecond = 0.7 / service;
    const theory = service / (1 - 0.7);
    const totals = SEEDS.map(
      (seed) =>
        simulate(
          simulation({
            profile: { ...plainProfile, speed },
            traffic: new ListedTraffic(poisson(perSecond, 30_000, seed)),
          }),
        ).total.mean,
    );
    const { mean, halfWidth } = confidence(totals);
    expect(Math.abs(mean - theory)).toBeLessThan(halfWidth);
    expect(halfWidth).toBeLessThan(theory * 0.15);
  });

  it("the mean requests in flight satisfy Little's law", () => {
    const outcome = simulate(simulation({ traffic: new ListedTraffic(poisson(0.3, 20_000, 1)) }));
    const perSecond = outcome.completed / outcome.measuredSeconds;
    expect(outcome.meanRequests).toBeCloseTo(perSecond * outcome.total.mean, 6);
  });
});
