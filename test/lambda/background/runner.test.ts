import { describe, expect, it } from 'vitest';
import { ZeroCopiesReport } from '../../../lambda/scaling/zero-copies-report.ts';
import { TableUnavailableError } from '../../../lambda/storage/table-unavailable-error.ts';
import { ModelRejectedError, NoCapacityError, StreamBrokenError } from '../../../lambda/upstream/errors.ts';
import type { Webhooks } from '../../../lambda/webhooks/webhooks.ts';
import { bodyOf, Process, playedWorld, post } from './played-world.ts';

const ask = { model: 'scripted', input: 'Think long.', temperature: 0, background: true, store: true };
const never = new AbortController().signal;

/** A world with one queued response. */
async function queued(
  options: Parameters<typeof playedWorld>[0],
  limits: Parameters<typeof playedWorld>[1] = {},
  body: object = {},
) {
  const world = playedWorld(options, limits);
  const response = await world.app.request('/v1/responses', post({ ...ask, ...body }));
  expect(response.status).toBe(200);
  const { id } = await bodyOf(response);
  const pointer = { key: 'anonymous', id };
  const read = async () => await bodyOf(world.app.request(`/v1/responses/${id}`));
  const step = async (signal: AbortSignal = never) => await world.runner.step(pointer, signal);
  return { ...world, id, pointer, read, step };
}

describe('A segment of work', () => {
  it('leaves a thought after its time, and the next one goes on where it was', async () => {
    const { step, model, read } = await queued({ thought: 300 }, { segmentMs: 30 });
    model.onToken = async (sampled) => {
      if (sampled % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    expect(await step()).toMatchObject({ kind: 'continues' });
    expect(await read()).toMatchObject({ status: 'in_progress' });
    let last = await step();
    while (last.kind === 'continues') last = await step();
    expect(last).toEqual({ kind: 'ended', status: 'completed' });
    expect(await read()).toMatchObject({ usage: { output_tokens_details: { reasoning_tokens: 300 } } });
    // Nothing is lost if it is left in order.
    expect(model.sampled).toBe(300 + 40 + 2);
  });

  it('is refused what it appends when another one took over, and the other one has the usage', async () => {
    const { step, model, inProcess, pointer, usage } = await queued({ thought: 600 });
    const { promise: paused, resolve: go } = Promise.withResolvers<void>();
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    model.onToken = async (sampled) => {
      if (sampled !== 100) return;
      reach();
      await paused;
    };
    const first = step();
    await reached;
    model.onToken = () => {};
    const second = await inProcess(new Process()).runner.step(pointer, never);
    go();
    expect(second).toEqual({ kind: 'ended', status: 'completed' });
    expect(await first).toEqual({ kind: 'superseded' });
    expect(await usage()).toMatchObject([
      { status: 'settled', thinking: 600, answer: 40, aborted: 0, work: 'background' },
    ]);
  });

  it('waits without a place if there is no copy, with the reason in the state, and runs when there is one', async () => {
    const { step, model, read, pass, log } = await queued({ thought: 20 });
    model.failWith = new NoCapacityError('The model has no copy in service.');
    expect(await step()).toEqual({ kind: 'waits', seconds: 15, code: 'model_no_capacity' });
    pass(15);
    expect(await step()).toEqual({ kind: 'waits', seconds: 30, code: 'model_no_capacity' });
    expect(await read()).toMatchObject({
      status: 'queued',
      waiting: { code: 'model_no_capacity', since: 1_700_000_000, retry_at: 1_700_000_045 },
    });
    model.failWith = undefined;
    expect(await step()).toMatchObject({ status: 'completed' });
    expect(await read()).not.toHaveProperty('waiting');
    // A wait is no failure of a request, on which an alarm would ring.
    const metrics = log.filter(({ message }) => message === 'generation').map(({ Failures }) => Failures);
    expect(metrics).toEqual([undefined, undefined, 0]);
  });

  it('says SageMaker’s own reason for a missing copy, if it gives one', async () => {
    const { model, inProcess, pointer, read } = await queued({ thought: 20 });
    const report = new ZeroCopiesReport({
      owner: { endpointName: 'e', modelId: 'scripted' },
      copies: { describe: async () => ({ current: 0, desired: 1, failure: 'Unable to provision ml.p5.48xlarge.' }) },
      now: () => 1_700_000_000,
      emit: () => {},
      log: () => {},
    });
    const { runner } = inProcess(new Process(), { zeroCopies: new Map([['scripted', report]]) });
    model.failWith = new NoCapacityError('The model has no copy in service.');
    await runner.step(pointer, never);
    expect((await read())['waiting']).toMatchObject({
      message: 'The model has no copy in service. SageMaker’s reason: Unable to provision ml.p5.48xlarge.',
    });
  });

  it('waits if the server fails for a while, keeps its tokens, and begins a new wait after progress', async () => {
    const { step, model, pass, read } = await queued({ thought: 900, callTokens: 400 });
    model.onToken = (sampled) => {
      if (sampled === 399) model.failWith = new StreamBrokenError('The stream broke.');
    };
    expect(await step()).toEqual({ kind: 'waits', seconds: 15, code: 'model_stream_broken' });
    pass(15);
    expect(await step()).toMatchObject({ kind: 'waits', seconds: 30 });
    pass(30);
    model.failWith = undefined;
    model.onToken = (sampled) => {
      if (sampled === 799) model.failWith = new StreamBrokenError('The stream broke.');
    };
    expect(await step()).toMatchObject({ kind: 'waits', seconds: 15 });
    model.failWith = undefined;
    expect(await step()).toMatchObject({ status: 'completed' });
    expect(await read()).toMatchObject({ usage: { output_tokens_details: { reasoning_tokens: 900 } } });
  });

  it('fails with the reason when the time to wait is over', async () => {
    const { step, model, read, pass, usage } = await queued({ thought: 20 }, { maxWaitSeconds: 60 });
    model.failWith = new NoCapacityError('The model has no copy in service.');
    for (const seconds of [15, 30, 15]) {
      expect(await step()).toMatchObject({ kind: 'waits', seconds });
      pass(seconds);
    }
    expect(await step()).toEqual({ kind: 'ended', status: 'failed' });
    expect(await read()).toMatchObject({ status: 'failed', error: { code: 'model_no_capacity' } });
    expect(await usage()).toMatchObject([{ status: 'settled', thinking: 0, aborted: 0 }]);
  });

  it('keeps the output so far of a response that fails for good', async () => {
    const { step, model, read, usage } = await queued({ thought: 500, callTokens: 300 });
    model.onToken = (sampled) => {
      if (sampled === 299) model.failWith = new ModelRejectedError('The prompt is too long.');
    };
    expect(await step()).toMatchObject({ status: 'failed' });
    const body = await read();
    expect(body).toMatchObject({ status: 'failed', error: { code: 'model_rejected_request' } });
    expect(body.output[0]?.content?.[0]?.text).toHaveLength(300);
    expect(await usage()).toMatchObject([{ status: 'settled', aborted: 300 }]);
  });

  it('ends at the deadline of the request, which counts from the request on', async () => {
    const { step, model, pass, read } = await queued({ thought: 500 }, {}, { thinking: { deadline_ms: 60_000 } });
    const leaving = new AbortController();
    model.onToken = (sampled) => {
      if (sampled === 200) leaving.abort();
    };
    expect(await step(leaving.signal)).toMatchObject({ kind: 'continues', tokens: 200 });
    pass(3_600);
    model.onToken = async () => await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await step()).toMatchObject({ kind: 'ended', status: 'incomplete' });
    const { budget_forcing: forcing } = await read();
    expect(forcing).toMatchObject({ end_reason: 'deadline', thinking_tokens: 200 });
  });

  it('stops the model when the response is cancelled, and settles what it used', async () => {
    const { app, id, step, model, read, usage } = await queued({ thought: 100_000 });
    model.onToken = async (sampled) => {
      if (sampled === 400) await app.request(`/v1/responses/${id}/cancel`, { method: 'POST' });
      if (sampled > 400) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    expect(await step()).toEqual({ kind: 'ended', status: 'cancelled' });
    expect(model.sampled).toBeLessThan(400 + 256);
    const body = await read();
    expect(body).toMatchObject({ status: 'cancelled', output: [{ type: 'reasoning', status: 'incomplete' }] });
    const [record] = await usage();
    expect(record).toMatchObject({ status: 'settled', thinking: 0, aborted: model.sampled });
  });

  it('leaves nothing of a response that is deleted while it runs, but its usage', async () => {
    const { app, id, step, model, usage, objects } = await queued({ thought: 100_000 });
    model.onToken = async (sampled) => {
      if (sampled === 400) {
        await app.request(`/v1/responses/${id}`, { method: 'DELETE' });
        expect((await app.request(`/v1/responses/${id}`)).status).toBe(404);
      }
    };
    expect(await step()).toEqual({ kind: 'ended', status: 'deleted' });
    expect(model.sampled).toBeLessThan(400 + 256);
    expect(objects.names).toEqual([]);
    expect(await usage()).toMatchObject([{ status: 'settled', aborted: model.sampled }]);
  });

  it('settles a response that was cancelled while nothing ran it', async () => {
    const { app, id, step, model, usage } = await queued({ thought: 1_000 });
    const leaving = new AbortController();
    model.onToken = (sampled) => {
      if (sampled === 500) leaving.abort();
    };
    await step(leaving.signal);
    const cancelled = await bodyOf(app.request(`/v1/responses/${id}/cancel`, { method: 'POST' }));
    expect(cancelled).toMatchObject({ status: 'cancelled' });
    expect(await step()).toEqual({ kind: 'ended', status: 'cancelled' });
    expect(await usage()).toMatchObject([{ status: 'settled', aborted: 500, thinking: 0 }]);
    expect(model.sampled).toBe(500);
  });
});

describe('A thousand responses at once', { timeout: 180_000 }, () => {
  it('all end, each once', async () => {
    const world = playedWorld({ thought: 10 });
    const create = async () => await bodyOf(world.app.request('/v1/responses', post(ask)));
    const created = await Promise.all(Array.from({ length: 1_000 }, create));
    // Each is delivered twice, as queues may do.
    await Promise.all(
      [...world.started, ...world.started].map(async (pointer) => await world.runner.step(pointer, never)),
    );
    const bodies = await Promise.all(
      created.map(async ({ id }) => await bodyOf(world.app.request(`/v1/responses/${id}`))),
    );
    expect(new Set(bodies.map(({ id }) => id)).size).toBe(1_000);
    expect(bodies.filter(({ status }) => status === 'completed')).toHaveLength(1_000);
    const usage = await world.usage();
    expect(usage).toHaveLength(1_000);
    expect(
      usage.filter(({ status, thinking, answer }) => status === 'settled' && thinking === 10 && answer === 40),
    ).toHaveLength(1_000);
  });
});

describe('The webhook of a key', () => {
  /** A process of the world that notes what it tells webhooks. `fails`: times that it cannot. */
  const telling = (world: Awaited<ReturnType<typeof queued>>, fails = 0) => {
    const told: unknown[] = [];
    let failures = fails;
    const notify = async (...event: readonly unknown[]) => {
      if (failures-- > 0) throw new TableUnavailableError('away', {});
      told.push(event);
    };
    const webhooks = { notify, settled: async () => void told.push('settled') } as unknown as Webhooks;
    return { ...world.inProcess(new Process(), { webhooks }), told };
  };

  it('is told the end, before the segment is over', async () => {
    const world = await queued({ thought: 20 });
    const { runner, told } = telling(world);
    expect(await runner.step(world.pointer, never)).toEqual({ kind: 'ended', status: 'completed' });
    expect(told).toEqual([['anonymous', { type: 'response.completed', id: world.id }], 'settled']);
  });

  it('is told of a response that failed, was cut or was cancelled, and of none that was deleted', async () => {
    const failing = await queued({ thought: 20 });
    failing.model.failWith = new ModelRejectedError('No.');
    const failed = telling(failing);
    await failed.runner.step(failing.pointer, never);
    const cutting = await queued({ thought: 20 }, {}, { max_output_tokens: 10 });
    const cut = telling(cutting);
    await cut.runner.step(cutting.pointer, never);
    const cancelling = await queued({ thought: 20 });
    await cancelling.app.request(`/v1/responses/${cancelling.id}/cancel`, post({}));
    const cancelled = telling(cancelling);
    await cancelled.runner.step(cancelling.pointer, never);
    const types = [failed, cut, cancelled].map(({ told }) => (told[0] as [string, { type: string }])[1].type);
    expect(types).toEqual(['response.failed', 'response.incomplete', 'response.cancelled']);
    const deleting = await queued({ thought: 20 });
    await deleting.app.request(`/v1/responses/${deleting.id}`, { method: 'DELETE' });
    const deleted = telling(deleting);
    await deleted.runner.step(deleting.pointer, never);
    expect(deleted.told).toEqual([]);
  });

  it('is told again by the next attempt if it could not be', async () => {
    const world = await queued({ thought: 20 });
    const { runner, told } = telling(world, 1);
    expect(await runner.step(world.pointer, never)).toMatchObject({ kind: 'waits', code: 'table_unavailable' });
    await runner.step(world.pointer, never);
    expect(told).toEqual([['anonymous', { type: 'response.completed', id: world.id }], 'settled']);
  });
});
