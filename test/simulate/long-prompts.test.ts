import { describe, expect, it } from 'vitest';
import { Copy, type CopySpeed } from '../../simulate/engine/copy.ts';
import { Job } from '../../simulate/engine/job.ts';
import { simulate } from '../../simulate/engine/simulate.ts';
import { trafficKinds } from '../../simulate/traffic/kinds.ts';
import { lengthAt } from '../../simulate/traffic/quantiles.ts';
import { ShapedTraffic } from '../../simulate/traffic/shaped.ts';
import { newArrival } from '../../simulate/traffic/traffic.ts';
import { ListedTraffic, plainProfile, simulation } from './worlds.ts';

/** A copy that prefills 10,000 tokens per second, in chunks of 2,000. */
const prefilling = {
  ...plainProfile.speed,
  stepSeconds: 0.001,
  prefillTokensPerSecond: 10_000,
  chunkTokens: 2_000,
};

/** Times of the first tokens of prompts, each with its arrival in seconds. */
function firstTokens(speed: CopySpeed, prompts: readonly (readonly [at: number, tokens: number])[]): number[] {
  const firstAt = new Map<Job, number>();
  const copy = new Copy(1, 1, speed, { firstToken: (job, now) => firstAt.set(job, now), callEnded: () => undefined });
  const jobs = prompts.map(([now, promptTokens]) => {
    const job = new Job();
    job.begin({ ...newArrival(), promptTokens, answerTokens: 1, maxAnswerTokens: 1 }, 0, now);
    job.nextCall();
    while (copy.nextAt < now) copy.run();
    copy.add(job, now, false);
    return job;
  });
  while (copy.nextAt < Number.POSITIVE_INFINITY) copy.run();
  return jobs.map((job) => firstAt.get(job) ?? 0);
}

describe('Short prompts beside a long one', () => {
  const ten = new Array<[number, number]>(10).fill([0.1, 1_000]);

  it('a long prompt in front makes short ones wait for all of it', () => {
    const [, ...short] = firstTokens(prefilling, [[0, 40_000], ...ten]);
    expect(Math.min(...short)).toBeGreaterThan(4);
  });

  it('short prompts pass a long one that fills half of each step, which takes at most twice its time', () => {
    const [long = 0, ...short] = firstTokens({ ...prefilling, longPromptTokens: 1_000 }, [[0, 40_000], ...ten]);
    expect(Math.max(...short)).toBeLessThan(2.5);
    expect(long).toBeLessThan(2 * 4 * 1.02);
  });

  it('with a stretch, a short prompt passes a waiting long one, but not if it came later than the bound', () => {
    const queue = [
      [0, 100_000],
      [0.05, 40_000],
    ] as const;
    const passes = (at: number, promptStretch: number) => {
      const [, long = 0, short = 0] = firstTokens({ ...prefilling, promptStretch }, [...queue, [at, 1_000]]);
      return short < long;
    };
    expect(passes(7, 0)).toBe(false);
    expect(passes(7, 2)).toBe(true);
    // The long prompt takes 4 s: with a stretch of 2, no prompt that came more than 8 s after it goes ahead.
    expect(passes(8.2, 2)).toBe(false);
  });
});

describe('Prefix caching', () => {
  const run = (sharedTokens: number) =>
    simulate(
      simulation({
        profile: { ...plainProfile, speed: prefilling },
        traffic: new ListedTraffic(
          [0, 10, 20].map((at) => ({ at, promptTokens: 20_000, prefix: -1, sharedTokens, answerTokens: 5 })),
        ),
      }),
    );

  it('a beginning that an earlier request left in the cache costs no prefill', () => {
    expect(run(0).firstToken.p50).toBeGreaterThan(1.9);
    expect(run(19_000).firstToken.p50).toBeLessThan(0.2);
  });
});

describe('Failures', () => {
  const traffic = () =>
    new ListedTraffic(
      Array.from({ length: 200 }, (_, index) => ({ at: index / 10, promptTokens: 50, answerTokens: 400 })),
    );

  it('requests of copies that are gone go on elsewhere: none is lost and no token is counted twice', () => {
    const { whole } = simulate(
      simulation({ traffic: traffic(), initialCopies: 4, failures: [{ kind: 'copies', at: 15, part: 0.5 }] }),
    );
    expect(whole.completed).toBe(200);
    expect(whole.decodedTokens).toBeCloseTo(whole.outputTokens, 6);
    expect(whole.outputTokens).toBe(200 * 400);
  });

  it('a lost instance is not billed any longer', () => {
    const hours = (part: number) =>
      simulate(simulation({ traffic: traffic(), initialCopies: 4, failures: [{ kind: 'copies', at: 0.01, part }] }))
        .instanceHours;
    expect(hours(0.5)).toBeLessThan(hours(0.01));
  });
});

describe('Traffic by quantiles', () => {
  it('lengths have the given quantiles, with logarithms between them', () => {
    const { prompt } = trafficKinds.long.kinds[0];
    expect([0.5, 0.9, 0.95, 0.99].map((point) => lengthAt(prompt, point))).toEqual([6_900, 27_400, 39_600, 85_400]);
    expect(
      lengthAt(
        [
          [0, 100],
          [1, 10_000],
        ],
        0.5,
      ),
    ).toBe(1_000);
    expect(() =>
      lengthAt(
        [
          [0, 100],
          [0.5, 50],
          [1, 200],
        ],
        0.4,
      ),
    ).toThrow('50 tokens at 0.5 follow 100 at 0');
    expect(() =>
      lengthAt(
        [
          [0.1, 100],
          [1, 200],
        ],
        0.4,
      ),
    ).toThrow('begin with the probability 0');
  });

  it('generated requests have the rate, the quantiles and the sessions of their kind', () => {
    const seconds = 20_000;
    const read = (name: keyof typeof trafficKinds) => {
      const traffic = new ShapedTraffic({ ...trafficKinds[name], rate: { swing: 0 }, seconds }, 1);
      const arrival = newArrival();
      const found: { prompt: number; shared: number; at: number }[] = [];
      while (traffic.next(arrival))
        found.push({ prompt: arrival.promptTokens, shared: arrival.sharedTokens, at: arrival.at });
      return found;
    };
    const long = read('long');
    expect(long.length / seconds).toBeCloseTo(200 / 60, 1);
    const sorted = long.map(({ prompt }) => prompt).toSorted((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length * 0.95)]).toBeGreaterThan(39_600 * 0.95);
    expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThan(39_600 * 1.05);
    const agents = read('agents');
    expect(agents.length / seconds).toBeGreaterThan(11);
    expect(agents.length / seconds).toBeLessThan(13);
    expect(agents.every(({ at }, index) => index === 0 || at >= (agents[index - 1]?.at ?? 0))).toBe(true);
    expect(agents.filter(({ shared }) => shared > 0).length / agents.length).toBeGreaterThan(0.85);
  });
});
