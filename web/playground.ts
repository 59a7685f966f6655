import { type Report, readRun } from './read-run.ts';
import { type Language, type PageRequest, requestBody, requestCode } from './request-code.ts';

interface ModelInfo {
  readonly id: string;
  readonly budget_forcing: {
    readonly max_tokens: number;
    readonly default_max_tokens: number;
    readonly efforts: Readonly<Record<string, number>>;
  };
}

const EXAMPLES = [
  'Ann has 34 apples. She buys 27 more and gives 12 away. How many apples does she have now?',
  'What is 37 + 58 - 21 + 44?',
  'Start with 24, multiply by 3, subtract 15, add 68. What is the result?',
];
const LANGUAGES: readonly Language[] = ['curl', 'node', 'python'];

const byId = <Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind => {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${id}.`);
  return found;
};
const form = byId('form', HTMLFormElement);
const prompt = byId('prompt', HTMLTextAreaElement);
const dials = byId('dials', HTMLDivElement);
const modelSelect = byId('model', HTMLSelectElement);
const temperature = byId('temperature', HTMLInputElement);
const waitText = byId('wait-text', HTMLInputElement);
const price = byId('price', HTMLInputElement);
const key = byId('key', HTMLInputElement);
const runs = byId('runs', HTMLElement);
const compare = byId('compare', HTMLInputElement);
const stop = byId('stop', HTMLButtonElement);
const show = byId('show', HTMLButtonElement);
const codePanel = byId('code-panel', HTMLElement);

/** Where the API is: beside the page, also under the stage of an API Gateway (`/api`). Ends in a slash. */
const base = `${location.origin}${location.pathname.replace(/\/?$/, '/')}`;

let models: readonly ModelInfo[] = [];
let language: Language = 'curl';
let underway: AbortController | undefined;

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<Omit<HTMLElementTagNameMap[Name], 'style'>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const created = document.createElement(name);
  Object.assign(created, properties);
  created.append(...children);
  return created;
}

/** A range and a number that show the same value. Empty: not set. */
class Dial {
  readonly row: HTMLDivElement;
  readonly #range: HTMLInputElement;
  readonly #number: HTMLInputElement;

  constructor(label: string, id: string, max: number, value: number | undefined) {
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
      changed();
    });
    this.#number.addEventListener('input', () => {
      this.#range.value = this.#number.value || '0';
      changed();
    });
    this.row = element(
      'div',
      { className: 'dial' },
      element('label', { htmlFor: id }, label),
      this.#range,
      this.#number,
    );
  }

  get value(): number | undefined {
    return this.#number.value === '' ? undefined : Number(this.#number.value);
  }
}

/** The dials of one side. */
class Budget {
  readonly box: HTMLFieldSetElement;
  readonly #minimum: Dial;
  readonly #maximum: Dial;
  readonly #waits: Dial;
  readonly #effort: HTMLSelectElement;

  constructor(name: string, id: string, model: ModelInfo, start: { readonly max?: number; readonly waits?: number }) {
    const { max_tokens: most, efforts } = model.budget_forcing;
    this.#maximum = new Dial('Maximum', `${id}-max`, most, start.max);
    this.#minimum = new Dial('Minimum', `${id}-min`, most, undefined);
    this.#waits = new Dial('Waits', `${id}-waits`, 8, start.waits);
    this.#effort = element('select', { id: `${id}-effort` }, element('option', { value: '' }, 'none'));
    for (const [effort, tokens] of Object.entries(efforts))
      this.#effort.append(element('option', { value: effort }, `${effort} (${tokens} tokens)`));
    this.#effort.addEventListener('change', changed);
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

  /** What this side asks for. */
  request(): PageRequest {
    const settings = {
      max_tokens: this.#maximum.value,
      min_tokens: this.#minimum.value,
      waits: this.#waits.value,
      wait_text: waitText.value === '' ? undefined : waitText.value,
    };
    const thinking: Record<string, number | string> = {};
    for (const [name, value] of Object.entries(settings)) if (value !== undefined) thinking[name] = value;
    return {
      model: modelSelect.value,
      prompt: prompt.value,
      thinking,
      effort: this.#effort.value === '' ? undefined : this.#effort.value,
      temperature: temperature.value === '' ? undefined : Number(temperature.value),
    };
  }
}

let budgets: readonly Budget[] = [];

function layDials(): void {
  const model = models.find((found) => found.id === modelSelect.value);
  if (model === undefined) return;
  budgets = compare.checked
    ? [new Budget('First budget', 'a', model, { max: 24 }), new Budget('Second budget', 'b', model, { waits: 2 })]
    : [new Budget('Budget in thinking tokens', 'a', model, {})];
  dials.replaceChildren(...budgets.map((budget) => budget.box));
  changed();
}

/** Keeps the shown request in step with the form. */
function changed(): void {
  const [first] = budgets;
  if (first === undefined) return;
  byId('code', HTMLElement).textContent = requestCode(first.request(), language, base.slice(0, -1), key.value !== '');
}

/** One run on the page: its texts, what was forced, and its figures. */
class RunView {
  readonly card: HTMLElement;
  readonly #thinking = element('div', { className: 'thinking', tabIndex: 0 });
  readonly #answer = element('div', { className: 'answer' });
  readonly #status = element('p', { className: 'note' });
  readonly #figures = element('dl');
  readonly #startedAt = performance.now();
  #firstMs: number | undefined;

  constructor(title: string) {
    this.#thinking.setAttribute('role', 'log');
    this.#thinking.setAttribute('aria-label', 'Thought');
    this.#answer.setAttribute('aria-live', 'polite');
    this.#status.setAttribute('role', 'status');
    this.card = element(
      'article',
      { className: 'run' },
      element('h2', {}, title),
      element('h3', {}, 'Thought'),
      this.#thinking,
      element('h3', {}, 'Answer'),
      this.#answer,
      this.#status,
      this.#figures,
    );
  }

  text(part: 'thinking' | 'answer', text: string, forced: boolean): void {
    this.#firstMs ??= performance.now() - this.#startedAt;
    this.#status.textContent = '';
    const box = part === 'thinking' ? this.#thinking : this.#answer;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    if (forced)
      box.append(
        element(
          'mark',
          { title: 'forced' },
          element('span', { className: 'hidden-text' }, '[forced: '),
          text,
          element('span', { className: 'hidden-text' }, ']'),
        ),
      );
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

  report(report: Report): void {
    const total = performance.now() - this.#startedAt;
    const tokens = report.thinking_tokens + report.answer_tokens;
    const dollars = price.value === '' ? undefined : (tokens / 1e6) * Number(price.value);
    const figures: readonly (readonly [string, string])[] = [
      ['thinking', `${report.thinking_tokens} tokens`],
      ['answer', `${report.answer_tokens} tokens`],
      ['forced', `${report.forced_tokens} tokens`],
      ['Waits', String(report.waits)],
      ['ended by', endReasons[report.end_reason ?? ''] ?? report.end_reason ?? '-'],
      ['first text', `${Math.round(this.#firstMs ?? total)} ms`],
      ['in all', `${(total / 1_000).toFixed(2)} s`],
      ...(dollars === undefined ? [] : [['cost', `$${dollars.toPrecision(2)}`] as const]),
    ];
    this.#figures.replaceChildren(
      ...figures.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
    );
    if (report.minimum_missed !== null) this.note(`The minimum was missed: ${report.minimum_missed}.`);
  }
}

const endReasons: Readonly<Record<string, string>> = {
  model: 'the model',
  budget: 'its budget',
  deadline: 'its deadline',
  disabled: 'no thinking',
};

async function run(budget: Budget, title: string, signal: AbortSignal): Promise<void> {
  const view = new RunView(title);
  runs.append(view.card);
  view.note('Asking …');
  try {
    const response = await fetch(`${base}v1/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key.value === '' ? {} : { authorization: `Bearer ${key.value}` }),
      },
      body: JSON.stringify(requestBody(budget.request())),
      signal,
    });
    for await (const event of readRun(response)) {
      if (event.kind === 'text') view.text(event.part, event.text, event.forced);
      if (event.kind === 'note') view.note(event.text);
      if (event.kind === 'report') view.report(event.report);
      if (event.kind === 'error') {
        view.error(event.message);
        if (event.status === 401) askForKey();
      }
    }
  } catch (error) {
    if (signal.aborted) view.note('Stopped.');
    else view.error(error instanceof Error ? error.message : String(error));
  }
}

function askForKey(): void {
  key.closest('details')?.setAttribute('open', '');
  key.focus();
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  underway?.abort();
  const mine = new AbortController();
  underway = mine;
  stop.hidden = false;
  runs.replaceChildren();
  sessionStorage.setItem('key', key.value);
  await Promise.all(
    budgets.map((budget, index) =>
      run(budget, budgets.length === 1 ? 'One run' : index === 0 ? 'First budget' : 'Second budget', mine.signal),
    ),
  );
  if (underway === mine) stop.hidden = true;
});
stop.addEventListener('click', () => underway?.abort());
compare.addEventListener('change', layDials);
modelSelect.addEventListener('change', layDials);
form.addEventListener('input', changed);
prompt.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
show.addEventListener('click', () => {
  codePanel.hidden = !codePanel.hidden;
  show.setAttribute('aria-expanded', String(!codePanel.hidden));
});
byId('copy', HTMLButtonElement).addEventListener('click', async (event) => {
  await navigator.clipboard.writeText(byId('code', HTMLElement).textContent ?? '');
  if (event.target instanceof HTMLElement) event.target.textContent = 'Copied';
});

function layTabs(): void {
  byId('languages', HTMLElement).replaceChildren(
    ...LANGUAGES.map((name) => {
      const tab = element('button', { type: 'button' }, { curl: 'curl', node: 'Node', python: 'Python' }[name]);
      tab.setAttribute('aria-pressed', String(name === language));
      tab.addEventListener('click', () => {
        language = name;
        layTabs();
        changed();
      });
      return tab;
    }),
  );
}

async function start(): Promise<void> {
  byId('models-link', HTMLAnchorElement).href = `${base}v1/models`;
  prompt.value = EXAMPLES[0] ?? '';
  byId('examples', HTMLElement).replaceChildren(
    ...EXAMPLES.map((text) => {
      const button = element('button', { type: 'button' }, text);
      button.addEventListener('click', () => {
        prompt.value = text;
        changed();
      });
      return button;
    }),
  );
  layTabs();
  key.value = sessionStorage.getItem('key') ?? '';
  await loadModels();
}

async function loadModels(): Promise<void> {
  const response = await fetch(
    '/v1/models',
    key.value === '' ? {} : { headers: { authorization: `Bearer ${key.value}` } },
  );
  if (response.status === 401) {
    askForKey();
    key.addEventListener('change', () => void loadModels(), { once: true });
    return;
  }
  const body: { readonly data: readonly ModelInfo[] } = await response.json();
  models = body.data;
  modelSelect.replaceChildren(...models.map((model) => element('option', { value: model.id }, model.id)));
  layDials();
}

void start();
