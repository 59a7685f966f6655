/** What the choice looks at. */
export interface Candidate {
  readonly topic: string;
  /** Length of the thought, in tokens or characters. */
  readonly length: number;
}

/**
 * s1's filter of diversity. Topics take turns in a random order, and of a topic a longer thought is more probable: the weight halves
 * from one rank to the next (section 2.2 of the paper and its algorithm 1, which draws the topic each time; turns give the same shares with less chance). The same
 * input and seed give the same choice.
 *
 * @returns the chosen ones, at most `size`, in the order of their choice
 */
export function chooseDiverse<T extends Candidate>(candidates: readonly T[], size: number, seed: number): readonly T[] {
  const random = generator(seed);
  const topics = [...Map.groupBy(candidates, ({ topic }) => topic)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, all]) => all.toSorted((a, b) => b.length - a.length));
  const chosen: T[] = [];
  while (chosen.length < size && topics.some((left) => left.length > 0)) {
    for (const left of shuffled(
      topics.filter((some) => some.length > 0),
      random,
    )) {
      if (chosen.length === size) break;
      chosen.push(...left.splice(rankOf(left.length, random), 1));
    }
  }
  return chosen;
}

/** A rank below `count`, where each is half as probable as the one before. */
function rankOf(count: number, random: () => number): number {
  const total = 2 - 2 ** (1 - count);
  let rest = random() * total;
  for (let rank = 0; rank < count - 1; rank++) {
    rest -= 2 ** -rank;
    if (rest < 0) return rank;
  }
  return count - 1;
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Numbers in [0, 1) from a seed: splitmix in 32 bits. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
