import { element } from './element.ts';

/** A slider and a number field for the same value. If the field is empty, the value is not set. */
export class Dial {
  readonly row: HTMLDivElement;
  readonly #range: HTMLInputElement;
  readonly #number: HTMLInputElement;

  constructor(
    label: string,
    options: {
      readonly id: string;
      readonly max: number;
      readonly value: number | undefined;
      readonly onChange: () => void;
    },
  ) {
    const { id, max, value, onChange } = options;
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
      placeholder: 'none',
      id,
      value: value === undefined ? '' : String(value),
    });
    this.#range.addEventListener('input', () => {
      this.#number.value = this.#range.value;
      this.#fill();
      onChange();
    });
    this.#number.addEventListener('input', () => {
      this.#range.value = this.#number.value || '0';
      this.#fill();
      onChange();
    });
    this.row = element(
      'div',
      { className: 'dial' },
      element('label', { htmlFor: id }, label),
      this.#range,
      this.#number,
    );
    this.#fill();
  }

  get value(): number | undefined {
    return this.#number.value === '' ? undefined : Number(this.#number.value);
  }

  /** Colours the slider up to the value. */
  #fill(): void {
    const share = Number(this.#range.value) / Math.max(1, Number(this.#range.max));
    this.#range.style.setProperty('--filled', `${share * 100}%`);
    this.row.classList.toggle('unset', this.#number.value === '');
  }
}
