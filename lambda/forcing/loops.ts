/** A loop is looked for in so many tokens: it has to fill them all. */
const LOOP_TOKENS = 160;

/** And to come round so often at least. */
const ROUNDS = 4;

/** Looked for once in so many tokens. */
const EVERY = 16;

/**
 * Whether the ids end in the same tokens again and again: at least four rounds, and at least 160 tokens of them. That is how a model that
 * lost its way repeats itself, word for word; a thought that only comes back to a number, a line or a table row does not.
 *
 * Asked after each token it looks once in 16, so its cost is nothing beside a token's.
 *
 * @param from ids before this one are not looked at.
 * @param added how many ids came since it was asked last.
 */
export function endsInLoop(ids: readonly number[], from: number, added: number): boolean {
  const length = ids.length - from;
  if (length < LOOP_TOKENS || length % EVERY >= added) return false;
  for (let period = 1; period * ROUNDS <= length; period++) {
    if (repeats(ids, period, Math.max(LOOP_TOKENS, period * ROUNDS))) return true;
  }
  return false;
}

/** Whether each of the last `tokens` ids is the one `period` before it, as far as that one is within them. */
function repeats(ids: readonly number[], period: number, tokens: number): boolean {
  const start = ids.length - tokens;
  for (let index = ids.length - 1; index >= start + period; index--) {
    if (ids[index] !== ids[index - period]) return false;
  }
  return true;
}
