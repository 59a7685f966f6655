/** Trailing window, in tokens, that a loop must fill completely. */
const LOOP_TOKENS = 160;

/** Minimum number of repetitions of a loop. */
const ROUNDS = 4;

/** Interval between two checks, in tokens. */
const EVERY = 16;

/**
 * Whether the ids end in a loop: the same tokens at least four times in a row, over at least 160 tokens. This is how a model
 * that lost its way repeats itself, word for word; thinking that only returns to a number, a line or a table row does not match.
 *
 * Call it after each piece. It checks once in 16 tokens, so its cost is negligible beside a token's.
 *
 * @param from index of the first id to consider.
 * @param added number of ids since the previous call.
 */
export function endsInLoop(ids: readonly number[], from: number, added: number): boolean {
  const length = ids.length - from;
  if (length < LOOP_TOKENS || length % EVERY >= added) return false;
  for (let period = 1; period * ROUNDS <= length; period++) {
    if (repeats(ids, period, Math.max(LOOP_TOKENS, period * ROUNDS))) return true;
  }
  return false;
}

/** Whether the last `tokens` ids repeat with this period: each equals the one `period` before it. */
function repeats(ids: readonly number[], period: number, tokens: number): boolean {
  const start = ids.length - tokens;
  for (let index = ids.length - 1; index >= start + period; index--) {
    if (ids[index] !== ids[index - period]) return false;
  }
  return true;
}
