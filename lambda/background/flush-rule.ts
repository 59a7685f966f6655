/**
 * Tokens that are not written yet, from which they are written. Fewer than 256, the most that a killed process may lose, since tokens
 * come while a write is under way.
 */
export const FLUSH_TOKENS = 192;
/** Longest time until tokens are written, in seconds. It bounds the age of an event when a reader gets it. */
export const MAX_FLUSH_SECONDS = 1;
