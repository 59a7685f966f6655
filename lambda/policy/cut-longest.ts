/**
 * Cuts thoughts that are longer than they would be granted now, starting with the thought that has used the largest fraction of
 * its requested maximum. Each one is checked again against the load that the previous cuts have left, so no more thoughts are
 * cut than necessary.
 *
 * @param partOf fraction of its requested maximum that a thought has used
 * @param isOver evaluates `isOverGrant` with the current load
 * @param cut ends the thought and subtracts the tokens that it will not use from the load
 */
export function cutLongest<Thought>(
  thoughts: readonly Thought[],
  partOf: (thought: Thought) => number,
  isOver: (thought: Thought) => boolean,
  cut: (thought: Thought) => void,
): void {
  const over = thoughts.filter(isOver).toSorted((a, b) => partOf(b) - partOf(a));
  for (const thought of over) {
    if (isOver(thought)) cut(thought);
  }
}
