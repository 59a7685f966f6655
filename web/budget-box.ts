import { Dial } from './dial.ts';
import { element } from './element.ts';

/** A model as `GET /v1/models` describes it. */
export interface ModelInfo {
  readonly id: string;
  /** The id of the model, if this is an alias. */
  readonly alias_of?: string;
  /** The models of a route. */
  readonly route?: { readonly models: readonly string[] };
  readonly scales_by_load: boolean;
  /** In dollars per million tokens. */
  readonly price: { readonly prompt: number; readonly completion: number } | null;
  readonly budget_forcing: {
    readonly max_tokens: number;
    readonly default_max_tokens: number;
    readonly efforts: Readonly<Record<string, number>>;
  };
}

/** What the controls of a box show. `undefined`: not set. */
export interface BoxValues {
  readonly max?: number | undefined;
  readonly min?: number | undefined;
  readonly waits?: number | undefined;
  readonly effort?: string | undefined;
}

/** Highest number of Waits on the dial. */
const MAX_WAITS = 8;

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
      readonly start?: BoxValues | undefined;
      readonly onChange: () => void;
    },
  ) {
    const { id, model, start, onChange } = options;
    const { max_tokens: max, default_max_tokens: defaultMax, efforts } = model.budget_forcing;
    this.#maximum = new Dial('Maximum', {
      id: `${id}-max`,
      max,
      value: atMost(max, start?.max),
      words: { unset: `the default, ${defaultMax}`, zero: 'no thinking', full: 'as long as the model may' },
      onChange,
    });
    this.#minimum = new Dial('Minimum', {
      id: `${id}-min`,
      max,
      value: atMost(max, start?.min),
      words: { unset: 'no minimum', zero: 'no minimum', full: 'all that the model may' },
      onChange,
    });
    this.#waits = new Dial('Waits', {
      id: `${id}-waits`,
      max: MAX_WAITS,
      value: start?.waits,
      words: { unset: 'the default, none', zero: 'none', full: `at each of ${MAX_WAITS} ends` },
      onChange,
    });
    this.#effort = element('select', { id: `${id}-effort` }, element('option', { value: '' }, 'not set'));
    for (const [effort, tokens] of Object.entries(efforts))
      this.#effort.append(element('option', { value: effort }, `${effort} · ${tokens} tokens`));
    if (start?.effort !== undefined && Object.hasOwn(efforts, start.effort)) this.#effort.value = start.effort;
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
    );
  }

  get values(): BoxValues {
    return {
      max: this.#maximum.value,
      min: this.#minimum.value,
      waits: this.#waits.value,
      effort: this.#effort.value === '' ? undefined : this.#effort.value,
    };
  }
}

/** A value that was set for a model with another maximum. */
function atMost(max: number, value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.min(max, value);
}
