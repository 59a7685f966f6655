/**
 * Merges generators that run concurrently: yields each value as it comes, with the index of its generator.
 *
 * @param stop must make the other generators end; called if one fails or the consumer stops reading.
 */
export async function* mergeGenerators<T>(
  generators: readonly AsyncGenerator<T, void, undefined>[],
  stop: () => void,
): AsyncGenerator<{ readonly index: number; readonly value: T }, void, undefined> {
  const readNext = async (index: number) => ({ index, result: await generators[index]?.next() });
  const pending = new Map(generators.map((_, index) => [index, readNext(index)]));
  let finished = false;
  try {
    while (pending.size > 0) {
      // Of one generator there is nothing to race, and a race costs as much as the rest.
      const [first] = pending.values();
      const { index, result } = await (pending.size === 1 && first !== undefined
        ? first
        : Promise.race(pending.values()));
      if (result === undefined || result.done === true) {
        pending.delete(index);
      } else {
        pending.set(index, readNext(index));
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
