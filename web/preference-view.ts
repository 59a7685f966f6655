import { element } from './element.ts';
import { FeedbackStatus } from './feedback-status.ts';
import type { StoredAnswer } from './stored-answer.ts';

/** An answer in a comparison. */
export interface ComparedAnswer {
  /** Name of its run. */
  readonly title: string;
  readonly answer: StoredAnswer;
}

/**
 * Asks which of two stored answers is better. A stored choice is final: feedback replaces by the id of the better answer, so the opposite
 * choice would stand beside the first one.
 */
export function preferenceView(pair: readonly [ComparedAnswer, ComparedAnswer]): HTMLElement {
  const status = new FeedbackStatus();
  const buttons = pair.map(({ title }) => element('button', { type: 'button', className: 'quiet' }, title));
  let chosen = false;
  async function choose(index: number): Promise<void> {
    const [better, other] = index === 0 ? pair : ([pair[1], pair[0]] as const);
    if (chosen) return;
    chosen = true;
    mark(index);
    const given = better.answer.give({ metric: 'preferred', value: { over: other.answer.id } });
    chosen = await status.show(given, `Stored: better is ${better.title}.`);
    if (!chosen) mark(undefined);
  }
  function mark(index: number | undefined): void {
    for (const [place, button] of buttons.entries()) {
      button.setAttribute('aria-pressed', String(place === index));
      // A disabled button would lose the focus.
      button.setAttribute('aria-disabled', String(index !== undefined));
    }
  }
  for (const [index, button] of buttons.entries()) button.addEventListener('click', () => void choose(index));
  mark(undefined);
  const group = element('div', { className: 'actions' }, ...buttons);
  const title = element('h2', { id: 'preference-title' }, 'Which of the two is better?');
  const section = element('section', { className: 'card preference feedback' }, title, group, status.line);
  section.setAttribute('aria-labelledby', title.id);
  return section;
}
