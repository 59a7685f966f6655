/**
 * What several generators give, as it comes, each value with the index of its generator. When one fails or the reader leaves, `stop` has
 * to make the others end.
 */
export async function* mergeGenerators<T>(
  generators: readonly AsyncGenerator<T, void, undefined>[],
  stop: () => void,
): AsyncGenerator<{ readonly index: number; readonly value: T }, void, undefined> {
  const nextOf = async (index: number) => ({ index, result: await generators[index]?.next() });
  const pending = new Map(generators.map((_, index) => [index, nextOf(index)]));
  let finished = false;
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values());
      if (result === undefined || result.done === true) {
        pending.delete(index);
      } else {
        pending.set(index, nextOf(index));
        yield { index, value: result.value };
      }
    }
    finished = true;
  } finally {
    if (!finished) {
      stop();
      await Promise.allSettled(pending.values());
      await Promise.allSettled(generators.map((generator) => generator.return()));
    }
  }
}
