import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { UsageError } from '../cli/usage-error.ts';

const resultSchema = z.object({
  condition: z.string(),
  question: z.string(),
  seed: z.int(),
  sample: z.int(),
  correct: z.boolean(),
  /** What a vote counts; `null` if the text gives no answer. */
  key: z.string().nullable(),
  thinkingTokens: z.int(),
  answerTokens: z.int(),
  forcedTokens: z.int(),
  spentTokens: z.int(),
  waits: z.int(),
  endReason: z.string().nullable(),
  ms: z.number(),
});
export type Result = z.infer<typeof resultSchema>;

/** What a result belongs to. Each task is sent once. */
export type Task = Pick<Result, 'condition' | 'question' | 'seed' | 'sample'>;

export const taskKey = (task: Task): string => `${task.condition}|${task.question}|${task.seed}|${task.sample}`;

/** A folder of results: the settings of the run in `settings.json`, and a line for each finished task in `results.jsonl`. */
export class ResultFolder {
  readonly path: string;
  readonly #writes: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Opens a folder and returns its results.
   *
   * @throws {UsageError} if the folder holds a run with other settings
   */
  static async open(path: string, settings: unknown): Promise<{ folder: ResultFolder; results: readonly Result[] }> {
    await mkdir(path, { recursive: true });
    const expected = `${JSON.stringify(settings, null, 2)}\n`;
    const settingsPath = join(path, 'settings.json');
    const found = await readFile(settingsPath, 'utf8').catch(() => undefined);
    if (found !== undefined && found !== expected) {
      throw new UsageError(
        `${path} holds a run with other settings (see its settings.json). Give another folder with --out.`,
      );
    }
    if (found === undefined) await writeFile(settingsPath, expected);
    // Two concurrent runs with the same folder may send a task twice: its first result counts.
    const results = new Map<string, Result>();
    for (const result of await readResults(join(path, 'results.jsonl'))) {
      if (!results.has(taskKey(result))) results.set(taskKey(result), result);
    }
    return { folder: new ResultFolder(path), results: [...results.values()] };
  }

  /** Appends a result. Lines are written in order, each as a whole. */
  add(result: Result): Promise<void> {
    this.#last = this.#last.then(() => appendFile(join(this.path, 'results.jsonl'), `${JSON.stringify(result)}\n`));
    this.#writes.push(this.#last);
    return this.#last;
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.path, name), text);
  }
}

/** Reads the results of a file. Removes an incomplete last line of an interrupted run, so that the next result starts a new line. */
export async function readResults(path: string): Promise<readonly Result[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) await writeFile(path, whole);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => resultSchema.parse(JSON.parse(line)));
}
