import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, defaultBreakerRules } from '../../../lambda/upstream/circuit-breaker.ts';
import {
  ModelFailedError,
  ModelMisconfiguredError,
  ModelRejectedError,
  ModelThrottledError,
  ModelTimeoutError,
  ModelUnavailableError,
  NoCapacityError,
  StreamBrokenError,
} from '../../../lambda/upstream/errors.ts';
import { GuardedModel } from '../../../lambda/upstream/guarded-model.ts';
import type { SegmentChunk, SegmentModel } from '../../../lambda/upstream/segment-model.ts';

const { failures, windowMs, openMs, maxOpenMs } = defaultBreakerRules;

function world(random = 0) {
  let now = 0;
  const breaker = new CircuitBreaker(
    () => now,
    () => random,
  );
  const call = (outcome: 'succeeded' | 'failed') => {
    const begun = breaker.begin();
    begun[outcome]();
    begun.ended();
  };
  return {
    breaker,
    call,
    fail: (times = failures) => {
      for (let count = 0; count < times; count++) call('failed');
    },
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe('A circuit breaker', () => {
  it('opens at the fifth failure within its window, and not before', () => {
    const { breaker, fail } = world();
    fail(failures - 1);
    expect(breaker.available).toBe(true);
    fail(1);
    expect(breaker.available).toBe(false);
  });

  it('forgets failures that are older than its window', () => {
    const { breaker, fail, pass } = world();
    fail(failures - 1);
    pass(windowMs + 1);
    fail(1);
    expect(breaker.available).toBe(true);
  });

  it('stays closed while more than half of the calls succeed', () => {
    const { breaker, call, fail } = world();
    for (let count = 0; count <= failures; count++) call('succeeded');
    fail();
    expect(breaker.available).toBe(true);
    fail(1);
    expect(breaker.available).toBe(false);
  });

  it('lets one probe pass after its time, whose success closes it', () => {
    const { breaker, fail, pass } = world();
    fail();
    pass(openMs - 1);
    expect(breaker.available).toBe(false);
    pass(1);
    expect(breaker.available).toBe(true);
    const probe = breaker.begin();
    expect(breaker.available).toBe(false);
    probe.succeeded();
    probe.ended();
    expect(breaker.available).toBe(true);
    fail(failures - 1);
    expect(breaker.available).toBe(true);
  });

  it('opens for twice as long with each probe that fails, up to five minutes', () => {
    const { breaker, fail, pass, call } = world();
    fail();
    for (let ms = openMs; ms < 4 * maxOpenMs; ms *= 2) {
      const open = Math.min(ms, maxOpenMs);
      pass(open - 1);
      expect(breaker.available).toBe(false);
      pass(1);
      expect(breaker.available).toBe(true);
      call('failed');
    }
  });

  it('frees the probe if its client leaves', () => {
    const { breaker, fail, pass } = world();
    fail();
    pass(openMs);
    breaker.begin().ended();
    expect(breaker.available).toBe(true);
  });

  it('stays open for up to half longer at random, and at least as long as the upstream asks', () => {
    const jittered = world(1);
    jittered.fail();
    jittered.pass(openMs * 1.5 - 1);
    expect(jittered.breaker.available).toBe(false);
    jittered.pass(1);
    expect(jittered.breaker.available).toBe(true);
    const asked = world();
    asked.fail(failures - 1);
    asked.breaker.begin().failed(60_000);
    asked.pass(59_999);
    expect(asked.breaker.available).toBe(false);
  });

  it('is not closed by a call that began before it opened', () => {
    const { breaker, fail, pass } = world();
    const slow = breaker.begin();
    pass(1);
    fail();
    slow.succeeded();
    expect(breaker.available).toBe(false);
  });

  it('becomes available again after any history, if nothing fails any more', () => {
    const step = fc.record({
      outcome: fc.constantFrom('succeeded', 'failed', 'left'),
      wait: fc.integer({ min: 0, max: 60_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.double({ min: 0, max: 1, noNaN: true }), (steps, random) => {
        const { breaker, call, pass } = world(random);
        for (const { outcome, wait } of steps) {
          if (outcome === 'left') breaker.begin().ended();
          else call(outcome === 'failed' ? 'failed' : 'succeeded');
          pass(wait);
        }
        pass(maxOpenMs * 1.5);
        expect(breaker.available).toBe(true);
        call('succeeded');
        expect(breaker.available).toBe(true);
      }),
    );
  });
});

describe('What counts against an upstream', () => {
  const failing = (error: Error, chunks: number): SegmentModel => ({
    async *run(): AsyncGenerator<SegmentChunk> {
      for (let count = 0; count < chunks; count++) yield { tokenIds: [1], text: '' };
      throw error;
    },
  });
  const request = { promptIds: [1], maxTokens: 9, minTokens: 0, stopTokenIds: [], sampling: {} };

  async function availableAfter(error: Error, chunks = 0, signal = new AbortController().signal): Promise<boolean> {
    const breaker = new CircuitBreaker(() => 0);
    const model = new GuardedModel(failing(error, chunks), breaker);
    for (let count = 0; count < failures; count++) {
      await expect(async () => {
        for await (const _ of model.run(request, { signal }));
      }).rejects.toThrow();
    }
    return breaker.available;
  }

  it.each([
    ['an overloaded server', new ModelUnavailableError('down')],
    ['throttling', new ModelThrottledError('slow')],
    ['a 5xx', new ModelFailedError('500')],
    ['a time-out before the first chunk', new ModelTimeoutError('late')],
    ['a stream that broke', new StreamBrokenError('gone')],
  ])('%s opens the circuit', async (_, error) => {
    expect(await availableAfter(error)).toBe(false);
  });

  it.each([
    ['a request that it rejects (4xx)', new ModelRejectedError('no'), 0],
    ['wrong credentials or names (401, 403, 404)', new ModelMisconfiguredError('denied'), 0],
    ['an endpoint at zero copies, which a call wakes', new NoCapacityError('zero'), 0],
    ['a stream that reached its time limit', new ModelTimeoutError('8 minutes'), 1],
  ])('%s does not', async (_, error, chunks) => {
    expect(await availableAfter(error, chunks)).toBe(true);
  });

  it('a stream that breaks after its first chunk opens it, although the first chunk came', async () => {
    expect(await availableAfter(new StreamBrokenError('gone'), 1)).toBe(false);
  });

  it('a client that leaves does not', async () => {
    const left = AbortSignal.abort(new Error('left'));
    expect(await availableAfter(new ModelUnavailableError('aborted'), 0, left)).toBe(true);
  });
});
