import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConfidenceMeasure, ConfidenceMeter, confidenceMeasures } from '../../../lambda/forcing/confidence.ts';
import { runs } from '../../property-runs.ts';

const RUNS = { numRuns: runs(500), seed: 20261126 };
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Tokens with their log-probability and 20 most likely ones. */
const token = fc
  .tuple(
    fc.double({ min: -15, max: 0, noNaN: true }),
    fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 20, maxLength: 20 }),
  )
  .map(([logprob, weights]) => {
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { logprob, top: weights.map((weight) => ({ token: '', logprob: Math.log(weight / sum) })) };
  });
type Token = {
  readonly logprob: number;
  readonly top: readonly { readonly token: string; readonly logprob: number }[];
};

/** The definitions, over the whole thought at once. */
function byDefinition(measure: ConfidenceMeasure, tokens: readonly Token[]): number {
  const sampled = tokens.map(({ logprob }) => logprob);
  const windows = (values: readonly number[], size: number) =>
    values.length < size
      ? [mean(values)]
      : values.slice(size - 1).map((_, index) => mean(values.slice(index, index + size)));
  const deepconf = tokens.map(({ top }) => -mean(top.map(({ logprob }) => logprob)));
  const entropies = tokens.map(({ top }) => top.reduce((sum, { logprob }) => sum - Math.exp(logprob) * logprob, 0));
  switch (measure) {
    case 'min_token':
      return Math.exp(Math.min(...sampled));
    case 'lowest_window':
      return Math.exp(Math.min(...windows(sampled, 16)));
    case 'tail':
      return Math.exp(mean(sampled.slice(-64)));
    case 'bottom_10':
      return Math.exp(mean(sampled.toSorted((a, b) => a - b).slice(0, Math.ceil(sampled.length / 10))));
    case 'deepconf_lowest_group':
      return 1 - Math.log(20) / Math.min(...windows(deepconf, 1_024));
    case 'deepconf_tail':
      return 1 - Math.log(20) / mean(deepconf.slice(-1_024));
    case 'entropy':
      return 1 - mean(entropies) / Math.log(20);
  }
}

function meterOf(measure: ConfidenceMeasure, tokens: readonly Token[]): ConfidenceMeter {
  const meter = new ConfidenceMeter(measure);
  for (const each of tokens) meter.add(each);
  return meter;
}

describe('confidence of a thought', () => {
  it.each(confidenceMeasures)('%s follows its definition, from 0 to 1', (measure) => {
    fc.assert(
      fc.property(fc.array(token, { minLength: 1, maxLength: 90 }), (tokens) => {
        const { value = -1, tokens: count } = meterOf(measure, tokens).read() ?? {};
        expect(count).toBe(tokens.length);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
        const expected = byDefinition(measure, tokens);
        if (measure === 'bottom_10') expect(Math.abs(Math.log(value / expected))).toBeLessThan(1 / 32);
        else expect(value).toBeCloseTo(Math.max(0, expected), 9);
      }),
      RUNS,
    );
  });

  it.each(confidenceMeasures)('%s over more tokens than its window follows its definition', (measure) => {
    const tokens = fc.sample(token, { numRuns: runs(1_500), seed: 20261126 });
    const expected = byDefinition(measure, tokens);
    const { value = -1 } = meterOf(measure, tokens).read() ?? {};
    expect(Math.abs(value - expected)).toBeLessThan(expected / 32 + 1e-9);
  });

  it('an end token that is dropped does not count', () => {
    const meter = meterOf('min_token', [{ logprob: -1, top: [] }]);
    meter.add({ logprob: -9, top: [] });
    meter.dropLast();
    expect(meter.read()).toEqual({ measure: 'min_token', value: Math.exp(-1), tokens: 1 });
  });

  it('a token that cannot be sampled, as servers write it, still gives a value', () => {
    for (const logprob of [Number.NEGATIVE_INFINITY, -9_999]) {
      for (const measure of confidenceMeasures) {
        const top = [
          { token: '', logprob: 0 },
          { token: '', logprob },
        ];
        const { value = -1 } = meterOf(measure, [{ logprob, top }]).read() ?? {};
        expect(value, measure).toBeGreaterThanOrEqual(0);
        expect(value, measure).toBeLessThanOrEqual(1);
      }
    }
  });

  it('without a token, or with one that has no log-probability, there is no value', () => {
    const meter = new ConfidenceMeter('min_token');
    expect(meter.read()).toBeUndefined();
    meter.add({ logprob: -1, top: [] });
    meter.add(undefined);
    expect(meter.read()).toBeUndefined();
    expect(meter.missing).toBe(true);
  });
});
