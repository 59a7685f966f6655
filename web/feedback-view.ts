import { element } from './element.ts';
import { FeedbackStatus } from './feedback-status.ts';
import type { StoredAnswer } from './stored-answer.ts';
import { svg } from './svg.ts';

const THUMB = 'M3 11h4v10H3zM7 11l4-8.5c1.7 0 3 1.3 3 3V9h5.2c1.2 0 2.1 1.1 1.9 2.3l-1.3 8c-.2 1-1 1.7-2 1.7H7';

interface FeedbackViewOptions {
  readonly answer: StoredAnswer;
  /** Text of the answer, with which a correction begins. */
  readonly text: string;
  /** Name of the run. */
  readonly title: string;
}

/** What the reader says about a stored answer: a thumb, and the answer as it should have been. */
export class FeedbackView {
  readonly section: HTMLElement;
  readonly #answer: StoredAnswer;
  readonly #text: string;
  readonly #status = new FeedbackStatus();
  readonly #thumbs = [thumbButton(true), thumbButton(false)] as const;
  readonly #correct = element('button', { type: 'button', className: 'quiet' }, 'Correct it');
  readonly #form = element('form', { hidden: true });
  readonly #field = element('textarea', { rows: 2, required: true });

  constructor({ answer, text, title }: FeedbackViewOptions) {
    this.#answer = answer;
    this.#text = text;
    this.#field.value = text;
    for (const [index, button] of this.#thumbs.entries()) {
      button.addEventListener('click', () => void this.#giveThumb(index === 0));
    }
    this.#correct.addEventListener('click', () => this.#open(this.#form.hidden !== false));
    this.#form.append(
      element('label', { className: 'block' }, 'The answer as it should have been', this.#field),
      element('button', { type: 'submit', className: 'send' }, 'Send the correction'),
    );
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#giveCorrection();
    });
    this.#correct.setAttribute('aria-expanded', 'false');
    this.section = element(
      'div',
      { className: 'feedback' },
      element('div', { className: 'actions' }, ...this.#thumbs, this.#correct),
      this.#form,
      this.#status.line,
      element('p', { className: 'hint' }, 'This answer is stored with its conversation and what you say about it.'),
    );
    this.section.setAttribute('role', 'group');
    this.section.setAttribute('aria-label', `Feedback on the answer: ${title}`);
  }

  async #giveThumb(value: boolean): Promise<void> {
    const feedback = { metric: 'thumbs', value } as const;
    if (!(await this.#status.show(this.#answer.give(feedback), `Stored: a ${value ? 'good' : 'bad'} answer.`))) return;
    for (const [index, button] of this.#thumbs.entries()) {
      button.setAttribute('aria-pressed', String((index === 0) === value));
    }
  }

  async #giveCorrection(): Promise<void> {
    const answer = this.#field.value.trim();
    if (answer === '' || answer === this.#text) {
      this.#status.fail(
        answer === ''
          ? 'The correction is empty. Write the answer as it should have been.'
          : 'The correction is the answer itself. Change it to what it should have been.',
      );
      this.#field.focus();
      return;
    }
    const given = this.#answer.give({ metric: 'correction', value: { answer } });
    if (await this.#status.show(given, 'Stored: your correction.')) this.#open(false);
  }

  /** Opens or closes the field of the correction. The focus goes with it. */
  #open(open: boolean): void {
    const had = this.#form.contains(document.activeElement);
    this.#form.hidden = !open;
    this.#correct.setAttribute('aria-expanded', String(open));
    if (open) this.#field.focus();
    else if (had) this.#correct.focus();
  }
}

function thumbButton(up: boolean): HTMLButtonElement {
  const icon = svg('svg', { viewBox: '0 0 24 24', class: up ? 'thumb' : 'thumb down', 'aria-hidden': 'true' });
  icon.append(svg('path', { d: THUMB }));
  const button = element('button', { type: 'button', className: 'quiet' }, icon, up ? 'Good' : 'Bad');
  button.setAttribute('aria-pressed', 'false');
  return button;
}
