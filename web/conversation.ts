import { byId, element } from './element.ts';
import type { Message } from './request-code.ts';

/** A question and its answer. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
}

const KEY = 'budgetforce-conversation';

/** The turns that go with the next question. The page keeps them in this browser's storage only. */
export class Conversation {
  #turns: readonly Turn[] = stored();
  readonly #section = byId('conversation', HTMLElement);
  readonly #list = byId('turns', HTMLElement);

  /** @param onChange called after each change */
  constructor(onChange: () => void) {
    byId('clear', HTMLButtonElement).addEventListener('click', () => {
      this.#turns = [];
      this.#changed();
      onChange();
      byId('prompt', HTMLTextAreaElement).focus();
    });
    this.#show();
  }

  get messages(): readonly Message[] {
    return this.#turns.flatMap(({ question, answer }): readonly Message[] => [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ]);
  }

  add(turn: Turn): void {
    this.#turns = [...this.#turns, turn];
    this.#changed();
  }

  #changed(): void {
    try {
      if (this.#turns.length === 0) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, JSON.stringify(this.#turns));
    } catch {
      // Without storage, or if it is full, the conversation ends with the page.
    }
    this.#show();
  }

  #show(): void {
    this.#section.hidden = this.#turns.length === 0;
    this.#list.replaceChildren(
      ...this.#turns.map(({ question, answer }) =>
        element(
          'article',
          { className: 'turn' },
          element('p', { className: 'question' }, element('span', { className: 'hidden-text' }, 'You: '), question),
          element('p', {}, element('span', { className: 'hidden-text' }, 'Answer: '), answer),
        ),
      ),
    );
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}

function stored(): readonly Turn[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(parsed) ? parsed.filter(isTurn) : [];
  } catch {
    return [];
  }
}

function isTurn(value: unknown): value is Turn {
  if (typeof value !== 'object' || value === null) return false;
  const { question, answer } = value as Partial<Turn>;
  return typeof question === 'string' && typeof answer === 'string';
}
