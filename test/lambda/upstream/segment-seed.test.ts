import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callSeed, sampleSeed, sampleSeedOf } from '../../../lambda/upstream/segment-seed.ts';

const ids = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 50 });
const clientSeed = fc.maxSafeInteger();

describe('segment seeds', () => {
  it('every seed of a call is a whole number from 0 to 2^31 - 1, which all servers take', () => {
    fc.assert(
      fc.property(clientSeed, fc.nat(15), ids, ids, (seed, sample, prompt, soFar) => {
        const call = callSeed(sampleSeed(seed, sample, prompt), soFar);
        expect(Number.isInteger(call) && call >= 0 && call < 2 ** 31).toBe(true);
      }),
      { seed: 18 },
    );
  });

  it('a server that knows the ids gets the same sample seed from each call', () => {
    fc.assert(
      fc.property(clientSeed, fc.nat(15), ids, ids, (seed, sample, prompt, soFar) => {
        const own = sampleSeed(seed, sample, prompt);
        expect(sampleSeedOf(callSeed(own, soFar), soFar)).toBe(own);
      }),
      { seed: 18 },
    );
  });

  it('a seed that a client sends to the server itself, of any size and sign, becomes a seed', () => {
    for (const seed of [0, -1, 1234, 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      const own = sampleSeedOf(seed, [1, 2, 3]);
      expect(own).toBeGreaterThanOrEqual(0);
      expect(own).toBeLessThan(2 ** 31);
    }
    expect(sampleSeedOf(7, [1, 2, 3])).not.toBe(sampleSeedOf(7, [1, 2, 4]));
  });

  it('seeds, samples, prompts and ids so far each give other seeds', () => {
    const all = [
      ...Array.from({ length: 20 }, (_, seed) => sampleSeed(seed, 0, [1, 2])),
      ...Array.from({ length: 15 }, (_, sample) => sampleSeed(0, sample + 1, [1, 2])),
      ...Array.from({ length: 20 }, (_, id) => sampleSeed(0, 0, [1, 2, id])),
      ...Array.from({ length: 20 }, (_, id) => callSeed(5, [1, 2, id])),
      sampleSeed(0, 0, [2, 1]),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});
