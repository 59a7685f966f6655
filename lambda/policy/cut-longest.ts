/**
 * Cuts thoughts that are longer than they would be granted now: the longest first by their part of what they wanted, each looked at
 * again with the load that the cuts before have left, so that only as many are cut as have to be.
 *
 * @param partOf how much of what it wanted a thought has used
 * @param isOver asks `isOverGrant` with the load as it is at this moment
 * @param cut ends the thought, and takes what it will not use from the load
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
