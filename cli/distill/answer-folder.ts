import { askAgainst, conditionOfAgainst } from '../../evaluate/against/ask-against.ts';
import { ResultFolder } from '../../evaluate/folder/result-folder.ts';
import { gradeAnswer } from '../../evaluate/grade.ts';
import type { ExternalGrader } from '../../evaluate/graders/external.ts';
import { Progress } from '../../evaluate/progress.ts';
import type { Question } from '../../evaluate/questions/question.ts';
import type { Result } from '../../evaluate/results.ts';
import { runTasks } from '../../evaluate/run-tasks.ts';
import type { AskedModel } from './asked-model.ts';

export interface Asking {
  /** The message, with `{question}` in it. */
  readonly prompt: string;
  readonly concurrency: number;
  readonly grader: ExternalGrader | undefined;
  readonly signal: AbortSignal;
}

/** Answers of one model, in a folder that `budgetforce eval grade` reads, too. What is there is not asked again. */
export class AnswerFolder {
  readonly #folder: ResultFolder;
  readonly #model: AskedModel;
  readonly #results = new Map<string, Result[]>();

  private constructor(folder: ResultFolder, model: AskedModel) {
    this.#folder = folder;
    this.#model = model;
    for (const result of folder.results) this.#keep(result);
  }

  /** @throws {UsageError} if the folder has answers of another model, prompt, question or grader */
  static async open(
    path: string,
    model: AskedModel,
    questions: readonly Question[],
    { prompt, grader }: Pick<Asking, 'prompt' | 'grader'>,
  ): Promise<AnswerFolder> {
    const { url, model: id, extra } = model.api;
    const settings = {
      format: 2,
      model: id,
      weights: null,
      target: url,
      temperature: null,
      repetitionPenalty: null,
      prompt,
      seeds: 1,
      conditions: [],
      against: { url, model: id, extra },
      grader: grader?.name ?? null,
      price: null,
      modelPrices: {},
      thresholds: null,
      route: null,
      stores: null,
    } as const;
    return new AnswerFolder(await ResultFolder.extend(path, settings, questions), model);
  }

  /** Answers to a question, the first one first. */
  answersTo({ id }: Question): readonly Result[] {
    return this.#results.get(id) ?? [];
  }

  get answers(): readonly Result[] {
    return [...this.#results.values()].flat();
  }

  /**
   * Asks each question until it has `attempts` answers, or one that the grader accepts.
   *
   * @throws the first failure, or the reason of the signal, when the running requests have ended
   */
  async ask(questions: readonly Question[], attempts: number, asking: Asking): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const open = questions.filter((question) => this.#isOpen(question, attempt));
      if (open.length === 0) continue;
      process.stderr.write(
        `${this.#model.role}: ${open.length} questions${attempt === 0 ? '' : `, attempt ${attempt + 1}`}\n`,
      );
      const progress = new Progress(open.length);
      const ask = async (question: Question) => {
        await this.#askOne(question, attempt, asking);
        progress.step();
      };
      await runTasks(open, asking.concurrency, ask, asking.signal);
    }
  }

  /** Whether a question needs a further answer. */
  #isOpen(question: Question, attempt: number): boolean {
    const answers = this.answersTo(question);
    return answers.length <= attempt && !answers.some(({ correct }) => correct);
  }

  async #askOne(question: Question, sample: number, { prompt, grader, signal }: Asking): Promise<void> {
    const { api } = this.#model;
    const answer = await askAgainst(
      api,
      prompt.replaceAll('{question}', () => question.question),
      signal,
    );
    const result: Result = {
      condition: conditionOfAgainst(api.model),
      question: question.id,
      seed: 0,
      sample,
      ...answer,
      ...(await gradeAnswer(question, answer, grader)),
    };
    await this.#folder.add(result);
    this.#keep(result);
  }

  #keep(result: Result): void {
    this.#results.set(result.question, [...(this.#results.get(result.question) ?? []), result]);
  }
}
