import { byId } from './element.ts';
import { errorOf } from './read-run.ts';
import type { ChatBody } from './request-code.ts';
import { parseBudgets, type SweepBudget } from './sweep-budgets.ts';
import { type SweepAnswer, sweepFigure } from './sweep-chart.ts';

/** Requests of a sweep that run at once. */
const PARALLEL = 4;

interface SweepOptions {
  readonly url: string;
  readonly headers: () => Readonly<Record<string, string>>;
  /** The request of the form at a budget. */
  readonly bodyOf: (budget: SweepBudget) => ChatBody;
  /** Called before a sweep. Returns whether the form is complete; if not, it shows what is missing. */
  readonly begin: () => boolean;
}

interface Completion {
  readonly choices: readonly [{ readonly message: { readonly content: string | null } }];
  readonly budget_forcing: { readonly thinking_tokens: number };
}

/** Runs the question several times at several budgets, and draws the answers while they come in. */
export class Sweep {
  readonly #options: SweepOptions;
  readonly #panel = byId('sweep', HTMLElement);
  readonly #status = byId('sweep-status', HTMLElement);
  readonly #figure = byId('sweep-figure', HTMLElement);
  readonly #button = byId('sweep-run', HTMLButtonElement);
  readonly #error = byId('sweep-error', HTMLElement);
  #running: AbortController | undefined;

  constructor(options: SweepOptions) {
    this.#options = options;
    // A form of its own: its fields neither start a run of the question nor keep one from starting.
    byId('sweep-fields', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#running === undefined) void this.#run();
      else this.#running.abort();
    });
  }

  async #run(): Promise<void> {
    const times = Number(byId('sweep-times', HTMLInputElement).value);
    const expected = byId('sweep-expected', HTMLInputElement).value.trim();
    const field = byId('sweep-budgets', HTMLInputElement);
    let budgets: readonly SweepBudget[];
    try {
      budgets = parseBudgets(field.value === '' ? field.placeholder : field.value);
      if (!Number.isInteger(times) || times < 1 || times > 100)
        throw new Error('Write a number of times from 1 to 100.');
    } catch (error) {
      this.#error.textContent = error instanceof Error ? error.message : String(error);
      return;
    }
    this.#error.textContent = '';
    if (!this.#options.begin()) return;
    const running = new AbortController();
    this.#running = running;
    this.#button.textContent = 'Stop all';
    // Turn by turn, so that a run that is stopped has answers at each budget.
    const waiting = Array.from({ length: times }, () => budgets).flat();
    const total = waiting.length;
    const answers: SweepAnswer[] = [];
    let failure: string | undefined;
    this.#draw(budgets, answers, { total, expected, running: true });
    if (this.#panel.getBoundingClientRect().top > window.innerHeight * 0.6)
      this.#panel.scrollIntoView({ block: 'start' });
    const work = async () => {
      for (let budget = waiting.shift(); budget !== undefined && !running.signal.aborted; budget = waiting.shift()) {
        try {
          answers.push(await this.#ask(budget, running.signal));
        } catch (error) {
          if (!running.signal.aborted) failure = error instanceof Error ? error.message : String(error);
          running.abort();
        }
        this.#draw(budgets, answers, { total, expected, running: true });
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    this.#running = undefined;
    this.#button.textContent = 'Run all';
    this.#draw(budgets, answers, { total, expected, running: false });
    if (failure !== undefined) this.#error.textContent = failure;
  }

  async #ask(budget: SweepBudget, signal: AbortSignal): Promise<SweepAnswer> {
    const { stream: _stream, stream_options: _options, ...body } = this.#options.bodyOf(budget);
    const response = await fetch(this.#options.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.#options.headers() },
      body: JSON.stringify(body),
      signal,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(errorOf(text, response.status).message);
    const { choices, budget_forcing: report }: Completion = JSON.parse(text);
    return { budget, answer: choices[0].message.content ?? '', thinkingTokens: report.thinking_tokens };
  }

  #draw(
    budgets: readonly SweepBudget[],
    answers: readonly SweepAnswer[],
    state: { readonly total: number; readonly expected: string; readonly running: boolean },
  ): void {
    const done = `${answers.length} of ${state.total} answers`;
    this.#panel.hidden = false;
    this.#status.textContent = state.running || answers.length === state.total ? done : `${done}, stopped`;
    this.#figure.replaceChildren(sweepFigure(budgets, answers, state.expected));
  }
}
