import { describe, expect, it, vi } from 'vitest';
import { BatchWorker } from '../../../lambda/batches/batch-worker.ts';
import type { LineOutcome, RunLine } from '../../../lambda/batches/run-line.ts';
import { batchRulesSchema } from '../../../lambda/settings/batch-settings.ts';
import { batchWorld, echoLine, inputLine } from './batch-world.ts';

const lines = (count: number) => Array.from({ length: count }, (_, index) => inputLine(`line ${index}`));
const customIds = (output: readonly { custom_id: string }[]) => output.map(({ custom_id: id }) => id);

/** Runs lines by `echoLine`, after what a test gives for a line. */
const scripted = (outcomes: Readonly<Record<string, readonly LineOutcome[]>>): { run: RunLine; ran: string[] } => {
  const left = new Map(Object.entries(outcomes).map(([name, list]) => [name, [...list]]));
  const ran: string[] = [];
  return {
    ran,
    run: async (line) => {
      const name = String(JSON.parse(line.body).messages[0].content).replace('Question ', '');
      ran.push(name);
      return left.get(name)?.shift() ?? (await echoLine(line));
    },
  };
};
const failed: LineOutcome = { kind: 'failed', status: 502, requestId: 'r', body: '{"error":{"code":"model_failed"}}' };
const refused: LineOutcome = { kind: 'response', status: 400, requestId: 'r', body: '{"error":{"code":"x"}}' };
const later = (afterSeconds: number): LineOutcome => ({ kind: 'later', afterSeconds });

describe('BatchWorker', () => {
  it('runs all lines, and writes their results in the order of the input', async () => {
    const { create, work, ended, events, clock } = batchWorld();
    const { id } = await create(lines(50));
    await work(echoLine);
    const { batch, output, errors } = await ended(id);
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: 50, completed: 50, failed: 0 },
      entered: { in_progress: clock.now, finalizing: clock.now, completed: clock.now },
    });
    expect(customIds(output)).toEqual(Array.from({ length: 50 }, (_, index) => `line ${index}`));
    expect(output[7]).toEqual({
      id: `batch_req_${id.replace('batch_', '')}_7`,
      custom_id: 'line 7',
      response: { status_code: 200, request_id: `${id}-7`, body: { echo: 'Question line 7' } },
      error: null,
    });
    expect(errors).toEqual([]);
    expect(batch.errorFileId).toBeUndefined();
    expect(events).toEqual([{ key: 'key_1', type: 'batch.completed', id }]);
  });

  it('leaves nothing but the record and the files', async () => {
    const { create, work, documents, table } = batchWorld();
    const { id } = await create(lines(3));
    await work(echoLine);
    expect(documents.names.filter((name) => name.startsWith('batches/'))).toEqual([]);
    for (const partition of ['BATCHQUEUE', `BATCHLINES#${id}`]) {
      for await (const item of table.query(partition)) expect(item).toBeUndefined();
    }
  });

  it('a file that is wrong fails the batch, and no line runs', async () => {
    const { create, work, ended, events } = batchWorld();
    const { id } = await create([inputLine('a'), 'no JSON']);
    const { run, ran } = scripted({});
    await work(run);
    const { batch } = await ended(id);
    expect(batch).toMatchObject({ status: 'failed', errors: [{ code: 'invalid_json_line', line: 2 }] });
    expect(ran).toEqual([]);
    expect(events).toMatchObject([{ type: 'batch.failed' }]);
  });

  it('responses with an error are in the error file', async () => {
    const { create, work, ended } = batchWorld();
    const { id } = await create(lines(3));
    await work(scripted({ 'line 1': [refused] }).run);
    const { batch, output, errors } = await ended(id);
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 3, completed: 2, failed: 1 } });
    expect(customIds(output)).toEqual(['line 0', 'line 2']);
    expect(errors).toMatchObject([
      { custom_id: 'line 1', response: { status_code: 400, body: { error: { code: 'x' } } } },
    ]);
  });

  it('a line whose model fails runs three times, and is an error then', async () => {
    const { create, work, ended } = batchWorld();
    const { id } = await create(lines(2));
    const { run, ran } = scripted({ 'line 0': [failed, failed], 'line 1': [failed, failed, failed] });
    await work(run);
    const { output, errors } = await ended(id);
    expect(customIds(output)).toEqual(['line 0']);
    expect(errors).toMatchObject([{ custom_id: 'line 1', response: { status_code: 502 } }]);
    expect(ran.filter((name) => name === 'line 1')).toHaveLength(3);
  });

  it('a line that finds no room waits as long as it is told, and is not lost', async () => {
    const { create, work, ended, clock } = batchWorld();
    const { id } = await create(lines(3));
    const start = clock.now;
    await work(scripted({ 'line 1': [later(20)] }).run);
    expect(clock.now).toBeGreaterThanOrEqual(start + 20);
    expect(customIds((await ended(id)).output)).toEqual(['line 0', 'line 1', 'line 2']);
  });

  it('for a long wait, the batch is given back, and no worker takes it before', async () => {
    const { create, work, ended, clock, store } = batchWorld();
    const { id } = await create(lines(1));
    const { run, ran } = scripted({ 'line 0': [later(600)] });
    await work(run);
    expect(await store.require('key_1', id)).toMatchObject({ status: 'in_progress', after: clock.now + 600 });
    clock.now += 599;
    await work(run);
    expect(ran).toHaveLength(1);
    clock.now += 1;
    await work(run);
    expect((await ended(id)).batch.status).toBe('completed');
  });

  it('starts no line after its time, and another worker goes on', async () => {
    const { create, work, ended, clock } = batchWorld();
    const { id } = await create(lines(20));
    const ran: string[] = [];
    const slow: RunLine = async (line) => {
      ran.push(line.origin.requestId);
      clock.now += 1;
      return await echoLine(line);
    };
    await work(slow, { rules: batchRulesSchema.parse({ concurrency: 1 }) }, clock.now + 5);
    expect(ran).toHaveLength(5);
    expect((await ended(id)).batch.status).toBe('in_progress');
    await work(slow);
    expect(new Set(ran).size).toBe(20);
    expect(ran).toHaveLength(20);
    expect((await ended(id)).output).toHaveLength(20);
  });

  it('outside of its windows, no line starts', async () => {
    const { create, work, ended, clock } = batchWorld();
    const { id } = await create(lines(2));
    const { run, ran } = scripted({});
    const { hour } = { hour: new Date(clock.now * 1_000).getUTCHours() };
    const time = (hours: number) => `${String((hour + hours) % 24).padStart(2, '0')}:00`;
    const rules = batchRulesSchema.parse({ windows: [{ from: time(2), to: time(3) }] });
    await work(run, { rules });
    expect(ran).toEqual([]);
    clock.now += 2 * 3_600;
    await work(run, { rules });
    expect((await ended(id)).batch.status).toBe('completed');
  });

  it('tells whether a line may wake copies', async () => {
    const { create, work, clock } = batchWorld();
    await create(lines(1));
    const seen: boolean[] = [];
    const run: RunLine = async ({ origin }) => {
      seen.push(origin.priority.mayWake);
      return later(3_600);
    };
    await work(run);
    clock.now += 3_600;
    await work(run);
    expect(seen).toEqual([false, true]);
  });

  it('what is left when the completion window ends is an error', async () => {
    const { create, work, ended, events, clock } = batchWorld();
    const { id } = await create(lines(3));
    await work(scripted({ 'line 1': [later(90_000)], 'line 2': [later(90_000)] }).run);
    clock.now += 86_400;
    await work(echoLine);
    const { batch, output, errors } = await ended(id);
    expect(batch).toMatchObject({ status: 'expired', counts: { total: 3, completed: 1, failed: 2 } });
    expect(customIds(output)).toEqual(['line 0']);
    expect(errors).toMatchObject([
      { custom_id: 'line 1', response: null, error: { code: 'batch_expired' } },
      { custom_id: 'line 2', response: null, error: { code: 'batch_expired' } },
    ]);
    expect(events).toMatchObject([{ type: 'batch.expired' }]);
  });

  it('cancel aborts the lines that run, and keeps what has a response', async () => {
    const { create, work, ended, events, store } = batchWorld();
    const { id } = await create(lines(3));
    let aborted = 0;
    const run: RunLine = async (line) => {
      if (line.origin.requestId === `${id}-0`) return await echoLine(line);
      return await new Promise<never>((_, reject) => {
        line.signal.addEventListener('abort', () => {
          aborted++;
          reject(line.signal.reason);
        });
      });
    };
    const working = work(run);
    setTimeout(() => void store.cancel('key_1', id), 50);
    await working;
    const { batch, output, errors } = await ended(id);
    expect(aborted).toBe(2);
    expect(batch).toMatchObject({ status: 'cancelled', entered: { cancelling: expect.any(Number) } });
    expect(customIds(output)).toEqual(['line 0']);
    expect(customIds(errors)).toEqual(['line 1', 'line 2']);
    expect(errors[0]).toMatchObject({ error: { code: 'batch_cancelled' } });
    expect(events).toMatchObject([{ type: 'batch.cancelled' }]);
  });

  it('a batch that was cancelled before it ran ends without a line', async () => {
    const { create, work, ended, store } = batchWorld();
    const { id } = await create(lines(2));
    await store.cancel('key_1', id);
    const { run, ran } = scripted({});
    await work(run);
    expect((await ended(id)).batch.status).toBe('cancelled');
    expect(ran).toEqual([]);
  });

  it('a batch of a key that is not valid any more fails', async () => {
    const { create, work, ended } = batchWorld();
    const { id } = await create(lines(2));
    await work(echoLine, { callerOf: async () => undefined });
    expect((await ended(id)).batch).toMatchObject({ status: 'failed', errors: [{ code: 'key_not_valid' }] });
  });

  it('a key that is not valid any more ends the lines that run', async () => {
    const { create, work, ended, clock } = batchWorld();
    const { id } = await create(lines(1));
    let valid = true;
    const callerOf = async (key: string) => (valid ? { id: key, admin: false, limits: {} } : undefined);
    const run: RunLine = async ({ signal }) => {
      valid = false;
      clock.now += 15;
      return await new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    await work(run, { callerOf });
    await work(run, { callerOf });
    expect((await ended(id)).batch).toMatchObject({ status: 'failed', errors: [{ code: 'key_not_valid' }] });
  });

  it('at most so many lines run at once, and batches take turns', async () => {
    const { create, optionsFor } = batchWorld();
    await create(lines(6), 'key_1');
    await create(lines(6), 'key_2');
    let [running, most] = [0, 0];
    const keys: string[] = [];
    const run: RunLine = async (line) => {
      most = Math.max(most, ++running);
      keys.push(line.origin.caller.id);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      return await echoLine(line);
    };
    const rules = batchRulesSchema.parse({ concurrency: 2 });
    await new BatchWorker(optionsFor(run, { rules })).work({ signal: new AbortController().signal });
    expect(most).toBe(2);
    expect(keys.slice(2, 8).filter((key) => key === 'key_1')).toHaveLength(3);
  });

  it('a line costs two reads, one write and one deletion of an object, and one write and one deletion of an item', async () => {
    const { create, work, table, documents } = batchWorld();
    const operations = {
      get: vi.spyOn(documents, 'get'),
      write: vi.spyOn(documents, 'putIfUnchanged'),
      delete: vi.spyOn(documents, 'delete'),
      putItem: vi.spyOn(table, 'put'),
      deleteItem: vi.spyOn(table, 'delete'),
    };
    const counts = async (count: number) => {
      await create(lines(count));
      for (const spy of Object.values(operations)) spy.mockClear();
      await work(echoLine);
      return Object.entries(operations).map(([name, spy]) => [name, spy.mock.calls.length] as const);
    };
    const few = new Map(await counts(10));
    const more = await counts(20);
    const perLine = more.map(([name, count]) => [name, (count - (few.get(name) ?? 0)) / 10]);
    expect(Object.fromEntries(perLine)).toEqual({ get: 2, write: 1, delete: 1, putItem: 1, deleteItem: 1 });
  });

  it('two workers at once run each line once', async () => {
    const { create, work, ended } = batchWorld();
    const { id } = await create(lines(30));
    const { run, ran } = scripted({});
    await Promise.all([work(run), work(run), work(run)]);
    await work(run);
    expect(ran).toHaveLength(30);
    expect((await ended(id)).output).toHaveLength(30);
  });
});
