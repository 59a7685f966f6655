import { createInterface } from 'node:readline/promises';

/** A question whose answer an option can give instead. */
export interface Question {
  readonly option: string;
  readonly text: string;
  readonly byDefault: string;
}

/** Asks a person. An empty answer is the default. */
export type Ask = (question: Question) => Promise<string>;

/** Asks on the terminal, with the questions on the standard error. */
export async function onTerminal<T>(run: (ask: Ask) => Promise<T>): Promise<T> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await run(async ({ text, byDefault }) => {
      const answer = (await terminal.question(`${text} [${byDefault}] `)).trim();
      return answer === '' ? byDefault : answer;
    });
  } finally {
    terminal.close();
  }
}

/** Takes the default of each question. */
export const byDefault: Ask = async (question) => question.byDefault;
