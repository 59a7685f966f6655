import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Copy, type CopySpeed } from '../../simulate/engine/copy.ts';
import { Job } from '../../simulate/engine/job.ts';
import { tightProfile } from './worlds.ts';

const speed: CopySpeed = {
  stepSeconds: 0.02,
  sequenceSeconds: 0.001,
  cachedTokenSeconds: 1e-5,
  prefillTokensPerSecond: 10_000,
  chunkTokens: 200,
  cacheTokens: 100_000,
  maxSequences: 64,
};

function jobOf(contextTokens: number, tokens: number): Job {
  const job = new Job();
  job.contextTokens = contextTokens;
  job.tokensLeft = tokens;
  job.callsLeft = 1;
  return job;
}

/** Runs a copy until all jobs have ended. */
function run(jobs: readonly { readonly at: number; readonly job: Job }[], of: CopySpeed) {
  const first = new Map<Job, number>();
  const last = new Map<Job, number>();
  const copy = new Copy(1, 1, of, {
    firstToken: (job, now) => first.set(job, first.get(job) ?? now),
    callEnded: (job, now) => last.set(job, now),
  });
  const seen = { held: 0, decoding: 0 };
  const waiting = [...jobs];
  for (;;) {
    const next = waiting[0];
    if (next !== undefined && next.at <= copy.nextAt) {
      waiting.shift();
      copy.add(next.job, next.at, false);
    } else if (copy.nextAt < Number.POSITIVE_INFINITY) copy.run();
    else break;
    seen.held = Math.max(seen.held, copy.heldTokens);
    seen.decoding = Math.max(seen.decoding, copy.decoding);
  }
  return { copy, first, last, seen };
}

describe('A copy', () => {
  it('the times of a single sequence are the sum of its steps', () => {
    const job = jobOf(1_000, 50);
    const { first, last } = run([{ at: 5, job }], speed);
    // Five prefill chunks, then 49 steps with a cache that grows by one token each.
    const prefill = 5 * (0.02 + 1_000 * 1e-5 + 200 / 10_000);
    expect(first.get(job)).toBeCloseTo(5 + prefill, 9);
    const decode = 49 * (0.02 + 0.001 + 1_001 * 1e-5) + (1e-5 * 49 * 49) / 2;
    expect(last.get(job)).toBeCloseTo(5 + prefill + decode, 9);
  });

  it('the simulation by events agrees with a loop over single steps, within one step', () => {
    const lengths = [40, 300, 120, 75, 220];
    const jobs = lengths.map((tokens, index) => ({ at: 0, job: jobOf(1, tokens + index) }));
    const { last } = run(jobs, { ...speed, prefillTokensPerSecond: 1e12, chunkTokens: 1e9 });
    const left = lengths.map((tokens, index) => tokens + index - 1);
    const ends = left.map(() => 0);
    let now = 0;
    let held = left.length * 2;
    while (left.some((tokens) => tokens > 0)) {
      const running = left.filter((tokens) => tokens > 0).length;
      now += 0.02 + 0.001 * running + 1e-5 * held;
      held += running;
      left.forEach((tokens, index) => {
        if (tokens === 1) {
          ends[index] = now;
          held -= (lengths[index] ?? 0) + index + 1;
        }
        left[index] = tokens - 1;
      });
    }
    jobs.forEach(({ job }, index) => {
      expect(Math.abs((last.get(job) ?? 0) - (ends[index] ?? 0))).toBeLessThan(0.05);
    });
  });

  it('a copy never exceeds its cache and places, and generates every token exactly once', () => {
    const job = fc.record({
      at: fc.double({ min: 0, max: 20, noNaN: true }),
      context: fc.integer({ min: 1, max: 6_000 }),
      tokens: fc.integer({ min: 1, max: 4_000 }),
    });
    fc.assert(
      fc.property(fc.array(job, { minLength: 1, maxLength: 40 }), (rows) => {
        const jobs = rows
          .toSorted((a, b) => a.at - b.at)
          .map(({ at, context, tokens }) => ({ at, job: jobOf(context, tokens) }));
        const { copy, last, seen } = run(jobs, tightProfile.speed);
        expect(last.size).toBe(jobs.length);
        expect(seen.held).toBeLessThanOrEqual(tightProfile.speed.cacheTokens * (1 + 1e-9) + 1);
        expect(seen.decoding).toBeLessThanOrEqual(tightProfile.speed.maxSequences);
        expect(copy.decodedTokens).toBeCloseTo(
          rows.reduce((sum, { tokens }) => sum + tokens, 0),
          3,
        );
        expect(copy.heldTokens).toBe(0);
        expect(copy.outstanding).toBe(0);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('the newest sequence is preempted if the cache is full, and the oldest finishes first', () => {
    const jobs = [0, 1, 2].map((at) => ({ at, job: jobOf(5_000, 4_000) }));
    const { copy, last } = run(jobs, { ...tightProfile.speed, cacheTokens: 20_000 });
    expect(copy.preemptions).toBeGreaterThan(0);
    const ends = jobs.map(({ job }) => last.get(job) ?? 0);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  });

  it('a call that is cut ends with the tokens generated so far', () => {
    const ended: Job[] = [];
    const copy = new Copy(1, 1, speed, { firstToken: () => {}, callEnded: (job) => ended.push(job) });
    const job = jobOf(100, 1_000);
    copy.add(job, 0, false);
    copy.run();
    copy.cut(job, 5);
    expect(ended).toEqual([job]);
    expect(job.tokensLeft).toBe(0);
    expect(copy.decodedTokens).toBeCloseTo(job.contextTokens - 100, 9);
    expect(job.contextTokens).toBeGreaterThan(250);
    expect(copy.outstanding).toBe(0);
    expect(copy.nextAt).toBe(Number.POSITIVE_INFINITY);
  });
});
