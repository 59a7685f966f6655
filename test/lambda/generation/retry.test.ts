import { describe, expect, it } from 'vitest';
import { defaultRetryPolicy, retryDelay } from '../../../lambda/generation/retry.ts';
import { ModelUnavailableError } from '../../../lambda/upstream/errors.ts';

const failure = (retryAfterSeconds?: number) =>
  new ModelUnavailableError('The model failed.', retryAfterSeconds === undefined ? {} : { retryAfterSeconds });

describe('The delay before another call of the model', () => {
  it.each([
    [0, 250],
    [0.5, 313],
    [1, 375],
  ])('is lengthened by up to a half: with the random number %d by default to %d ms', (number, delayMs) => {
    expect(retryDelay(failure(), 1, 0, { ...defaultRetryPolicy, random: () => number })).toBe(delayMs);
  });

  it('is never shorter than the server asks for', () => {
    expect(retryDelay(failure(2), 1, 0, { ...defaultRetryPolicy, random: () => 0 })).toBe(2_000);
    expect(retryDelay(failure(2), 1, 0, { ...defaultRetryPolicy, random: () => 1 })).toBe(3_000);
  });

  it('is none after progress, whatever the random number', () => {
    expect(retryDelay(failure(), 0, 0, { ...defaultRetryPolicy, random: () => 1 })).toBe(0);
  });
});
