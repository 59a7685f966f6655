import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleMetrics } from '../../../evaluate/statistics/sample-metrics.ts';
import { consensusAtK, majorityAtK, passAtK, type Sample } from '../../../evaluate/statistics/samples-at-k.ts';

function subsets<T>(items: readonly T[], k: number): readonly (readonly T[])[] {
  if (k === 0) return [[]];
  return items.flatMap((item, index) => subsets(items.slice(index + 1), k - 1).map((rest) => [item, ...rest]));
}

/** Expected chance that a vote among the samples is right; equally frequent keys share it. */
function voteOf(samples: readonly Sample[], least: number): number {
  const counts = new Map<string, Sample[]>();
  for (const sample of samples)
    if (sample.key !== null) counts.set(sample.key, [...(counts.get(sample.key) ?? []), sample]);
  const most = Math.max(0, ...[...counts.values()].map(({ length }) => length));
  if (most < least) return 0;
  const winners = [...counts.values()].filter(({ length }) => length === most);
  const chances = winners.map((own) => own.filter(({ correct }) => correct).length / own.length);
  return chances.reduce((sum, chance) => sum + chance, 0) / winners.length;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const samples = fc.array(
  fc.constantFrom('a', 'b', 'c', null).map((key): Sample => ({ key, correct: key === 'a' })),
  { minLength: 1, maxLength: 8 },
);

describe('Metrics of k samples', () => {
  it('are the means over all subsets of k samples', () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 8 }), (all, k) => {
        if (k > all.length) {
          expect(passAtK(all, k)).toBeUndefined();
          expect(majorityAtK(all, k)).toBeUndefined();
          return;
        }
        const drawn = subsets(all, k);
        expect(passAtK(all, k)).toBeCloseTo(mean(drawn.map((own) => Number(own.some(({ correct }) => correct)))), 10);
        expect(majorityAtK(all, k)).toBeCloseTo(mean(drawn.map((own) => voteOf(own, 1))), 10);
        const half = Math.floor(k / 2) + 1;
        expect(consensusAtK(all, k)).toBeCloseTo(mean(drawn.map((own) => voteOf(own, half))), 10);
      }),
    );
  });

  it('hold when a grader judges answers with one key differently', () => {
    const all = [true, false, true].map((correct) => ({ key: 'x', correct }));
    expect(majorityAtK(all, 2)).toBeCloseTo(2 / 3, 10);
  });

  it('pass@k is 1 - C(n - c, k) / C(n, k)', () => {
    const all = Array.from({ length: 200 }, (_, index) => ({ key: String(index), correct: index < 10 }));
    // 1 - C(190, 100) / C(200, 100), computed with Python's math.comb.
    expect(passAtK(all, 100)).toBeCloseTo(0.9992289739, 9);
    expect(passAtK(all, 1)).toBeCloseTo(0.05, 12);
  });

  it('majority of 64 samples is computed without counting subsets', () => {
    const all = Array.from({ length: 64 }, (_, index) => ({ key: String(index % 5), correct: index % 5 === 0 }));
    expect(majorityAtK(all, 64)).toBeCloseTo(1 / 4, 10);
    expect(majorityAtK(all, 32)).toBeGreaterThan(0.2);
    expect(majorityAtK(all, 32)).toBeLessThan(0.3);
  });

  it('are reported for powers of two and all samples, with intervals over questions', () => {
    const answers = [0, 1].flatMap((question) =>
      [0, 1, 2, 3, 4].map((sample) => ({
        question: `q${question}`,
        seed: 0,
        key: String(sample % 2),
        correct: sample % 2 === question,
      })),
    );
    const metrics = sampleMetrics(answers);
    expect(metrics.map(({ k }) => k)).toEqual([1, 2, 4, 5]);
    expect(metrics[0]?.pass.share).toBeCloseTo(0.5, 12);
    expect(metrics.at(-1)?.majority.share).toBeCloseTo(0.5, 12);
    for (const { pass } of metrics) expect(pass.high - pass.low).toBeGreaterThan(0.2);
    expect(sampleMetrics(answers.slice(0, 1))).toEqual([]);
    expect(sampleMetrics([])).toEqual([]);
  });
});
