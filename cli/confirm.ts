import { createInterface } from 'node:readline/promises';
import { UsageError } from './usage-error.ts';

/**
 * Asks before something that costs money or changes a service.
 *
 * @param yes whether `--yes` has answered already
 * @throws {UsageError} without a terminal and `--yes`
 * @throws {Error} if the answer is no
 */
export async function confirm(question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY) throw new UsageError(`${question} There is no terminal to ask on: add --yes.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    if (!/^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())) throw new Error('Not started.');
  } finally {
    terminal.close();
  }
}
