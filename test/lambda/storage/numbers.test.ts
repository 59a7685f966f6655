import { describe, expect, it } from 'vitest';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { embeddedTable } from './embedded-table.ts';

describe('numbers of an item', () => {
  it.each([0, -1, 0.1, 1e-130, 1.7e-9, Number.MAX_SAFE_INTEGER, 2 ** 53, -2.9e21, 1.5e300, 2.1e-189, Number.NaN])(
    'are taken or refused alike in memory and by DynamoDB: %d',
    async (value) => {
      const { table, close } = await embeddedTable();
      const takes = async (put: Promise<void>) =>
        await put.then(
          () => true,
          () => false,
        );
      const item = { pk: 'a', sk: 'b', inner: { list: [value] } };
      expect(await takes(new MemoryTable().put(item))).toBe(await takes(table.put(item)));
      await close();
    },
  );
});
