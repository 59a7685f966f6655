import { element } from './element.ts';
import type { Report, Usage } from './read-run.ts';
import { Timeline } from './timeline.ts';

/** A run on the page: its texts with forced parts marked, and its figures. */
export class RunView {
  readonly card: HTMLElement;
  readonly timeline = new Timeline();
  readonly #thinking = element('div', { className: 'thinking', tabIndex: 0 });
  readonly #answer = element('div', { className: 'answer' });
  readonly #status = element('p', { className: 'note' });
  readonly #clock = element('span', { className: 'clock' });
  readonly #figures = element('dl');
  readonly #startedAt = performance.now();
  readonly #ticking = setInterval(() => this.#tick(), 100);
  readonly #dollarsOf: (usage: Usage) => number | undefined;
  #firstMs: number | undefined;
  #report: Report | undefined;
  #usage: Usage | undefined;

  /** @param dollarsOf cost of a run, or `undefined` if no price is known */
  constructor(title: string, dollarsOf: (usage: Usage) => number | undefined) {
    this.#dollarsOf = dollarsOf;
    this.#thinking.setAttribute('role', 'log');
    this.#thinking.setAttribute('aria-label', 'Thought');
    this.#answer.setAttribute('aria-live', 'polite');
    this.#status.setAttribute('role', 'status');
    this.card = element(
      'article',
      { className: 'run card' },
      element('h2', {}, title, this.#clock),
      element('h3', {}, 'Thought'),
      this.#thinking,
      this.timeline.figure,
      element('h3', {}, 'Answer'),
      this.#answer,
      this.#status,
      this.#figures,
    );
  }

  text(part: 'thinking' | 'answer', text: string, forced: boolean): void {
    this.#firstMs ??= this.#elapsed();
    this.#status.textContent = '';
    const box = part === 'thinking' ? this.#thinking : this.#answer;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    if (forced)
      box.append(
        element(
          'mark',
          { title: 'forced' },
          element('span', { className: 'hidden-text' }, '[forced: '),
          text,
          element('span', { className: 'hidden-text' }, ']'),
        ),
      );
    else box.append(text);
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  note(text: string): void {
    this.#status.className = 'note';
    this.#status.textContent = text;
  }

  error(message: string): void {
    this.#status.className = 'error';
    this.#status.textContent = message;
  }

  report(report: Report): void {
    this.#report = report;
    this.timeline.show(report);
    if (report.thinking_tokens === 0) this.#thinking.classList.add('empty');
    if (report.minimum_missed !== null) this.note(`The minimum was missed: ${report.minimum_missed}.`);
    this.#showFigures();
  }

  usage(usage: Usage): void {
    this.#usage = usage;
    this.#showFigures();
  }

  /** Stops the clock when the run ends, fails or is stopped. */
  end(): void {
    clearInterval(this.#ticking);
    this.#clock.textContent = '';
  }

  #showFigures(): void {
    const report = this.#report;
    if (report === undefined) return;
    const total = this.#elapsed();
    const dollars = this.#usage === undefined ? undefined : this.#dollarsOf(this.#usage);
    const tokens = (count: number) => `${count} ${count === 1 ? 'token' : 'tokens'}`;
    const figures: readonly (readonly [string, string])[] = [
      ['thinking', tokens(report.thinking_tokens)],
      ['answer', tokens(report.answer_tokens)],
      ['forced', tokens(report.forced_tokens)],
      ['Waits', String(report.waits)],
      ['ended by', endReasons[report.end_reason ?? ''] ?? report.end_reason ?? '–'],
      ['first text', `${Math.round(this.#firstMs ?? total)} ms`],
      ['total', `${(total / 1_000).toFixed(2)} s`],
      ...(dollars === undefined ? [] : [['cost', `$${dollars.toPrecision(2)}`] as const]),
    ];
    this.#figures.replaceChildren(
      ...figures.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
    );
  }

  #elapsed(): number {
    return performance.now() - this.#startedAt;
  }

  #tick(): void {
    this.#clock.textContent = `${(this.#elapsed() / 1_000).toFixed(1)} s`;
  }
}

const endReasons: Readonly<Record<string, string>> = {
  model: 'the model',
  budget: 'its budget',
  deadline: 'its deadline',
  loop: 'a loop',
  load: 'load',
  disabled: 'no thinking',
};
