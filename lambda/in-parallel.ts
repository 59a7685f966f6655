/** Runs a function over items, so many at a time, and keeps their order. After an error, no item is begun. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  concurrency: number,
  run: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results = new Array<Result>(items.length);
  const queue = items.entries();
  let failed = false;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (const [index, item] of queue) {
        if (failed) return;
        try {
          results[index] = await run(item);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    }),
  );
  return results;
}
