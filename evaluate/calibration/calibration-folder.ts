import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { UsageError } from '../../cli/usage-error.ts';
import { parseJson, readOptional, readWholeLines, replaceFile } from '../folder/lines-file.ts';

/** A line of `answers.jsonl`. */
const answerSchema = z.object({
  /** The `thinking` object of the request, as JSON: what was asked, so that other options ask again only what they change. */
  asked: z.string(),
  question: z.string(),
  /** Index of the seed, from 0. */
  seed: z.int(),
  correct: z.boolean(),
  /** Sampled thinking and answer tokens, those of probes and broken calls included. */
  tokens: z.int(),
  thinkingTokens: z.int(),
  waits: z.int(),
  endReason: z.string().nullable(),
  thought: z.string(),
  answer: z.string(),
  /** Confidence of each pass of the thought, by measure. Empty without log-probabilities. */
  passes: z.array(z.record(z.string(), z.number())),
});
export type CalibrationAnswer = z.infer<typeof answerSchema>;

const settingsSchema = z.object({
  format: z.literal(1),
  model: z.string(),
  weights: z.string().nullable(),
  target: z.string(),
  temperature: z.number().nullable(),
  prompt: z.string(),
  grader: z.string().nullable(),
  questions: z.object({ sha256: z.string(), first: z.int(), last: z.int() }),
  splitSeed: z.int(),
});
/** What must stay the same for all answers of a folder. */
export type CalibrationSettings = z.infer<typeof settingsSchema>;

export const answerKey = ({ asked, question, seed }: Pick<CalibrationAnswer, 'asked' | 'question' | 'seed'>): string =>
  JSON.stringify([asked, question, seed]);

/** A folder of a calibration: `settings.json`, and `answers.jsonl` with a line for each answer. */
export class CalibrationFolder {
  readonly path: string;
  readonly #answers: Map<string, CalibrationAnswer>;
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string, answers: readonly CalibrationAnswer[]) {
    this.path = path;
    this.#answers = new Map(answers.map((answer) => [answerKey(answer), answer]));
  }

  /**
   * Opens a folder, or makes it.
   *
   * @throws {UsageError} if it holds answers of another model, weights, API, temperature, prompt, grader, question or split
   */
  static async open(path: string, settings: CalibrationSettings): Promise<CalibrationFolder> {
    const text = await readOptional(join(path, 'settings.json'));
    if (text !== undefined) {
      const before = settingsSchema.safeParse(parseJson(text));
      if (!before.success)
        throw new UsageError(
          `${path} holds another kind of results (see its settings.json). Give another folder with --out.`,
        );
      const differences = Object.entries(settings).flatMap(([name, now]) => {
        const was: unknown = before.data[name as keyof CalibrationSettings];
        // The URL says which model it is only if the hash of its weights does not.
        if (name === 'target' && settings.weights !== null && before.data.weights !== null) return [];
        return JSON.stringify(was) === JSON.stringify(now)
          ? []
          : [`another ${name}: ${JSON.stringify(was)}, and now ${JSON.stringify(now)}`];
      });
      if (differences.length > 0)
        throw new UsageError(
          `${path} holds a calibration with ${differences.join(' and ')}. Give another folder with --out.`,
        );
    }
    await mkdir(path, { recursive: true });
    await replaceFile(join(path, 'settings.json'), `${JSON.stringify(settings, null, 2)}\n`);
    return new CalibrationFolder(path, await readWholeLines(join(path, 'answers.jsonl'), answerSchema));
  }

  get(key: string): CalibrationAnswer | undefined {
    return this.#answers.get(key);
  }

  /** Appends an answer. Lines are written in order, each as a whole. */
  async add(answer: CalibrationAnswer): Promise<void> {
    this.#answers.set(answerKey(answer), answer);
    this.#last = this.#last.then(() => appendFile(join(this.path, 'answers.jsonl'), `${JSON.stringify(answer)}\n`));
    await this.#last;
  }
}
