import { Dial } from './dial.ts';
import { element } from './element.ts';

/** A model as `GET /v1/models` describes it. */
export interface ModelInfo {
  readonly id: string;
  /** In dollars per million tokens. */
  readonly price: { readonly prompt: number; readonly completion: number } | null;
  readonly budget_forcing: {
    readonly max_tokens: number;
    readonly default_max_tokens: number;
    readonly efforts: Readonly<Record<string, number>>;
  };
}

/** The budget that a box sets. */
export interface BoxBudget {
  readonly thinking: Readonly<Record<string, number>>;
  readonly effort: string | undefined;
}

/** The budget controls of one run. */
export class BudgetBox {
  readonly box: HTMLFieldSetElement;
  readonly #minimum: Dial;
  readonly #maximum: Dial;
  readonly #waits: Dial;
  readonly #effort: HTMLSelectElement;

  constructor(
    name: string,
    options: {
      readonly id: string;
      readonly model: ModelInfo;
      readonly start?: { readonly max?: number; readonly waits?: number };
      readonly onChange: () => void;
    },
  ) {
    const { id, model, start, onChange } = options;
    const { max_tokens: max, default_max_tokens: defaultMax, efforts } = model.budget_forcing;
    this.#maximum = new Dial('Maximum', { id: `${id}-max`, max, value: start?.max, onChange });
    this.#minimum = new Dial('Minimum', { id: `${id}-min`, max, value: undefined, onChange });
    this.#waits = new Dial('Waits', { id: `${id}-waits`, max: 8, value: start?.waits, onChange });
    this.#effort = element('select', { id: `${id}-effort` }, element('option', { value: '' }, 'none'));
    for (const [effort, tokens] of Object.entries(efforts))
      this.#effort.append(element('option', { value: effort }, `${effort} · ${tokens} tokens`));
    this.#effort.addEventListener('change', onChange);
    const effortRow = element(
      'div',
      { className: 'dial' },
      element('label', { htmlFor: `${id}-effort` }, 'Effort'),
      this.#effort,
    );
    this.box = element(
      'fieldset',
      {},
      element('legend', {}, name),
      this.#maximum.row,
      this.#minimum.row,
      this.#waits.row,
      effortRow,
      element('p', { className: 'hint' }, `If no maximum is set, it is ${defaultMax} tokens.`),
    );
  }

  get budget(): BoxBudget {
    const settings = { max_tokens: this.#maximum.value, min_tokens: this.#minimum.value, waits: this.#waits.value };
    const thinking: Record<string, number> = {};
    for (const [name, value] of Object.entries(settings)) if (value !== undefined) thinking[name] = value;
    return { thinking, effort: this.#effort.value === '' ? undefined : this.#effort.value };
  }
}
