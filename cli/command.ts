/** A command of the command line. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly help: string;
  /** Gives the exit code. Throws a `UsageError` (exit code 2) or another error (1). */
  run(argv: readonly string[]): Promise<number>;
}
