import { byId, element } from './element.ts';

/** An option of a request beside its budgets. The page lays them out in this order. */
interface Option {
  readonly id: string;
  readonly label: string;
  readonly kind: 'text' | 'long' | 'number' | 'check' | 'choice';
  /** Where its value stands in the request's body. If omitted, it is not sent. */
  readonly path?: readonly string[];
  readonly placeholder?: string;
  readonly min?: number;
  readonly max?: number;
  readonly step?: string;
  /** Of a choice: values and what they mean. The first one is not sent. */
  readonly choices?: Readonly<Record<string, string>>;
}

const SHARE = { kind: 'number', min: 0, max: 1, step: 'any' } as const;

export const OPTIONS: readonly Option[] = [
  { id: 'system', label: 'System prompt', kind: 'long', placeholder: "the model's own" },
  {
    id: 'max-completion',
    label: 'Thinking and answer, at most',
    kind: 'number',
    path: ['max_completion_tokens'],
    min: 1,
    placeholder: 'no limit of its own',
  },
  {
    id: 'temperature',
    label: 'Temperature',
    kind: 'number',
    path: ['temperature'],
    min: 0,
    max: 2,
    step: 'any',
    placeholder: "model's own",
  },
  {
    id: 'wait-when',
    label: 'Wait',
    kind: 'choice',
    path: ['thinking', 'wait_when'],
    choices: { '': 'at every end', unsure: 'only if unsure' },
  },
  {
    ...SHARE,
    id: 'unsure-below',
    label: 'Unsure below',
    path: ['thinking', 'unsure_below'],
    placeholder: 'as calibrated',
  },
  {
    id: 'stop-when',
    label: 'Stop early',
    kind: 'choice',
    path: ['thinking', 'stop_when'],
    choices: { '': 'never', sure: 'when sure' },
  },
  { ...SHARE, id: 'sure-above', label: 'Sure above', path: ['thinking', 'sure_above'], placeholder: '0.95' },
  { ...SHARE, id: 'risk', label: 'Risk of a wrong answer', path: ['thinking', 'risk'], placeholder: 'none' },
  {
    id: 'samples',
    label: 'Samples that vote',
    kind: 'number',
    path: ['n'],
    min: 2,
    max: 16,
    placeholder: 'one answer',
  },
  {
    id: 'lead',
    label: 'Vote ends at a lead of',
    kind: 'number',
    path: ['vote_until', 'lead'],
    min: 1,
    max: 16,
    placeholder: 'all votes',
  },
  { id: 'wait-text', label: 'Wait text', kind: 'text', path: ['thinking', 'wait_text'], placeholder: 'Wait' },
  {
    ...SHARE,
    id: 'soft-landing',
    label: 'Soft landing, share of maximum',
    path: ['thinking', 'soft_landing'],
    placeholder: 'none',
  },
  {
    id: 'deadline',
    label: 'Deadline in milliseconds',
    kind: 'number',
    path: ['thinking', 'deadline_ms'],
    min: 1,
    placeholder: 'none',
  },
  {
    id: 'price',
    label: 'Dollars per million tokens',
    kind: 'number',
    min: 0,
    step: 'any',
    placeholder: "model's own",
  },
  { id: 'loops', label: 'Cut a thought that loops', kind: 'check', path: ['thinking', 'detect_loops'] },
  { id: 'confidence', label: 'Show the confidence of each token', kind: 'check', path: ['thinking', 'logprobs'] },
];

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Lays out the options. */
export function layOptions(): void {
  byId('options', HTMLElement).replaceChildren(...OPTIONS.map(rowOf));
}

function rowOf(option: Option): HTMLElement {
  const { id, label, kind, placeholder = '' } = option;
  if (kind === 'check') {
    return element('label', { className: 'inline check' }, element('input', { type: 'checkbox', id }), ` ${label}`);
  }
  return element(
    'label',
    { className: kind === 'long' ? 'wide' : '' },
    `${label} `,
    controlOf(option, id, placeholder),
  );
}

function controlOf(option: Option, id: string, placeholder: string): Control {
  if (option.kind === 'long') return element('textarea', { id, rows: 2, placeholder });
  if (option.kind === 'choice') {
    const choices = Object.entries(option.choices ?? {});
    return element('select', { id }, ...choices.map(([value, text]) => element('option', { value }, text)));
  }
  const { min, max, step } = option;
  return element('input', {
    id,
    placeholder,
    ...(option.kind === 'number' ? { type: 'number', step: step ?? '1' } : { maxLength: 256 }),
    ...(min === undefined ? {} : { min: String(min) }),
    ...(max === undefined ? {} : { max: String(max) }),
  });
}

function controlNamed(id: string): Control {
  const found = document.getElementById(id);
  if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement || found instanceof HTMLTextAreaElement) {
    return found;
  }
  throw new Error(`The page has no ${id}.`);
}

/** Value of an option as text: `''` if it is not set, `'1'` if it is checked. */
export function textOf(id: string): string {
  const control = controlNamed(id);
  if (control instanceof HTMLInputElement && control.type === 'checkbox') return control.checked ? '1' : '';
  return control.value;
}

/** Sets an option from its text. */
export function setText(id: string, text: string): void {
  const control = controlNamed(id);
  if (control instanceof HTMLInputElement && control.type === 'checkbox') control.checked = text !== '';
  else control.value = text;
}

/** Value of an option that is a number. `undefined` if it is not set. */
export function numberOf(id: string): number | undefined {
  const text = textOf(id);
  return text === '' ? undefined : Number(text);
}

/** What the options add to a request's body. */
export function optionFields(): Readonly<Record<string, unknown>> {
  const body: Record<string, unknown> = {};
  for (const { id, kind, path } of OPTIONS) {
    const text = textOf(id);
    if (path === undefined || text === '') continue;
    const value = kind === 'number' ? Number(text) : kind === 'check' ? true : text;
    const [first = '', second] = path;
    if (second === undefined) body[first] = value;
    else body[first] = { ...(body[first] as object | undefined), [second]: value };
  }
  if (body['n'] !== undefined) body['vote'] = true;
  return body;
}
