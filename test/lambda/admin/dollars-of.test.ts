import { describe, expect, it } from 'vitest';
import { dollarsOf } from '../../../lambda/admin/usage/dollars-of.ts';
import type { UsageRecord } from '../../../lambda/keys/ledger.ts';
import { CircuitBreaker } from '../../../lambda/upstream/circuit-breaker.ts';
import { scriptedModel } from '../scripted-world.ts';

const record: UsageRecord = {
  day: '2026-11-26',
  key: 'k',
  model: 'own',
  status: 'settled',
  prompt: 1_000_000,
  cached: 0,
  thinking: 3_000_000,
  answer: 1_000_000,
  forced: 0,
  probe: 0,
  aborted: 0,
  retrieved: 0,
  work: 'interactive',
  searches: 0,
};

function models(price?: { readonly prompt: number; readonly completion: number }) {
  const model = scriptedModel('own', [], { dollarsPerMillionTokens: { prompt: 1, completion: 2 } });
  const breaker = new CircuitBreaker(() => 0);
  model.failover = { breaker, fallbacks: [{ name: 'spare', model, breaker, cannot: [], price }] };
  return [model];
}

const elsewhere = [{ upstream: 'spare', prompt: 2_000_000, completion: 1_000_000 }];

describe('The dollars of a request', () => {
  it('are those of its model if no fallback ran it', () => {
    expect(dollarsOf(record, models())).toBe(1 + 4 * 2);
    expect(dollarsOf(record, [])).toBe(0);
  });

  it('have a fallback’s own price for its tokens, and its prompt', () => {
    expect(dollarsOf({ ...record, elsewhere }, models({ prompt: 10, completion: 20 }))).toBe(1 + 3 * 2 + 2 * 10 + 20);
  });

  it('have the model’s price for the tokens of a fallback without one, or of one that the config no longer names', () => {
    expect(dollarsOf({ ...record, elsewhere }, models())).toBe(1 + 3 * 2 + 2 * 1 + 2);
    const gone = [{ upstream: 'gone', prompt: 2_000_000, completion: 1_000_000 }];
    expect(dollarsOf({ ...record, elsewhere: gone }, models({ prompt: 10, completion: 20 }))).toBe(
      1 + 3 * 2 + 2 * 1 + 2,
    );
  });

  it('have no prompt of the model’s own upstream if a fallback wrote everything', () => {
    const all = [{ upstream: 'spare', prompt: 1_000_000, completion: 4_000_000 }];
    expect(dollarsOf({ ...record, elsewhere: all }, models({ prompt: 10, completion: 20 }))).toBe(10 + 80);
  });
});
