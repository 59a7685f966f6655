import { describe, expect, it } from 'vitest';
import type { StepOutcome } from '../../lambda/background/runner.ts';
import { MemoryTable } from '../../lambda/storage/memory-table.ts';
import { BackgroundWorker } from '../../local/background-worker.ts';

const one = { key: 'key_1', id: 'resp_1' };
const two = { key: 'key_1', id: 'resp_2' };

/** A worker whose segments run until they are left. */
function world() {
  const left: string[] = [];
  const step = async ({ id }: typeof one, signal: AbortSignal): Promise<StepOutcome> => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    left.push(id);
    return { kind: 'ended', status: 'cancelled' };
  };
  const table = new MemoryTable();
  const worker = new BackgroundWorker({ table, runner: { step }, places: 2, log: () => {} });
  const listed = async () => {
    const ids = [];
    for await (const { id } of table.query('BACKGROUND')) ids.push(id);
    return ids;
  };
  return { worker, left, listed };
}

describe('BackgroundWorker', () => {
  it('leaves a response that is cancelled at once, and no other', async () => {
    const { worker, left, listed } = world();
    await worker.start(one);
    await worker.start(two);
    worker.leave(one);
    await expect.poll(() => left).toEqual([one.id]);
    await expect.poll(listed).toEqual([two.id]);
    // One that does not run is not left later.
    worker.leave(one);
    await worker.start(one);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(left).toEqual([one.id]);
    await worker.close();
    expect(left.toSorted()).toEqual([one.id, one.id, two.id]);
  });
});
