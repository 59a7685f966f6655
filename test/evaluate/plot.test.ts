import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accuracyPlot, frontierOf } from '../../evaluate/plot.ts';

const shares = fc.double({ min: 0, max: 1, noNaN: true });
const point = fc.record({ x: fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 1e6, noNaN: true })), y: shares });

describe('frontierOf', () => {
  it('keeps the points that no other point beats in cost and accuracy', () => {
    fc.assert(
      fc.property(fc.array(point, { maxLength: 20 }), (points) => {
        const best = frontierOf(points);
        for (const own of best)
          expect(points.some(({ x, y }) => (x < own.x && y >= own.y) || (x <= own.x && y > own.y))).toBe(false);
        for (const other of points) expect(best.some(({ x, y }) => x <= other.x && y >= other.y)).toBe(true);
      }),
    );
  });
});

describe('accuracyPlot', () => {
  const plot = (points: readonly { x: number; y: number }[]) =>
    accuracyPlot({
      title: 'a <b>',
      xLabel: 'tokens',
      frontier: true,
      series: [{ name: 's', points: points.map(({ x, y }) => ({ x, y, low: y / 2, high: (1 + y) / 2, label: 'l' })) }],
    });

  it('draws every point and interval inside the picture', () => {
    fc.assert(
      fc.property(fc.array(point, { maxLength: 8 }), (points) => {
        const svg = plot(points);
        expect(svg).not.toMatch(/NaN|Infinity|undefined/);
        for (const [, value] of svg.matchAll(/ (?:cx|x1|x2)="([^"]*)"/g)) {
          expect(Number(value)).toBeGreaterThanOrEqual(0);
          expect(Number(value)).toBeLessThanOrEqual(820);
        }
        for (const [, value] of svg.matchAll(/ (?:cy|y1|y2)="([^"]*)"/g)) {
          expect(Number(value)).toBeGreaterThanOrEqual(0);
          expect(Number(value)).toBeLessThanOrEqual(420);
        }
      }),
    );
  });

  it('has equal distances for equal ratios of tokens, and a place for zero', () => {
    const at = [...plot([0, 10, 100, 1_000].map((x) => ({ x, y: 0.5 }))).matchAll(/<circle cx="([\d.]+)"/g)].map(
      ([, x]) => Number(x),
    );
    const [zero = 0, ten = 0, hundred = 0, thousand = 0] = at;
    expect(hundred - ten).toBeCloseTo(thousand - hundred, 0);
    expect(zero).toBeLessThan(ten);
  });
});
