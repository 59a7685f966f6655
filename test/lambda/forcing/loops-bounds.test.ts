import { describe, expect, it } from 'vitest';
import { endsInLoop } from '../../../lambda/forcing/loops.ts';

/** Ids that never repeat, and then `tokens` ids of a loop with this period. */
const ending = (period: number, tokens: number, before = 320) => [
  ...Array.from({ length: before - (tokens % 16) + (tokens % 16 === 0 ? 0 : 16) }, (_, index) => 1_000 + index),
  ...Array.from({ length: tokens }, (_, index) => index % period),
];
/** Whether a loop is found in the ids, whose last 16 were added at once. */
const found = (ids: readonly number[], from = 0) => endsInLoop(ids, from, 16);

describe('the bounds of a loop', () => {
  it.each([1, 2, 7, 40])('a period of %d has to fill 160 tokens: the same token four times is no loop', (period) => {
    expect(found(ending(period, period * 4 < 160 ? period * 4 : 159))).toBe(false);
    expect(found(ending(period, 159))).toBe(false);
    expect(found(ending(period, 160))).toBe(true);
  });

  it.each([41, 64, 100])('a period of %d has to come four times', (period) => {
    expect(found(ending(period, period * 4 - 1, 800))).toBe(false);
    expect(found(ending(period, period * 4, 800))).toBe(true);
  });

  it('ids before the first one to consider are no part of a loop', () => {
    const ids = new Array<number>(320).fill(7);
    expect(found(ids, 160)).toBe(true);
    expect(found(ids, 176)).toBe(false);
  });

  it('checks once in 16 tokens, whatever the size of the pieces', () => {
    for (let added = 1; added <= 16; added++) {
      const checked = Array.from({ length: 16 }, (_, more) =>
        endsInLoop(new Array<number>(160 + more).fill(7), 0, added),
      );
      expect(checked).toEqual(Array.from({ length: 16 }, (_, more) => more < added));
    }
  });
});
