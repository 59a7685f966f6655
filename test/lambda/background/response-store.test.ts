import { describe, expect, it } from 'vitest';
import { ResponseStore } from '../../../lambda/background/response-store.ts';
import { MemoryObjects } from '../../../lambda/storage/memory-objects.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';

const caller = { id: 'key_1', admin: false, limits: {}, store: true };
const pointer = { key: 'key_1', id: 'resp_1' };

function build() {
  let now = 1_000_000;
  const objects = new MemoryObjects();
  const store = new ResponseStore(new MemoryTable(), objects, () => now, 2);
  const create = () =>
    store.create({
      id: 'resp_1',
      dialect: 'responses',
      model: 'm',
      status: 'queued',
      background: true,
      request: { body: { input: 'Hi' }, ignored: [], caller },
    });
  return { store, objects, create, pass: (seconds: number) => (now += seconds) };
}

const progress = (writer: string) =>
  ({
    kind: 'progress',
    writer,
    entries: [1, [2, 3]],
    events: [],
    taken: 2,
    next: 0,
    tokens: { thinking: 3, answer: 0 },
  }) as const;

async function readAll<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const all: Value[] = [];
  for await (const value of values) all.push(value);
  return all;
}

describe('ResponseStore', () => {
  it('finds a response of its key alone, with the request as it was', async () => {
    const { store, create } = build();
    await create();
    expect(await store.find(pointer)).toMatchObject({ status: 'queued', created: 1_000_000, ttl: 1_172_800 });
    expect(await store.request(pointer)).toEqual({ body: { input: 'Hi' }, ignored: [], caller });
    expect(await store.find({ key: 'key_2', id: 'resp_1' })).toBeUndefined();
    await expect(store.require({ key: 'key_2', id: 'resp_1' })).rejects.toMatchObject({
      status: 404,
      code: 'response_not_found',
    });
  });

  it('forgets a response at the end of its retention', async () => {
    const { store, create, pass } = build();
    await create();
    pass(2 * 86_400 - 1);
    expect(await store.find(pointer)).toBeDefined();
    pass(1);
    expect(await store.find(pointer)).toBeUndefined();
  });

  it('changes an item although another writer changes it meanwhile', async () => {
    const { store, create } = build();
    await create();
    const change = (status: 'in_progress' | 'cancelled') => store.change(pointer, (stored) => ({ ...stored, status }));
    await Promise.all([change('in_progress'), change('cancelled')]);
    expect((await store.find(pointer))?.version).toBe(3);
  });

  it('refuses what a superseded writer appends', async () => {
    const { store, create } = build();
    const stored = await create();
    expect(await store.append(stored, 0, { kind: 'claim', writer: 'a' })).toBe(true);
    expect(await store.append(stored, 1, progress('a'))).toBe(true);
    expect(await store.append(stored, 2, { kind: 'claim', writer: 'b' })).toBe(true);
    expect(await store.append(stored, 2, progress('a'))).toBe(false);
    const records = await readAll(store.log.read('resp_1'));
    expect(records.map(({ at, record }) => [at, record.kind, record.writer])).toEqual([
      [0, 'claim', 'a'],
      [1, 'progress', 'a'],
      [2, 'claim', 'b'],
    ]);
  });

  it('takes a repeated append of the same writer as done', async () => {
    const { store, create } = build();
    const stored = await create();
    expect(await store.append(stored, 0, progress('a'))).toBe(true);
    expect(await store.append(stored, 0, progress('a'))).toBe(true);
  });

  it('reads the log from a place on', async () => {
    const { store, create } = build();
    const stored = await create();
    for (const at of [0, 1, 2]) await store.append(stored, at, progress(`w${at}`));
    expect((await readAll(store.log.read('resp_1', 1))).map(({ at }) => at)).toEqual([1, 2]);
    expect(await store.log.at('resp_1', 3)).toBeUndefined();
  });

  it('leaves nothing of a deleted response', async () => {
    const { store, create, objects } = build();
    const stored = await create();
    await store.putContent(pointer, 'begun', {});
    const events = await store.putContent(pointer, 'events-0', []);
    const result = await store.putContent(pointer, 'result-a', {});
    await store.append(stored, 0, { ...progress('a'), events: undefined, eventsObject: events });
    await store.append(stored, 1, { kind: 'end', writer: 'a', status: 'completed', result, events: [], next: 0 });
    await store.delete(pointer);
    expect(objects.names).toEqual([]);
    expect(await store.find(pointer)).toBeUndefined();
    expect(await readAll(store.log.read('resp_1'))).toEqual([]);
  });
});
