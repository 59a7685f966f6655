import { expect, it } from 'vitest';
import { BatchStore } from '../../../lambda/batches/batch-store.ts';
import { MemoryDocuments } from '../../../lambda/retrieval/sync/memory-documents.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';

/** Documents that note how many deletions run at once. */
class CountingDocuments extends MemoryDocuments {
  most = 0;
  #running = 0;

  override async delete(name: string): Promise<void> {
    this.most = Math.max(this.most, ++this.#running);
    await new Promise((resolve) => setImmediate(resolve));
    await super.delete(name);
    this.#running--;
  }
}

it('the lines of a batch are deleted 16 at once, and none is left', async () => {
  const [table, documents] = [new MemoryTable(), new CountingDocuments()];
  const store = new BatchStore({ table, documents, unixTime: () => 1_700_000_000, newId: () => 'a', days: 30 });
  for (let index = 0; index < 100; index++) {
    await store.putResult('batch_a', index, '{}');
    await store.putLine('batch_a', index, { result: 'output', attempts: 1 });
  }
  await store.deleteLines('batch_a', 100);
  expect(documents.most).toBe(16);
  expect((await store.lines('batch_a')).size).toBe(0);
  for (let index = 0; index < 100; index++) expect(await store.result('batch_a', index)).toBeUndefined();
});
