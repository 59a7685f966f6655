import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../cli/usage-error.ts';
import { type Question, questionSchema } from '../questions/question.ts';
import { type Result, resultSchema, type Task, taskKey } from '../results.ts';
import { parseJson, readLines, readOptional, readWholeLines, replaceFile, toLines } from './lines-file.ts';
import { mergeQuestions, mergeSettings, type RunSettings, runSettingsSchema, settingsText } from './run-settings.ts';

/**
 * A folder of results. `settings.json` says what was asked, `questions.jsonl` has the questions, and `results.jsonl` a line for
 * each answer.
 */
export class ResultFolder {
  readonly path: string;
  readonly settings: RunSettings;
  readonly questions: readonly Question[];
  /** Each task once: if two runs answered a task at the same time, its first result counts. */
  readonly results: readonly Result[];
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string, settings: RunSettings, questions: readonly Question[], results: readonly Result[]) {
    this.path = path;
    this.settings = settings;
    this.questions = questions;
    this.results = results;
  }

  /**
   * Opens a folder of results.
   *
   * @throws {UsageError} if it holds none
   */
  static async open(path: string): Promise<ResultFolder> {
    const folder = await ResultFolder.#read(path);
    if (folder !== undefined) return folder;
    throw new UsageError(`${path} holds no results. Give a folder that \`budgetforce eval --out FOLDER\` has written.`);
  }

  /**
   * Opens a folder, or makes it, and adds what a run asks: conditions, seeds, samples and questions. Writes nothing if it refuses.
   *
   * @throws {UsageError} if the folder holds answers of another model, weights, temperature, prompt, question or grader. The message
   * names what differs.
   */
  static async extend(path: string, settings: RunSettings, questions: readonly Question[]): Promise<ResultFolder> {
    const found = await ResultFolder.#read(path);
    const merged = found === undefined ? settings : mergeSettings(path, found.settings, settings);
    const all = found === undefined ? questions : mergeQuestions(path, found.questions, questions);
    const folder = new ResultFolder(path, merged, all, found?.results ?? []);
    await mkdir(path, { recursive: true });
    await folder.#writePlan();
    return folder;
  }

  static async #read(path: string): Promise<ResultFolder | undefined> {
    const text = await readOptional(join(path, 'settings.json'));
    if (text === undefined) return undefined;
    const settings = runSettingsSchema.safeParse(parseJson(text));
    if (!settings.success) {
      throw new UsageError(
        `${path} holds results of another format (see its settings.json), which have no texts. Give another folder.`,
      );
    }
    const questions = await readLines(join(path, 'questions.jsonl'), questionSchema);
    const results = new Map<string, Result>();
    for (const result of await readResults(join(path, 'results.jsonl'))) {
      if (!results.has(taskKey(result))) results.set(taskKey(result), result);
    }
    return new ResultFolder(path, settings.data, questions, [...results.values()]);
  }

  /** Which of the tasks have no result yet. */
  missing(tasks: readonly Task[]): readonly Task[] {
    const done = new Set(this.results.map(taskKey));
    return tasks.filter((task) => !done.has(taskKey(task)));
  }

  /** Appends a result. Lines are written in order, each as a whole. */
  add(result: Result): Promise<void> {
    this.#last = this.#last.then(() => appendFile(join(this.path, 'results.jsonl'), `${JSON.stringify(result)}\n`));
    return this.#last;
  }

  /** Replaces grades: the results, the graders of the questions, and the name of the external grader. A failure leaves the file before. */
  async regrade(
    questions: readonly Question[],
    results: readonly Result[],
    grader: string | null,
  ): Promise<ResultFolder> {
    const folder = new ResultFolder(this.path, { ...this.settings, grader }, questions, results);
    await replaceFile(join(this.path, 'results.jsonl'), toLines(results));
    await folder.#writePlan();
    return folder;
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.path, name), text);
  }

  async #writePlan(): Promise<void> {
    await replaceFile(join(this.path, 'questions.jsonl'), toLines(this.questions));
    await replaceFile(join(this.path, 'settings.json'), settingsText(this.settings));
  }
}

/** Reads the results of a file. Removes an incomplete last line of an interrupted run, so that the next result starts a new line. */
export async function readResults(path: string): Promise<readonly Result[]> {
  return await readWholeLines(path, resultSchema);
}
