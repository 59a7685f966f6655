import { element } from './element.ts';

/** What the values mean that are easily taken for each other. */
interface Words {
  readonly unset: string;
  readonly zero: string;
  /** At the end of the slider. */
  readonly full: string;
}

/**
 * A slider and a number field for the same value. If the field is empty, the value is not set. A line below says what an empty
 * field, zero and the end of the slider mean, and each of them looks different.
 */
export class Dial {
  readonly row: HTMLDivElement;
  readonly #range: HTMLInputElement;
  readonly #number: HTMLInputElement;
  readonly #unset: HTMLButtonElement;
  readonly #state: HTMLElement;
  readonly #words: Words;
  readonly #max: number;

  constructor(
    label: string,
    options: {
      readonly id: string;
      readonly max: number;
      readonly value: number | undefined;
      readonly words: Words;
      readonly onChange: () => void;
    },
  ) {
    const { id, max, value, words, onChange } = options;
    this.#words = words;
    this.#max = max;
    this.#range = element('input', {
      type: 'range',
      min: '0',
      max: String(max),
      value: String(value ?? 0),
      id: `${id}-range`,
    });
    this.#range.setAttribute('aria-label', `${label}, slider`);
    this.#number = element('input', {
      type: 'number',
      min: '0',
      max: String(max),
      placeholder: 'not set',
      id,
      value: value === undefined ? '' : String(value),
    });
    this.#number.setAttribute('aria-describedby', `${id}-state`);
    this.#state = element('span', { id: `${id}-state`, className: 'state' });
    this.#unset = element(
      'button',
      { type: 'button', className: 'unset-button', title: `Unset ${label.toLowerCase()}` },
      '×',
    );
    this.#unset.setAttribute('aria-label', `Unset ${label.toLowerCase()}`);
    this.#unset.addEventListener('click', () => {
      this.#number.value = '';
      this.#range.value = '0';
      this.#show();
      this.#number.focus();
      onChange();
    });
    this.#range.addEventListener('input', () => {
      this.#number.value = this.#range.value;
      this.#show();
      onChange();
    });
    this.#number.addEventListener('input', () => {
      this.#range.value = this.#number.value || '0';
      this.#show();
      onChange();
    });
    this.row = element(
      'div',
      { className: 'dial' },
      element('label', { htmlFor: id }, label),
      this.#range,
      element('span', { className: 'number' }, this.#number, this.#unset),
      this.#state,
    );
    this.#show();
  }

  get value(): number | undefined {
    return this.#number.value === '' ? undefined : Number(this.#number.value);
  }

  /** Colours the slider up to the value, and says what the value means. */
  #show(): void {
    const { value } = this;
    const kind = value === undefined ? 'unset' : value === 0 ? 'zero' : value >= this.#max ? 'full' : 'set';
    const share = Number(this.#range.value) / Math.max(1, this.#max);
    this.#range.style.setProperty('--filled', `${share * 100}%`);
    const text =
      kind === 'set' ? '' : kind === 'unset' ? `not set: ${this.#words.unset}` : `${value}: ${this.#words[kind]}`;
    this.#range.setAttribute('aria-valuetext', text === '' ? String(value) : text);
    this.#state.textContent = text;
    this.#unset.hidden = kind === 'unset';
    for (const name of ['unset', 'zero', 'full']) this.row.classList.toggle(name, kind === name);
  }
}
