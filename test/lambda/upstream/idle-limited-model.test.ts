import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ModelTimeoutError, StreamBrokenError } from '../../../lambda/upstream/errors.ts';
import { IdleLimitedModel } from '../../../lambda/upstream/idle-limited-model.ts';
import type { SegmentChunk, SegmentModel } from '../../../lambda/upstream/segment-model.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const request = { promptIds: [1], maxTokens: 10, minTokens: 0, stopTokenIds: [], sampling: {} };

/** A model that waits before each of its chunks, in milliseconds, and does not look at its signal. */
function waiting(...delays: readonly number[]): SegmentModel & { signal?: AbortSignal } {
  const model: SegmentModel & { signal?: AbortSignal } = {
    async *run(_request, { signal }) {
      model.signal = signal;
      for (const [index, ms] of delays.entries()) {
        await new Promise((resolve) => setTimeout(resolve, ms));
        yield { tokenIds: [index], text: '' };
      }
    },
  };
  return model;
}

async function outcome(model: SegmentModel, signal = new AbortController().signal) {
  const chunks: SegmentChunk[] = [];
  let error: unknown;
  let ended = false;
  const running = (async () => {
    try {
      for await (const chunk of new IdleLimitedModel(model, 1_000).run(request, { signal })) chunks.push(chunk);
    } catch (thrown) {
      error = thrown;
    }
    ended = true;
  })();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(ended).toBe(true);
  await running;
  return { tokens: chunks.length, error };
}

describe('IdleLimitedModel', () => {
  it('a call that is silent between two chunks ends as a broken stream, and is aborted', async () => {
    const model = waiting(0, 900, 1_001, 0);
    const { tokens, error } = await outcome(model);
    expect(tokens).toBe(2);
    expect(error).toBeInstanceOf(StreamBrokenError);
    expect(model.signal?.aborted).toBe(true);
  });

  it('a call may be silent five times as long before its first chunk', async () => {
    expect(await outcome(waiting(4_900, 900))).toEqual({ tokens: 2, error: undefined });
    expect((await outcome(waiting(5_100))).error).toBeInstanceOf(ModelTimeoutError);
  });

  it('the time in which the consumer handles a chunk does not count', async () => {
    const seen: number[] = [];
    const running = (async () => {
      for await (const { tokenIds } of new IdleLimitedModel(waiting(0, 0), 1_000).run(request, {
        signal: new AbortController().signal,
      })) {
        seen.push(...tokenIds);
        await new Promise((resolve) => setTimeout(resolve, 5_000));
      }
    })();
    await vi.advanceTimersByTimeAsync(20_000);
    await running;
    expect(seen).toEqual([0, 1]);
  });

  it('no timer outlives a call', async () => {
    await outcome(waiting(0, 0));
    expect(vi.getTimerCount()).toBe(0);
  });
});
