import type { BoxValues } from './budget-box.ts';
import { byId } from './element.ts';
import { OPTIONS, setText, textOf } from './options.ts';

/** Fields of the form that a link has beside the options and the budgets. */
const FIELDS = ['prompt', 'sweep-budgets', 'sweep-times', 'sweep-expected'] as const;
const BUDGET_FIELDS = ['max', 'min', 'waits'] as const;

/** What a link restores beside the fields of the form. */
export interface LinkedSettings {
  readonly model: string | undefined;
  readonly compare: boolean;
  readonly budgets: readonly [BoxValues, BoxValues];
  /** Tokens of passages, and when they are read. */
  readonly passages: number | undefined;
  readonly when: string | undefined;
}

/** All settings of the form as the fragment of a URL. It has neither the key nor the conversation. */
export function toFragment(settings: LinkedSettings): string {
  const parameters = new URLSearchParams();
  const set = (name: string, value: string | number | undefined) => {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  };
  set('model', settings.model);
  if (settings.compare) set('compare', '1');
  for (const [index, { effort, ...values }] of settings.budgets.entries()) {
    for (const name of BUDGET_FIELDS) set(`${name}${index + 1}`, values[name]);
    set(`effort${index + 1}`, effort);
  }
  set('passages', settings.passages);
  if (settings.when === 'unsure') set('passages-when', settings.when);
  for (const id of [...FIELDS, ...OPTIONS.map((option) => option.id)]) set(id, textOf(id));
  return parameters.toString();
}

/** Fills the form from the fragment of a URL. Returns what is not a field of it; `undefined` if there is no fragment. */
export function fromFragment(fragment: string): LinkedSettings | undefined {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ''));
  if (parameters.size === 0) return undefined;
  for (const id of [...FIELDS, ...OPTIONS.map((option) => option.id)]) {
    const text = parameters.get(id);
    if (text !== null) setText(id, text);
    else if (id !== 'sweep-times') setText(id, '');
  }
  if (OPTIONS.some(({ id }) => parameters.has(id)))
    byId('options', HTMLElement).closest('details')?.setAttribute('open', '');
  const budgetOf = (number: number): BoxValues => {
    const values = BUDGET_FIELDS.map((name) => [name, wholeNumber(parameters.get(`${name}${number}`))] as const);
    return { ...Object.fromEntries(values), effort: parameters.get(`effort${number}`) ?? undefined };
  };
  return {
    model: parameters.get('model') ?? undefined,
    compare: parameters.has('compare'),
    budgets: [budgetOf(1), budgetOf(2)],
    passages: wholeNumber(parameters.get('passages')),
    when: parameters.get('passages-when') ?? undefined,
  };
}

function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
