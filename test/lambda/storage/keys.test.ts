import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedTable } from './embedded-table.ts';

let embedded: Awaited<ReturnType<typeof embeddedTable>>;
beforeAll(async () => {
  embedded = await embeddedTable();
});
afterAll(async () => {
  await embedded.close();
});

describe('Keys that no item can have', () => {
  // An id that a client sends becomes a part of a key. DynamoDB refuses an empty one, and one above its limit.
  it.each([
    ['an empty sort key', 'KEY', ''],
    ['an empty partition key', '', 'id'],
    ['a sort key above 1,024 bytes', 'KEY', 'a'.repeat(1025)],
    ['a sort key above 1,024 bytes of UTF-8', 'KEY', 'é'.repeat(513)],
    ['a partition key above 2,048 bytes', 'a'.repeat(2049), 'id'],
  ])('%s: there is nothing to read, and nothing to delete', async (_what, pk, sk) => {
    expect(await embedded.table.get(pk, sk)).toBeUndefined();
    await expect(embedded.table.delete(pk, sk)).resolves.toBeUndefined();
  });

  it('the longest keys are kept', async () => {
    const key = { pk: 'p'.repeat(2048), sk: 's'.repeat(1024) };
    await embedded.table.put({ ...key, value: 1 });
    expect(await embedded.table.get(key.pk, key.sk)).toMatchObject({ value: 1 });
    await embedded.table.delete(key.pk, key.sk);
    expect(await embedded.table.get(key.pk, key.sk)).toBeUndefined();
  });
});
