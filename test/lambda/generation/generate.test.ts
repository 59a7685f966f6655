import { describe, expect, it } from 'vitest';
import { generate } from '../../../lambda/generation/generate.ts';
import type { Generation, GenerationEvent } from '../../../lambda/generation/generation.ts';
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
    });
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
