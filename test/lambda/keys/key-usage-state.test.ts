import { describe, expect, it } from 'vitest';
import type { KeyLimits } from '../../../lambda/keys/key-record.ts';
import { admit, emptyUsage, type KeyUsageState, settle } from '../../../lambda/keys/key-usage-state.ts';
import { remainingHeaders } from '../../../lambda/keys/ledger.ts';

/** Midnight of a day (UTC). */
const MIDNIGHT = 1_700_006_400;
const DAY = MIDNIGHT / 86_400;
/** 20 s past a minute, 3,620 s past midnight. */
const NOW = MIDNIGHT + 3_620;
const lease = (tokens: number, until = NOW + 50, day = DAY) => ({ tokens, until, day });
const state = (changes: Partial<KeyUsageState> = {}): KeyUsageState => ({
  ...emptyUsage,
  minute: Math.floor(NOW / 60),
  day: DAY,
  ...changes,
});
const ask = (before: KeyUsageState, limits: KeyLimits, changes = {}) =>
  admit(before, limits, { requestId: 'new', now: NOW, tokens: 100, leaseSeconds: 60, ...changes });

describe('a request within the limits of its key', () => {
  it('counts at once, and reserves its tokens until its lease ends', () => {
    const limits = { requests_per_minute: 3, tokens_per_day: 1_000, concurrent_requests: 2 };
    const before = state({ requests: 2, tokens: 500, leases: { old: lease(400) } });
    expect(ask(before, limits)).toEqual({
      admitted: true,
      state: { ...before, requests: 3, leases: { old: lease(400), new: lease(100, NOW + 60) } },
      remaining: {
        requests: { limit: 3, left: 0, resetSeconds: 40 },
        tokens: { limit: 1_000, left: 0, resetSeconds: 86_400 - 3_620 },
      },
    });
  });

  it('needs no lease if only its number is limited, and has no remaining quota without a limit', () => {
    expect(ask(state(), { requests_per_minute: 3 })).toMatchObject({ state: { requests: 1, leases: {} } });
    expect(ask(state(), {})).toMatchObject({ remaining: {}, state: { requests: 1, leases: {} } });
    expect(ask(state(), { concurrent_requests: 1 })).toMatchObject({ remaining: {}, state: { leases: { new: {} } } });
  });

  it('counts in the minute and the day in which it comes', () => {
    const limits = { requests_per_minute: 1, tokens_per_day: 100 };
    const past = state({ minute: Math.floor(NOW / 60) - 1, requests: 1, day: DAY - 1, tokens: 100 });
    expect(ask(past, limits)).toMatchObject({ admitted: true, state: { requests: 1, tokens: 0, day: DAY } });
  });

  it('is not hindered by what was reserved yesterday, or by leases that have expired', () => {
    const limits = { tokens_per_day: 100, concurrent_requests: 2 };
    expect(ask(state({ leases: { yesterday: lease(900, NOW + 1, DAY - 1) } }), limits).admitted).toBe(true);
    expect(ask(state({ leases: { expired: lease(900, NOW) } }), limits)).toMatchObject({
      admitted: true,
      state: { leases: { new: lease(100, NOW + 60) } },
    });
    expect(ask(state({ leases: { running: lease(900, NOW + 1) } }), limits).admitted).toBe(false);
  });

  it('of which the answer to the write was lost has what it already reserved', () => {
    const limits = { requests_per_minute: 1, tokens_per_day: 100, concurrent_requests: 1 };
    const reserved = state({ requests: 1, leases: { new: lease(100) } });
    expect(ask(reserved, limits)).toEqual({
      admitted: true,
      state: reserved,
      remaining: {
        requests: { limit: 1, left: 0, resetSeconds: 40 },
        tokens: { limit: 100, left: 0, resetSeconds: 86_400 - 3_620 },
      },
    });
  });
});

describe('a request beyond a limit of its key', () => {
  it.each<[string, KeyLimits, KeyUsageState, object, object]>([
    [
      'requests per minute',
      { requests_per_minute: 3 },
      state({ requests: 3 }),
      {},
      {
        limit: 'requests_per_minute',
        message: 'This key allows 3 requests per minute, and all of them are used.',
        retryAfterSeconds: 40,
      },
    ],
    [
      'concurrent requests, of which one ends soon',
      { concurrent_requests: 2 },
      state({ leases: { a: lease(1, NOW + 3), b: lease(1, NOW + 90) } }),
      {},
      {
        limit: 'concurrent_requests',
        message: 'This key allows 2 concurrent requests, and 2 are running.',
        retryAfterSeconds: 3,
      },
    ],
    [
      'concurrent requests, all of which may run long',
      { concurrent_requests: 1 },
      state({ leases: { a: lease(1, NOW + 90) } }),
      {},
      { limit: 'concurrent_requests', retryAfterSeconds: 5 },
    ],
    [
      'concurrent requests, of which one ends within a second',
      { concurrent_requests: 1 },
      state({ leases: { a: lease(1, NOW + 0.25) } }),
      {},
      { limit: 'concurrent_requests', retryAfterSeconds: 1 },
    ],
    [
      'tokens per day',
      { tokens_per_day: 1_000 },
      state({ tokens: 500, leases: { a: lease(401) } }),
      {},
      {
        limit: 'tokens_per_day',
        message:
          'This key allows 1000 tokens per day. 901 are used or reserved, and this request may use 100. Request less thinking, or retry on the next day (UTC).',
        retryAfterSeconds: 86_400 - 3_620,
      },
    ],
    [
      'tokens per day, by its prompt alone',
      { tokens_per_day: 50 },
      state(),
      { isLowerBound: true },
      {
        limit: 'tokens_per_day',
        message:
          'This key allows 50 tokens per day. 0 are used or reserved, and this request has at least 100. Request less thinking, or retry on the next day (UTC).',
      },
    ],
  ])('is refused: %s', (_, limits, before, request, refusal) => {
    expect(ask(before, limits, request)).toMatchObject({ admitted: false, ...refusal });
  });

  it('is told what is left, at least 0', () => {
    const limits = { requests_per_minute: 3, tokens_per_day: 1_000 };
    expect(ask(state({ requests: 5, tokens: 1_200 }), limits).remaining).toEqual({
      requests: { limit: 3, left: 0, resetSeconds: 40 },
      tokens: { limit: 1_000, left: 0, resetSeconds: 86_400 - 3_620 },
    });
  });

  it('is one of more than 1,000 at a time if it needs a lease', () => {
    const leases = Object.fromEntries(Array.from({ length: 999 }, (_, index) => [`r${index}`, lease(0)]));
    const limits = { tokens_per_day: 1_000_000 };
    expect(ask(state({ leases }), limits).admitted).toBe(true);
    expect(ask(state({ leases: { ...leases, more: lease(0) } }), limits)).toMatchObject({
      limit: 'concurrent_requests',
      message: 'This key allows 1000 concurrent requests, and 1000 are running.',
    });
    expect(ask(state({ leases: { ...leases, more: lease(0) } }), { requests_per_minute: 1 }).admitted).toBe(true);
  });
});

describe('a request that ends', () => {
  const running = state({ requests: 1, tokens: 10, leases: { r: lease(100), other: lease(7) } });
  const ended = { requestId: 'r', until: NOW + 50, day: DAY, tokens: 30 };

  it('frees its reservation, and counts what it used on the day of its admission', () => {
    expect(settle(running, ended, NOW)).toEqual({ ...running, tokens: 40, leases: { other: lease(7) } });
    expect(settle(running, { ...ended, day: DAY - 1 }, NOW)).toMatchObject({ tokens: 10, leases: { other: lease(7) } });
  });

  it('changes nothing a second time, and counts if it outlived its lease', () => {
    const settled = state({ tokens: 40 });
    expect(settle(settled, ended, NOW + 49)).toBeUndefined();
    expect(settle(settled, ended, NOW + 50)).toMatchObject({ tokens: 70 });
  });
});

describe('the headers of what is left', () => {
  it('are those of OpenAI, for each limit of the key', () => {
    const requests = { limit: 3, left: 2, resetSeconds: 40 };
    const tokens = { limit: 1_000, left: 500, resetSeconds: 86_399 };
    const ofRequests = {
      'x-ratelimit-limit-requests': '3',
      'x-ratelimit-remaining-requests': '2',
      'x-ratelimit-reset-requests': '40s',
    };
    const ofTokens = {
      'x-ratelimit-limit-tokens': '1000',
      'x-ratelimit-remaining-tokens': '500',
      'x-ratelimit-reset-tokens': '86399s',
    };
    expect(remainingHeaders({ requests, tokens })).toEqual({ ...ofRequests, ...ofTokens });
    expect(remainingHeaders({ requests })).toEqual(ofRequests);
    expect(remainingHeaders({ tokens })).toEqual(ofTokens);
    expect(remainingHeaders({})).toEqual({});
  });
});
