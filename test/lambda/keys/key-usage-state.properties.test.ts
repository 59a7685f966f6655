import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyLimits } from '../../../lambda/keys/key-record.ts';
import { admit, emptyUsage, type KeyUsageState, settle } from '../../../lambda/keys/key-usage-state.ts';

const DAY = 86_400;
const LEASE_SECONDS = 100;

interface Step {
  /** Seconds since the previous step. */
  readonly after: number;
  readonly kind: 'ask' | 'end' | 'end again' | 'die';
  readonly tokens: number;
}

const steps = fc.array(
  fc.record({
    after: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 * DAY })),
    kind: fc.constantFrom('ask' as const, 'ask' as const, 'end' as const, 'end again' as const, 'die' as const),
    tokens: fc.integer({ min: 1, max: 500 }),
  }),
  { maxLength: 60 },
);
const limitsOf = fc.record<KeyLimits>(
  {
    requests_per_minute: fc.integer({ min: 1, max: 5 }),
    tokens_per_day: fc.integer({ min: 1, max: 2_000 }),
    concurrent_requests: fc.integer({ min: 1, max: 4 }),
  },
  { requiredKeys: [] },
);

interface Asked {
  readonly requestId: string;
  readonly at: number;
  readonly reserved: number;
  ended: boolean;
}

/** Runs the steps, and keeps an independent record of each request. */
function play(
  limits: KeyLimits,
  story: readonly Step[],
  check: (state: KeyUsageState, now: number, world: World) => void,
) {
  let state = emptyUsage;
  let now = 1_700_000_000;
  const world: World = { admitted: [], used: new Map() };
  for (const [index, { after, kind, tokens }] of story.entries()) {
    now += after;
    const under = world.admitted.filter(({ ended }) => !ended);
    if (kind === 'ask') {
      const decision = admit(state, limits, { requestId: `r${index}`, now, tokens, leaseSeconds: LEASE_SECONDS });
      if (decision.admitted) {
        state = decision.state;
        world.admitted.push({ requestId: `r${index}`, at: now, reserved: tokens, ended: false });
      } else {
        expect(decision.retryAfterSeconds).toBeGreaterThan(0);
      }
    }
    const [first] = under;
    if (kind === 'die' && first !== undefined) first.ended = true;
    if ((kind === 'end' || kind === 'end again') && first !== undefined) {
      first.ended = true;
      const used = Math.min(tokens, first.reserved);
      const day = Math.floor(first.at / DAY);
      const ended = { requestId: first.requestId, until: first.at + LEASE_SECONDS, day, tokens: used };
      state = settle(state, ended, now) ?? state;
      if (day === Math.floor(now / DAY)) world.used.set(day, (world.used.get(day) ?? 0) + used);
      if (kind === 'end again' && now < ended.until) expect(settle(state, ended, now)).toBeUndefined();
    }
    check(state, now, world);
  }
}
interface World {
  readonly admitted: Asked[];
  readonly used: Map<number, number>;
}

describe('The usage of a key', () => {
  it('a key never exceeds its requests per minute', () => {
    fc.assert(
      fc.property(limitsOf, steps, (limits, story) => {
        play(limits, story, (_, now, { admitted }) => {
          const minute = admitted.filter(({ at }) => Math.floor(at / 60) === Math.floor(now / 60));
          expect(minute.length).toBeLessThanOrEqual(limits.requests_per_minute ?? Number.POSITIVE_INFINITY);
        });
      }),
    );
  });

  it('a key never exceeds its concurrent requests, including dead ones until their leases expire', () => {
    fc.assert(
      fc.property(limitsOf, steps, (limits, story) => {
        play(limits, story, (state, now, { admitted }) => {
          const running = admitted.filter(({ ended, at }) => !ended && now < at + LEASE_SECONDS);
          expect(running.length).toBeLessThanOrEqual(limits.concurrent_requests ?? Number.POSITIVE_INFINITY);
          expect(Object.keys(state.leases).length).toBeLessThanOrEqual(limits.concurrent_requests ?? 1_000);
        });
      }),
    );
  });

  it('used tokens count exactly once, even if a request outlives its lease', () => {
    const leased = limitsOf.filter((limits) => (limits.tokens_per_day ?? limits.concurrent_requests) !== undefined);
    fc.assert(
      fc.property(leased, steps, (limits, story) => {
        play(limits, story, (state, now, { used }) => {
          const today = Math.floor(now / DAY);
          expect(state.day === today ? state.tokens : 0).toBe(used.get(today) ?? 0);
        });
      }),
    );
  });

  it('used and reserved tokens never exceed the daily limit while no request outlives its lease', () => {
    const quick = steps.map((story) => story.map((step) => ({ ...step, after: step.after % 2 })));
    fc.assert(
      fc.property(limitsOf, quick, (limits, story) => {
        play(limits, story, (state) => {
          const reserved = Object.values(state.leases).reduce((sum, { tokens }) => sum + tokens, 0);
          const max = limits.tokens_per_day ?? Number.POSITIVE_INFINITY;
          expect(state.tokens + reserved).toBeLessThanOrEqual(max);
        });
      }),
    );
  });

  it('a retried write whose first response was lost admits the request only once', () => {
    const limits = { requests_per_minute: 1, tokens_per_day: 100, concurrent_requests: 1 };
    const request = { requestId: 'r', now: 1_700_000_000, tokens: 100, leaseSeconds: 10 };
    const first = admit(emptyUsage, limits, request);
    if (!first.admitted) throw new Error('The first request was not admitted.');
    expect(admit(first.state, limits, request)).toMatchObject({ admitted: true, state: { requests: 1 } });
  });
});
