import { describe, expect, it } from 'vitest';
import { ModelUnavailableError } from '../../../lambda/upstream/errors.ts';
import { HedgedModel } from '../../../lambda/upstream/hedged-model.ts';
import type { SegmentChunk, SegmentModel } from '../../../lambda/upstream/segment-model.ts';

const request = { promptIds: [1], maxTokens: 9, minTokens: 0, stopTokenIds: [], sampling: {} };

/** A model that gives its ids when `open` resolves, or fails, and notes whether it was called and ended. */
function model(ids: readonly number[], open: Promise<unknown> = Promise.resolve(), error?: Error) {
  const state = { called: false, ended: false, aborted: false };
  const segments: SegmentModel = {
    async *run(_, { signal }): AsyncGenerator<SegmentChunk> {
      state.called = true;
      signal.addEventListener('abort', () => {
        state.aborted = true;
      });
      try {
        await Promise.race([
          open,
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        ]);
        if (error !== undefined) throw error;
        for (const id of ids) yield { tokenIds: [id], text: '' };
      } finally {
        state.ended = true;
      }
    },
  };
  return { segments, state };
}

const never = new Promise<void>(() => {});

async function idsOf(hedged: HedgedModel, signal = new AbortController().signal): Promise<number[]> {
  const ids: number[] = [];
  for await (const chunk of hedged.run(request, { signal })) ids.push(...chunk.tokenIds);
  return ids;
}

describe('A hedged call', () => {
  it('makes no second call if the first chunk comes in time', async () => {
    const second = model([2]);
    const hedged = new HedgedModel(model([1, 1]).segments, second.segments, 60_000);
    expect(await idsOf(hedged)).toEqual([1, 1]);
    expect(second.state.called).toBe(false);
    expect(hedged.outcome).toBeUndefined();
  });

  it('makes no second call if the first one fails in time: that is failover', async () => {
    const second = model([2]);
    const down = model([], Promise.resolve(), new ModelUnavailableError('down'));
    await expect(idsOf(new HedgedModel(down.segments, second.segments, 60_000))).rejects.toThrow('down');
    expect(second.state.called).toBe(false);
  });

  it('takes the second call if its first chunk comes first, and aborts the first call', async () => {
    const first = model([1], never);
    const hedged = new HedgedModel(first.segments, model([2, 2]).segments, 1);
    expect(await idsOf(hedged)).toEqual([2, 2]);
    expect(hedged.outcome).toEqual({ winner: 'second', abortedTokens: 0, failure: undefined });
    expect(first.state).toEqual({ called: true, ended: true, aborted: true });
  });

  it('takes the first call if its chunk comes first after all, and aborts the second call', async () => {
    const opened = Promise.withResolvers<void>();
    const second = model([2], never);
    const watched: SegmentModel = {
      run(given, options) {
        opened.resolve();
        return second.segments.run(given, options);
      },
    };
    const hedged = new HedgedModel(model([1], opened.promise).segments, watched, 1);
    expect(await idsOf(hedged)).toEqual([1]);
    expect(hedged.outcome?.winner).toBe('first');
    expect(second.state.aborted).toBe(true);
  });

  it('counts the tokens of the slower call that had arrived', async () => {
    const gate = Promise.withResolvers<void>();
    const second = model([2], gate.promise);
    const watched: SegmentModel = {
      run(given, options) {
        gate.resolve();
        return second.segments.run(given, options);
      },
    };
    const hedged = new HedgedModel(model([1], gate.promise).segments, watched, 1);
    const ids = await idsOf(hedged);
    expect(ids).toHaveLength(1);
    expect(hedged.outcome?.abortedTokens).toBeLessThanOrEqual(1);
    expect(ids[0]).toBe(hedged.outcome?.winner === 'first' ? 1 : 2);
  });

  it('takes the other call if one fails, and names the failure; if both fail, throws that of the first', async () => {
    const opened = Promise.withResolvers<void>();
    const first = model([], opened.promise, new ModelUnavailableError('first down'));
    const watched = (inner: SegmentModel): SegmentModel => ({
      run(given, options) {
        opened.resolve();
        return inner.run(given, options);
      },
    });
    const hedged = new HedgedModel(
      first.segments,
      watched(model([2], new Promise((r) => setTimeout(r, 5))).segments),
      1,
    );
    expect(await idsOf(hedged)).toEqual([2]);
    expect(hedged.outcome).toMatchObject({ winner: 'second', failure: { code: 'model_unavailable' } });
    const down = watched(model([], Promise.resolve(), new ModelUnavailableError('second down')).segments);
    await expect(idsOf(new HedgedModel(first.segments, down, 0))).rejects.toThrow('first down');
  });

  it('ends both calls if the client leaves', async () => {
    const client = new AbortController();
    const [first, second] = [model([1], never), model([2], never)];
    const watched: SegmentModel = {
      run(given, options) {
        setTimeout(() => client.abort(new Error('left')), 1);
        return second.segments.run(given, options);
      },
    };
    await expect(idsOf(new HedgedModel(first.segments, watched, 1), client.signal)).rejects.toThrow('left');
    expect([first.state.ended, second.state.ended]).toEqual([true, true]);
  });

  it('ends the winning call if its reader stops', async () => {
    const second = model([2, 2, 2]);
    for await (const _ of new HedgedModel(model([1], never).segments, second.segments, 1).run(request, {
      signal: new AbortController().signal,
    }))
      break;
    expect(second.state.ended).toBe(true);
  });
});
