import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CopyClock, CopyClocks } from '../../local/endpoint/copy-clock.ts';
import { Copy } from '../../simulate/engine/copy.ts';
import { Job } from '../../simulate/engine/job.ts';
import { newArrival } from '../../simulate/traffic/traffic.ts';
import { plainProfile } from '../simulate/worlds.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const options = { stepSeconds: 0.01, promptTokensPerSecond: 1_000, chunkTokens: 200, longPromptTokens: 100 };

/** A prompt of this many tokens that shares no beginning with others. */
const idsOf = (tokens: number, first: number) => Array.from({ length: tokens }, (_, index) => 1_000 * first + index);

const FULL_STEP_MS = 210;

/** First and last token of a request with this prompt and output, in milliseconds. */
interface Times {
  first: number;
  last: number;
}

/** Runs requests that come at once on the emulated copy. */
async function emulated(requests: readonly (readonly [prompt: number, output: number])[]): Promise<Times[]> {
  const clock = new CopyClock(options);
  const times = requests.map(() => ({ first: 0, last: 0 }));
  const all = requests.map(async ([prompt, output], index) => {
    const seat = clock.join();
    await seat.prompt(idsOf(prompt, index));
    const own = times[index] ?? { first: 0, last: 0 };
    own.first = performance.now();
    for (let token = 1; token < output; token++) await seat.token(token);
    own.last = performance.now();
    seat.leave();
  });
  const start = performance.now();
  await vi.advanceTimersByTimeAsync(60_000);
  await Promise.all(all);
  return times.map(({ first, last }) => ({ first: Math.round(first - start), last: Math.round(last - start) }));
}

/** The same in the simulator. */
function simulated(requests: readonly (readonly [prompt: number, output: number])[]): Times[] {
  const times = new Map<Job, Times>();
  const speed = {
    ...plainProfile.speed,
    stepSeconds: options.stepSeconds,
    sequenceSeconds: 0,
    cachedTokenSeconds: 0,
    prefillTokensPerSecond: options.promptTokensPerSecond,
    chunkTokens: options.chunkTokens,
    longPromptTokens: options.longPromptTokens,
    cacheTokens: 1_000_000,
    maxSequences: 100,
  };
  const copy = new Copy(0, 0, speed, {
    firstToken: (job, now) => times.set(job, { first: Math.round(now * 1_000), last: 0 }),
    callEnded: (job, now) => {
      const own = times.get(job);
      if (own !== undefined) own.last = Math.round(now * 1_000);
    },
  });
  const jobs = requests.map(([promptTokens, output]) => {
    const job = new Job();
    const arrival = { ...newArrival(), promptTokens, answerTokens: output, maxAnswerTokens: output };
    job.begin(arrival, 0, 0);
    job.nextCall();
    copy.add(job, 0, false);
    return job;
  });
  while (copy.nextAt < Number.POSITIVE_INFINITY) copy.run();
  return jobs.map((job) => times.get(job) ?? { first: -1, last: -1 });
}

describe('The clock of an emulated copy', () => {
  it.each([
    ['one short prompt', [[50, 20]]],
    ['one long prompt', [[950, 5]]],
    [
      'a short prompt beside a long one',
      [
        [950, 3],
        [50, 30],
      ],
    ],
    [
      'several prompts in one step',
      [
        [100, 10],
        [100, 10],
        [60, 10],
        [400, 10],
      ],
    ],
    [
      'tokens beside a prompt',
      [
        [20, 100],
        [700, 10],
      ],
    ],
  ] as const)('takes as long as the copy of the simulator: %s', async (_, requests) => {
    const live = await emulated(requests);
    const expected = simulated(requests);
    for (const [index, { first, last }] of live.entries()) {
      // Within one step: the simulator counts parts of steps.
      expect(Math.abs(first - (expected[index]?.first ?? 0))).toBeLessThanOrEqual(FULL_STEP_MS);
      expect(Math.abs(last - (expected[index]?.last ?? 0))).toBeLessThanOrEqual(FULL_STEP_MS);
    }
  });

  it('stops when no request is on the copy, and goes on with the next one', async () => {
    const clock = new CopyClock(options);
    for (let round = 0; round < 2; round++) {
      const seat = clock.join();
      const done = seat.prompt(idsOf(100, round));
      await vi.advanceTimersByTimeAsync(109);
      const start = performance.now();
      await vi.advanceTimersByTimeAsync(10);
      await done;
      expect(performance.now() - start).toBeLessThan(11);
      seat.leave();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it('computes only what its cache does not hold of a prompt, in whole blocks', async () => {
    const clock = new CopyClock(options);
    const first = clock.join();
    const done = Promise.all([first.prompt(idsOf(100, 1))]).then(() => first.token(7));
    await vi.advanceTimersByTimeAsync(1_000);
    await done;
    first.leave();
    const next = clock.join();
    // The earlier prompt of 100 tokens has six whole blocks, and 80 tokens have four that are not the end.
    expect(next.cached([...idsOf(100, 1), 8, 9])).toBe(96);
    expect(next.cached(idsOf(80, 1))).toBe(64);
    expect(next.cached(idsOf(100, 2))).toBe(0);
    const start = performance.now();
    const again = next.prompt([...idsOf(100, 1), 8, 9]).then(() => performance.now());
    await vi.advanceTimersByTimeAsync(1_000);
    // Six tokens, their step, and the rest of a step under way.
    expect((await again) - start).toBeLessThanOrEqual(27);
  });

  it('is that of the copy with the fewest requests', () => {
    const clocks = new CopyClocks(options);
    const seats = [clocks.join(2), clocks.join(2), clocks.join(2)];
    expect(seats).toHaveLength(3);
    expect(clocks.seats).toEqual([2, 1]);
    seats[0]?.leave();
    clocks.join(2);
    expect(clocks.seats).toEqual([2, 1]);
  });
});
