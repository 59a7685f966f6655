import { describe, expect, it } from 'vitest';
import { learnSpeed, promptSpeed, speedAt, speedOfProfile } from '../../../lambda/policy/measured-speed.ts';

describe('the measured speed', () => {
  const fit = speedOfProfile(0.01, { requests: 10, stepSeconds: 0.1 }, 1_000);

  it('learns from one request per copy, and not from less, from no copy, or from no token', () => {
    const measured = { tokens: 100, promptTokens: 0, copySeconds: 10, requestsPerCopy: 1 };
    expect(learnSpeed(fit, measured)).not.toEqual(fit);
    for (const changes of [{ requestsPerCopy: 0.99 }, { copySeconds: 0 }, { tokens: 0 }]) {
      expect(learnSpeed(fit, { ...measured, ...changes })).toBe(fit);
    }
  });

  it('is a line through the profile, and flat if all measurements had the same requests', () => {
    expect(speedAt(fit, 1)).toBeCloseTo(100, 9);
    expect(speedAt(fit, 10)).toBeCloseTo(100, 9);
    const flat = speedOfProfile(0.01, { requests: 1, stepSeconds: 0.03 }, 1_000);
    // Two of the three points of the profile are those of a full copy.
    expect(speedAt(flat, 5)).toBeCloseTo(5 / (0.07 / 3), 9);
  });

  it('sums the measurements with the discount of the earlier ones', () => {
    // 4 requests, each a token in 25 steps of 0.4 s, in which 50 prompt tokens are prefilled.
    const learned = learnSpeed(fit, { tokens: 100, promptTokens: 1_250, copySeconds: 10, requestsPerCopy: 4 });
    const added = {
      weight: 1,
      requests: 4,
      seconds: 0.4,
      requestsSquared: 16,
      product: 1.6,
      prompts: 50,
      promptsSquared: 2_500,
      promptsRequests: 200,
      promptsSeconds: 20,
    };
    for (const [name, value] of Object.entries(added)) {
      const sum = name as keyof typeof added;
      expect(learned[sum], name).toBeCloseTo(0.9967 * fit[sum] + value, 9);
    }
    expect(learned.profilePromptTokensPerSecond).toBe(1_000);
  });

  it('of prompts stays within a factor of four of the profile, whatever is measured', () => {
    const speedIf = (secondsPerPromptToken: number) => {
      let learned = fit;
      for (let turn = 0; turn < 2_500; turn++) {
        const requests = 1 + (turn % 10);
        const prompts = 100 * (turn % 7);
        const seconds = 0.01 * requests + prompts * secondsPerPromptToken;
        learned = learnSpeed(learned, {
          tokens: requests,
          promptTokens: prompts,
          copySeconds: seconds,
          requestsPerCopy: requests,
        });
      }
      return promptSpeed(learned);
    };
    expect(speedIf(1)).toBeCloseTo(250, 9);
    expect(speedIf(1 / 900)).toBeGreaterThan(850);
    expect(speedIf(1 / 900)).toBeLessThan(950);
    expect(speedIf(0)).toBeCloseTo(4_000, 9);
  });

  it('does not grow with fewer requests: a step that gets shorter with more of them is noise', () => {
    const noisy = speedOfProfile(0.03, { requests: 10, stepSeconds: 0.01 }, 1_000);
    const meanSeconds = (0.03 + 0.01 + 0.01) / 3;
    expect(speedAt(noisy, 1)).toBeCloseTo(1 / meanSeconds, 9);
    expect(speedAt(noisy, 20)).toBeCloseTo(20 / meanSeconds, 9);
  });

  it('counts less than one request as one, and has no step without any duration', () => {
    expect(speedAt(fit, 0)).toBe(speedAt(fit, 1));
    // The line through (5 requests, 0.01 s) and (10, 1 s) is below 0 at one request.
    let steep = speedOfProfile(0.01, { requests: 10, stepSeconds: 1 }, 1_000);
    for (let turn = 0; turn < 3_000; turn++) {
      const [requests, seconds] = turn % 2 === 0 ? [5, 0.01] : [10, 1];
      steep = learnSpeed(steep, { tokens: requests, promptTokens: 0, copySeconds: seconds, requestsPerCopy: requests });
    }
    expect(speedAt(steep, 1)).toBeCloseTo(100 / (steep.seconds / steep.weight), 9);
  });
});
