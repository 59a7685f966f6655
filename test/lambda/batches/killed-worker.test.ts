import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchWorker } from '../../../lambda/batches/batch-worker.ts';
import type { RunLine } from '../../../lambda/batches/run-line.ts';
import type { Documents } from '../../../lambda/retrieval/sync/documents.ts';
import type { ItemTable } from '../../../lambda/storage/table.ts';
import { batchWorld, echoLine, inputLine } from './batch-world.ts';

/** Operations of the stores after which a process is dead: each later one never happens, and its caller waits for ever. */
class Death {
  #left: number;
  readonly came: Promise<void>;
  #dies: () => void = () => {};

  constructor(operations: number) {
    this.#left = operations;
    this.came = new Promise((resolve) => {
      this.#dies = resolve;
    });
  }

  async pass(): Promise<void> {
    if (this.#left-- > 0) return;
    this.#dies();
    await new Promise<never>(() => {});
  }
}

/** The stores as a process sees them that dies before one of its operations. */
function mortal(death: Pick<Death, 'pass'>, table: ItemTable, documents: Documents) {
  const items: ItemTable = {
    get: async (pk, sk) => await death.pass().then(async () => await table.get(pk, sk)),
    put: async (item) => await death.pass().then(async () => await table.put(item)),
    putIfVersion: async (item, before) => await death.pass().then(async () => await table.putIfVersion(item, before)),
    delete: async (pk, sk) => await death.pass().then(async () => await table.delete(pk, sk)),
    async *query(pk, beginsWith, options) {
      await death.pass();
      yield* table.query(pk, beginsWith, options);
    },
  };
  const objects: Documents = {
    get: async (name) => await death.pass().then(async () => await documents.get(name)),
    put: async (name, content) => await death.pass().then(async () => await documents.put(name, content)),
    putIfUnchanged: async (name, text, version) =>
      await death.pass().then(async () => await documents.putIfUnchanged(name, text, version)),
    delete: async (name) => await death.pass().then(async () => await documents.delete(name)),
  };
  return { items, objects };
}

/** Lines of a batch. Some of their requests are refused. */
const LINES = 12;
const runLine: RunLine = async (line) => {
  const outcome = await echoLine(line);
  return outcome.kind === 'response' && line.origin.requestId.endsWith('-5') ? { ...outcome, status: 400 } : outcome;
};

async function undisturbed() {
  const world = batchWorld();
  const { id } = await world.create(Array.from({ length: LINES }, (_, index) => inputLine(String(index))));
  await world.work(runLine);
  return await world.ended(id);
}

describe('a batch whose worker is killed', { timeout: 120_000 }, () => {
  it('has the files of an undisturbed one, wherever its workers were killed, on a laptop and in functions', async () => {
    const expected = await undisturbed();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 90 }), { maxLength: 5 }), fc.boolean(), async (kills, exclusive) => {
        const world = batchWorld();
        const { id } = await world.create(Array.from({ length: LINES }, (_, index) => inputLine(String(index))));
        for (const operations of kills) {
          const death = new Death(operations);
          const { items, objects } = mortal(death, world.table, world.documents);
          const stores = world.storesOver(items, objects);
          const worker = new BatchWorker(world.optionsFor(runLine, { ...stores, exclusive }));
          const abort = new AbortController();
          await Promise.race([worker.work({ signal: abort.signal }), death.came]);
          // In functions, the lease of a dead worker has to run out.
          if (!exclusive) world.clock.now += 60;
        }
        await world.work(runLine, { exclusive });
        const { batch, output, errors } = await world.ended(id);
        expect(batch).toMatchObject({ status: 'completed', counts: expected.batch.counts });
        expect(output).toEqual(expected.output);
        expect(errors).toEqual(expected.errors);
        expect(new Set(world.events.map((event) => `${event.type} ${event.id}`))).toEqual(
          new Set([`batch.completed ${id}`]),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('a worker that goes on after its lease ran out changes nothing', async () => {
    const world = batchWorld();
    const { id } = await world.create([inputLine('0'), inputLine('1')]);
    let goOn: () => void = () => {};
    const stalled = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const first = world.work(async (line) => {
      await stalled;
      const outcome = await echoLine(line);
      return outcome.kind === 'response' ? { ...outcome, body: '{"echo":"late"}' } : outcome;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    world.clock.now += 61;
    await world.work(echoLine);
    const before = await world.ended(id);
    expect(before.batch.status).toBe('completed');
    goOn();
    await first;
    expect(await world.ended(id)).toEqual(before);
    expect(before.output.map(({ response }) => response.body.echo)).toEqual(['Question 0', 'Question 1']);
  });
});

describe('a batch whose stores fail for a while', () => {
  it('loses no response, and runs no line again', async () => {
    const world = batchWorld();
    const { id } = await world.create(Array.from({ length: LINES }, (_, index) => inputLine(String(index))));
    let [operations, ran] = [0, 0];
    const flaky = async () => {
      if (++operations % 3 === 0) throw new Error('The table is unavailable.');
    };
    const stores = mortal({ pass: flaky }, world.table, world.documents);
    const { store } = world.storesOver(world.table, stores.objects);
    const counting: RunLine = async (line) => {
      ran++;
      return await runLine(line);
    };
    await world.work(counting, { store, exclusive: true });
    // The files are written once the store is back.
    await world.work(counting, { exclusive: true });
    expect(ran).toBe(LINES);
    const { batch, output, errors } = await world.ended(id);
    expect(batch.status).toBe('completed');
    expect(output.length + errors.length).toBe(LINES);
  });
});
