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
  /** What a vote counts; null where the answer gives nothing. */
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

/** What a result answers: each such task is asked once. */
export type Task = Pick<Result, 'condition' | 'question' | 'seed' | 'sample'>;

export const taskKey = (task: Task): string => `${task.condition}|${task.question}|${task.seed}|${task.sample}`;

/** A folder of results: `settings.json` says what was run, `results.jsonl` has a line for each finished question. */
export class ResultFolder {
  readonly path: string;
  readonly #writes: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Opens a folder, and gives the results that are there.
   *
   * @throws {UsageError} where it holds a run of other settings.
   */
  static async open(path: string, settings: unknown): Promise<{ folder: ResultFolder; results: readonly Result[] }> {
    await mkdir(path, { recursive: true });
    const wanted = `${JSON.stringify(settings, null, 2)}\n`;
    const settingsPath = join(path, 'settings.json');
    const there = await readFile(settingsPath, 'utf8').catch(() => undefined);
    if (there !== undefined && there !== wanted) {
      throw new UsageError(
        `${path} holds a run of other settings (see its settings.json). Give another folder with --out.`,
      );
    }
    if (there === undefined) await writeFile(settingsPath, wanted);
    // Two runs at once into one folder ask some questions twice: each counts once.
    const results = new Map<string, Result>();
    for (const result of await readResults(join(path, 'results.jsonl'))) {
      if (!results.has(taskKey(result))) results.set(taskKey(result), result);
    }
    return { folder: new ResultFolder(path), results: [...results.values()] };
  }

  /** Adds a finished result. Lines are written whole and one after the other. */
  add(result: Result): Promise<void> {
    this.#last = this.#last.then(() => appendFile(join(this.path, 'results.jsonl'), `${JSON.stringify(result)}\n`));
    this.#writes.push(this.#last);
    return this.#last;
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.path, name), text);
  }
}

/** The results of a file. A last line that was torn by an interruption is cut off, so that the next one begins a line of its own. */
export async function readResults(path: string): Promise<readonly Result[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) await writeFile(path, whole);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => resultSchema.parse(JSON.parse(line)));
}
