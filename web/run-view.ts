import { attemptsView } from './attempts-view.ts';
import { element } from './element.ts';
import type { Exchange } from './exchange.ts';
import { FeedbackView } from './feedback-view.ts';
import { passageList } from './passage-list.ts';
import type { Report, Retrieval, RunEvent, Usage } from './read-run.ts';
import type { StoredAnswer } from './stored-answer.ts';
import { Timeline } from './timeline.ts';
import { VoteView } from './vote-view.ts';

interface RunOptions {
  readonly title: string;
  readonly exchange: Exchange;
  /** Cost of a run, or `undefined` if no price is known. */
  readonly dollarsOf: (usage: Usage) => number | undefined;
  /** Called if the reader goes on from the answer. */
  readonly onKeep: (answer: string) => void;
  /** Text of a passage that the model read. */
  readonly passageText: (id: string) => Promise<string>;
}

/** A run on the page: its texts with forced parts marked, and its figures. */
export class RunView {
  readonly card: HTMLElement;
  readonly timeline = new Timeline();
  readonly #options: RunOptions;
  readonly #thinking = element('div', { className: 'thinking', tabIndex: 0 });
  readonly #answer = element('div', { className: 'answer' });
  readonly #status = element('p', { className: 'note' });
  readonly #clock = element('span', { className: 'clock' });
  readonly #figures = element('dl');
  readonly #vote = new VoteView();
  readonly #attempts = element('div');
  readonly #passages = element('div');
  readonly #feedback = element('div');
  readonly #actions = element('div', { className: 'actions', hidden: true });
  readonly #keep = element('button', { type: 'button', className: 'quiet' }, 'Keep and ask more');
  readonly #startedAt = performance.now();
  readonly #ticking = setInterval(() => this.#tick(), 100);
  #answerText = '';
  #cited: ReadonlySet<number> = new Set();
  #firstMs: number | undefined;
  #totalMs: number | undefined;
  #report: Report | undefined;
  #usage: Usage | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#thinking.setAttribute('role', 'log');
    this.#thinking.setAttribute('aria-label', 'Thought');
    this.#answer.setAttribute('aria-live', 'polite');
    this.#status.setAttribute('role', 'status');
    const save = element('button', { type: 'button', className: 'quiet' }, 'Export');
    save.addEventListener('click', () => options.exchange.save());
    this.#keep.addEventListener('click', () => options.onKeep(this.#answerText.trim()));
    this.#actions.append(this.#keep, save);
    this.card = element(
      'article',
      { className: 'run card' },
      element('h2', {}, options.title, this.#clock),
      this.#status,
      element('h3', {}, 'Thought'),
      this.#thinking,
      element('h3', {}, 'Answer'),
      this.#answer,
      this.timeline.figure,
      this.#vote.section,
      this.#passages,
      this.#attempts,
      this.#figures,
      this.#feedback,
      this.#actions,
    );
  }

  take(event: RunEvent): void {
    if (event.kind === 'text') this.#text(event.part, event.text, event.forced);
    if (event.kind === 'note') this.note(event.text);
    if (event.kind === 'report') this.#showReport(event.report);
    if (event.kind === 'usage') this.#usage = event.usage;
    if (event.kind === 'probabilities') this.timeline.add(event.tokens);
    if (event.kind === 'vote') this.#vote.show(event.vote);
    if (event.kind === 'citations') this.#cited = this.#citedIn(event.places);
    if (event.kind === 'error') this.error(event.message);
  }

  #text(part: 'thinking' | 'answer', text: string, forced: boolean): void {
    this.#firstMs ??= this.#elapsed();
    this.#status.textContent = '';
    const box = part === 'thinking' ? this.#thinking : this.#answer;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    if (part === 'answer') this.#answerText += text;
    if (forced) box.append(forcedMark(text));
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

  /** Stops the clock when the run ends, fails or is stopped, and shows what there is to count. */
  end(): void {
    clearInterval(this.#ticking);
    this.#clock.textContent = '';
    this.#totalMs ??= this.#elapsed();
    this.#actions.hidden = false;
    this.#keep.hidden = this.#report === undefined || this.#answerText.trim() === '';
    this.#showFigures();
  }

  /** Asks the reader about the answer, which is stored. */
  askAbout(answer: StoredAnswer): void {
    const { title } = this.#options;
    this.#feedback.replaceChildren(new FeedbackView({ answer, text: this.#answerText.trim(), title }).section);
  }

  #showReport(report: Report): void {
    this.#report = report;
    this.#totalMs = this.#elapsed();
    this.timeline.show(report);
    if (report.thinking_tokens === 0) this.#thinking.classList.add('empty');
    if (report.minimum_missed !== null) this.note(`The minimum was missed: ${report.minimum_missed}.`);
    if (report.gates_off !== undefined)
      this.note('The rules by confidence were off: the model server gives no log-probabilities.');
    if (report.vote !== undefined) this.#vote.decided(report.vote);
    if (report.retrieval !== undefined) this.#showPassages(report.retrieval);
    const attempts = attemptsView(report);
    if (attempts !== undefined) this.#attempts.replaceChildren(attempts);
  }

  /** The numbers of passages at the marks of the answer, such as 1 and 3 in `[1, 3]`. */
  #citedIn(places: readonly { readonly start: number; readonly end: number }[]): ReadonlySet<number> {
    const marks = places.map(({ start, end }) => this.#answerText.slice(start, end));
    return new Set(marks.flatMap((mark) => (mark.match(/\d+/g) ?? []).map(Number)));
  }

  #showPassages({ passages, failure, left_out: leftOut }: Retrieval): void {
    const rows = passages.map(({ id, filename, score, tokens: count }, index) => ({
      ...{ filename, score, note: tokens(count), cited: this.#cited.has(index + 1) },
      text: async () => await this.#options.passageText(id),
    }));
    const without = failure === undefined ? 'No passage was found.' : `The search failed: ${failure}.`;
    this.#passages.replaceChildren(
      element('h3', {}, 'Passages'),
      ...(rows.length === 0 ? [element('p', { className: 'hint' }, without)] : [passageList('Passages', rows)]),
      ...(leftOut === 0 ? [] : [element('p', { className: 'hint' }, `Found, but over the budget: ${leftOut}.`)]),
    );
  }

  #showFigures(): void {
    const { thinking, answer } = this.#counts();
    if (thinking === undefined) return;
    const report = this.#report;
    const total = this.#totalMs ?? this.#elapsed();
    const dollars = this.#usage === undefined ? undefined : this.#options.dollarsOf(this.#usage);
    const figures: readonly (readonly [string, string])[] = [
      ['thinking', tokens(thinking)],
      ['answer', tokens(answer ?? 0)],
      ...(report === undefined ? [] : figuresOf(report)),
      ['first text', `${Math.round(this.#firstMs ?? total)} ms`],
      ['total', `${(total / 1_000).toFixed(2)} s`],
      ...(dollars === undefined ? [] : [['cost', `$${dollars.toPrecision(2)}`] as const]),
    ];
    this.#figures.replaceChildren(
      ...figures.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
    );
  }

  /** Tokens by the report, or by the usage so far of a run that was stopped. */
  #counts(): { readonly thinking?: number; readonly answer?: number } {
    if (this.#report !== undefined)
      return { thinking: this.#report.thinking_tokens, answer: this.#report.answer_tokens };
    if (this.#usage === undefined) return {};
    const thinking = this.#usage.completion_tokens_details?.reasoning_tokens ?? 0;
    return { thinking, answer: this.#usage.completion_tokens - thinking };
  }

  #elapsed(): number {
    return performance.now() - this.#startedAt;
  }

  #tick(): void {
    const { thinking } = this.#counts();
    const seconds = `${(this.#elapsed() / 1_000).toFixed(1)} s`;
    this.#clock.textContent = thinking === undefined ? seconds : `${tokens(thinking)} of thinking · ${seconds}`;
  }
}

function figuresOf(report: Report): readonly (readonly [string, string])[] {
  const { confidence, probes } = report;
  const skipped = report.events.filter(({ kind }) => kind === 'wait_skipped').length;
  return [
    ['forced', tokens(report.forced_tokens)],
    ['Waits', skipped === 0 ? String(report.waits) : `${report.waits}, ${skipped} skipped`],
    ['ended by', endReasons[report.end_reason ?? ''] ?? report.end_reason ?? '–'],
    ...(report.retrieval === undefined ? [] : [['passages', tokens(report.retrieval.tokens)] as const]),
    ...(confidence === undefined ? [] : [['confidence', confidence.value.toFixed(2)] as const]),
    ...(probes === undefined ? [] : [['probes', `${probes.count}, ${tokens(probes.tokens)}`] as const]),
  ];
}

function forcedMark(text: string): HTMLElement {
  const hidden = (words: string) => element('span', { className: 'hidden-text' }, words);
  return element('mark', { title: 'forced' }, hidden('[forced: '), text, hidden(']'));
}

function tokens(count: number): string {
  return `${count} ${count === 1 ? 'token' : 'tokens'}`;
}

const endReasons: Readonly<Record<string, string>> = {
  model: 'the model',
  budget: 'its budget',
  deadline: 'its deadline',
  loop: 'a loop',
  load: 'load',
  sure: 'a sure answer',
  shutdown: 'a shutdown',
  disabled: 'no thinking',
};
