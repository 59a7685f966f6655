/** Wrong options of a command: said in a sentence, with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
