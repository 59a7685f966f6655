import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { generate } from '../../../lambda/generation/generate.ts';
import type { Generation, GenerationEvent } from '../../../lambda/generation/generation.ts';
import { Timing } from '../../../lambda/generation/timing.ts';
import {
  ModelRejectedError,
  ModelThrottledError,
  ModelUnavailableError,
  NoCapacityError,
  StreamBrokenError,
} from '../../../lambda/upstream/errors.ts';
import { bytes, format, IM_END, IM_START, newDecoder, WAIT } from '../forcing/tiny-vocabulary.ts';
import { ScriptedModel, type ScriptedSegment } from '../scripted-world.ts';

function generationOf(script: readonly ScriptedSegment[], changes: Partial<Generation> = {}) {
  const slept: number[] = [];
  let time = 0;
  const generation: Generation = {
    model: new ScriptedModel(script),
    plan: {
      promptIds: bytes('how?'),
      format,
      limits: { minTokens: 0, maxTokens: 100, waits: 0, maxAnswerTokens: 50 },
      wait: { ids: [WAIT], text: 'Wait' },
      contextTokens: 1_000,
      newDecoder,
    },
    sampling: {},
    clock: {
      now: () => time,
      sleep: async (ms) => {
        slept.push(ms);
        time += ms;
      },
    },
    retry: { attempts: 3, backoffMs: 100, capacityWaitMs: 0 },
    signal: new AbortController().signal,
    ...changes,
  };
  return { generation, slept };
}

async function run(generation: Generation) {
  const events: GenerationEvent[] = [];
  for await (const event of generate(generation)) events.push(event);
  const done = events.find((event) => event.kind === 'done');
  return { events, report: done?.report, segments: done?.segments };
}

const good: readonly ScriptedSegment[] = [
  { says: 'x', ends: IM_START },
  { says: 'y', ends: IM_END },
];

describe('generate: failed calls', () => {
  it('a call that fails before its first token is retried with growing backoff, then the failure is final', async () => {
    const down = { says: '', fails: new ModelUnavailableError('down') };
    const { generation, slept } = generationOf([down, down, ...good]);
    expect((await run(generation)).report).toMatchObject({ thinkingTokens: 1, segments: 4 });
    expect(slept).toEqual([100, 200]);
    await expect(run(generationOf([down, down, down]).generation)).rejects.toThrow('down');
  });

  it('a call that fails after some tokens is continued at once, any number of times', async () => {
    const broken = { says: 'abc', fails: new StreamBrokenError('gone') };
    const { generation, slept } = generationOf([broken, broken, broken, broken, broken, ...good]);
    const { report, segments } = await run(generation);
    expect(report).toMatchObject({ thinkingTokens: 16, segments: 7 });
    expect(segments?.map((segment) => segment.failure)).toEqual([
      ...Array(5).fill('model_stream_broken'),
      undefined,
      undefined,
    ]);
    expect(slept).toEqual([]);
  });

  it('a request that the model server rejects is not retried', async () => {
    const { generation } = generationOf([{ says: '', fails: new ModelRejectedError('no') }, ...good]);
    await expect(run(generation)).rejects.toThrow('no');
  });

  it('a throttled call is retried after its Retry-After', async () => {
    const { generation, slept } = generationOf([
      { says: '', fails: new ModelThrottledError('slow down', { retryAfterSeconds: 7 }) },
      ...good,
    ]);
    await run(generation);
    expect(slept).toEqual([7_000]);
  });
});

describe('generate: an endpoint at zero copies', () => {
  const none = { says: '', fails: new NoCapacityError('zero') };

  it('a generation waits for the first copy, with a waiting event before each attempt', async () => {
    const { generation } = generationOf([none, none, none, none, none, ...good], {
      retry: { attempts: 2, backoffMs: 1, capacityWaitMs: 60_000 },
    });
    const { events, report } = await run(generation);
    expect(report?.finishReason).toBe('stop');
    expect(events.filter((event) => event.kind === 'waiting')).toHaveLength(5);
  });

  it('a generation fails if no copy starts within the allowed time', async () => {
    const { generation, slept } = generationOf(Array(50).fill(none), {
      retry: { attempts: 2, backoffMs: 1, capacityWaitMs: 10_000 },
    });
    await expect(run(generation)).rejects.toThrow('zero');
    expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(10_000);
  });
});

describe('generate: a first copy within the time of a request', () => {
  const SECOND = 1_000;
  const none = { says: '', fails: new NoCapacityError('zero') };
  const limits = { minTokens: 0, maxTokens: 10_000, waits: 0, maxAnswerTokens: 4_000 };

  /** A request of 880 seconds whose first copy runs after `copyAfter` seconds. Its thinking does not end by itself. */
  function coldRequest(copyAfter: number, changes: Partial<Generation> = {}) {
    const polls = Math.ceil(copyAfter / 3);
    const { generation } = generationOf([
      ...Array(polls).fill(none),
      { says: 'abc', hangs: true },
      { says: ' 7', ends: IM_END },
    ]);
    return {
      ...generation,
      plan: { ...generation.plan, limits },
      clock: {
        now: () => Date.now(),
        sleep: async (ms: number) => await new Promise<void>((done) => setTimeout(done, ms)),
      },
      retry: { attempts: 3, backoffMs: 100, capacityWaitMs: 880 * SECOND },
      deadlineMs: Date.now() + 880 * SECOND,
      ...changes,
    };
  }

  beforeEach(() => void vi.useFakeTimers({ now: 0 }));
  afterEach(() => void vi.useRealTimers());

  it('thinking that begins after 700 s gets most of the time that is left', async () => {
    const cutAfter: number[] = [];
    const coldGeneration = coldRequest(700);
    const result = run({ ...coldGeneration, onTokens: ({ answer }) => void (answer > 0 && cutAfter.push(Date.now())) });
    await vi.advanceTimersByTimeAsync(880 * SECOND);
    const { report } = await result;
    expect(report).toMatchObject({ endReason: 'deadline', thinkingTokens: 3, finishReason: 'stop' });
    // 178 s are left after the copy's start; a fifth of them is kept for the answer.
    expect(cutAfter[0]).toBeGreaterThan(840 * SECOND);
    expect(cutAfter[0]).toBeLessThan(850 * SECOND);
  });

  it('the speed of thinking is measured from its first token, not from the start of the request', async () => {
    const { generation } = generationOf([
      ...Array(200).fill(none),
      { says: 'abc', hangs: true },
      { says: 'x', hangs: true },
    ]);
    const timing = new Timing({ ...generation, plan: { ...generation.plan, limits }, deadlineMs: 880 * SECOND });
    await generation.clock.sleep(600 * SECOND, generation.signal);
    timing.count(1);
    await generation.clock.sleep(20 * SECOND, generation.signal);
    timing.count(2_000);
    vi.setSystemTime(0);
    const { signal, clear } = timing.startCutTimer('thinking');
    // 4,000 tokens of answer take 40 s at 100 tokens per second: thinking may go on for 220 of the 260 s left.
    await vi.advanceTimersByTimeAsync(219 * SECOND);
    expect(signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(2 * SECOND);
    expect(signal.aborted).toBe(true);
    clear();
  });

  it('a copy that would start too late for the answer gives 503 with Retry-After at once', async () => {
    const cold = coldRequest(850, { coldStart: { startMs: 850 * SECOND, msPerToken: 20 } });
    const error: unknown = await run(cold).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status: 503, retryAfterSeconds: 850 });
    expect(Date.now()).toBe(0);
  });

  it('a copy that would start too late for the minimum of thinking gives 503 with Retry-After at once', async () => {
    const coldStart = { startMs: 700 * SECOND, msPerToken: 20 };
    const waits = run(coldRequest(700, { coldStart }));
    await vi.advanceTimersByTimeAsync(880 * SECOND);
    expect((await waits).report).toMatchObject({ finishReason: 'stop' });
    vi.setSystemTime(0);
    const cold = coldRequest(700, { coldStart });
    const minimum = { ...cold, plan: { ...cold.plan, limits: { ...limits, minTokens: 8_000 } } };
    await expect(run(minimum)).rejects.toMatchObject({ status: 503, retryAfterSeconds: 700 });
  });

  it('a request waits for a copy that was starting before it came', async () => {
    const cold = coldRequest(100, {
      coldStart: { startMs: 850 * SECOND, msPerToken: 20 },
      onNoCapacity: async () => true,
    });
    const result = run(cold);
    await vi.advanceTimersByTimeAsync(880 * SECOND);
    expect((await result).report).toMatchObject({ finishReason: 'stop' });
  });

  it('a request ends with 503 and Retry-After once too little time is left for its answer', async () => {
    const cold = coldRequest(880, { coldStart: { startMs: 100 * SECOND, msPerToken: 20 } });
    const result = run(cold).catch((caught: unknown) => caught);
    await vi.advanceTimersByTimeAsync(880 * SECOND);
    expect(await result).toMatchObject({ status: 503, retryAfterSeconds: 30 });
  });
});

describe('generate: deadline', () => {
  const realClock = { now: () => performance.now(), sleep: async () => {} };

  it('a deadline cuts the thinking early enough for an answer', async () => {
    const { generation } = generationOf(
      [
        { says: 'abc', hangs: true },
        { says: ' 7', ends: IM_END },
      ],
      {
        clock: realClock,
        deadlineMs: performance.now() + 200,
      },
    );
    const { report } = await run(generation);
    expect(report).toMatchObject({ endReason: 'deadline', thinkingTokens: 3, answerTokens: 2, finishReason: 'stop' });
    expect(performance.now()).toBeLessThan((generation.deadlineMs ?? 0) + 100);
  });

  it('a deadline cuts an answer that does not end', async () => {
    const { generation } = generationOf(
      [
        { says: 'abc', ends: IM_START },
        { says: 'an', hangs: true },
      ],
      {
        clock: realClock,
        deadlineMs: performance.now() + 100,
      },
    );
    expect((await run(generation)).report).toMatchObject({
      endReason: 'model',
      answerTokens: 2,
      finishReason: 'length',
      answerCutBy: 'deadline',
    });
  });

  it('a deadline without a token is a failure with status 504, not an empty answer', async () => {
    const silent = [
      { says: '', hangs: true },
      { says: '', hangs: true },
    ];
    const { generation } = generationOf(silent, { clock: realClock, deadlineMs: performance.now() + 100 });
    await expect(run(generation)).rejects.toMatchObject({ status: 504, code: 'model_timeout' });
  });
});

describe('generate: abort', () => {
  it('an aborted generation rejects with the reason of its signal', async () => {
    const abort = new AbortController();
    const { generation } = generationOf([{ says: 'abc', hangs: true }], { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('gone')), 20);
    await expect(run(generation)).rejects.toThrow('gone');
  });
});
