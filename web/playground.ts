import { type BoxValues, BudgetBox, type ModelInfo } from './budget-box.ts';
import { byId, element } from './element.ts';
import { LoadPanel } from './load-panel.ts';
import { readRun, type Usage } from './read-run.ts';
import { type Language, type PageRequest, requestBody, requestCode } from './request-code.ts';
import { RunView } from './run-view.ts';

const EXAMPLES = [
  'Ann has 34 apples. She buys 27 more and gives 12 away. How many apples does she have now?',
  'What is 37 + 58 - 21 + 44?',
  'Start with 24, multiply by 3, subtract 15, add 68. What is the result?',
];
const LANGUAGES: Readonly<Record<Language, string>> = { curl: 'curl', node: 'Node', python: 'Python' };
const SIDES = ['First budget', 'Second budget'] as const;

/** Budgets that a comparison suggests. */
const COMPARED = [{ max: 24 }, { waits: 2 }] as const satisfies readonly BoxValues[];

const form = byId('form', HTMLFormElement);
const prompt = byId('prompt', HTMLTextAreaElement);
const modelSelect = byId('model', HTMLSelectElement);
const key = byId('key', HTMLInputElement);
const runs = byId('runs', HTMLElement);
const compare = byId('compare', HTMLInputElement);
const stop = byId('stop', HTMLButtonElement);
const show = byId('show', HTMLButtonElement);
const codePanel = byId('code-panel', HTMLElement);

/** URL of the API, which is the page's own, with the stage of an API Gateway (`/api`) if there is one. Ends in a slash. */
const base = `${location.origin}${location.pathname.replace(/\/?$/, '/')}`;

let models: readonly ModelInfo[] = [];
let boxes: readonly BudgetBox[] = [];
/** The second budget of the last comparison. */
let compared: BoxValues | undefined;
let language: Language = 'curl';
/** Index of the budget whose request is shown as code. */
let side = 0;
let running: AbortController | undefined;

const modelInfo = () => models.find((found) => found.id === modelSelect.value);

const isEmpty = (values: BoxValues | undefined) => Object.values(values ?? {}).every((value) => value === undefined);
const isSame = (one: BoxValues | undefined, other: BoxValues) =>
  (['max', 'min', 'waits', 'effort'] as const).every((name) => one?.[name] === other[name]);

/** Lays out the boxes, for the chosen model and number of budgets. They keep what the reader has set. */
function layDials(): void {
  const model = modelInfo();
  if (model === undefined) return;
  const before = boxes.map((box) => box.values);
  // What the first box suggests for a comparison is not the reader's own budget.
  const own = isEmpty(before[0]) || isSame(before[0], COMPARED[0]) ? {} : before[0];
  const second = before[1] ?? compared ?? COMPARED[1];
  compared = second;
  const onChange = showCode;
  boxes = compare.checked
    ? [
        new BudgetBox(SIDES[0], { id: 'a', model, start: isEmpty(own) ? COMPARED[0] : own, onChange }),
        new BudgetBox(SIDES[1], { id: 'b', model, start: second, onChange }),
      ]
    : [new BudgetBox('Thinking budget', { id: 'a', model, start: own, onChange })];
  byId('dials', HTMLDivElement).replaceChildren(...boxes.map(({ box }) => box));
  if (side >= boxes.length) side = 0;
  layTabs();
  showCode();
}

const numberOf = (id: string): number | undefined => {
  const { value } = byId(id, HTMLInputElement);
  return value === '' ? undefined : Number(value);
};

/** The request of one box, with the settings under "More options". */
function requestOf(box: BudgetBox): PageRequest {
  const { thinking, effort } = box.budget;
  const waitText = byId('wait-text', HTMLInputElement).value;
  const softLanding = numberOf('soft-landing');
  const deadline = numberOf('deadline');
  return {
    model: modelSelect.value,
    prompt: prompt.value,
    thinking: {
      ...thinking,
      ...(waitText === '' ? {} : { wait_text: waitText }),
      ...(softLanding === undefined ? {} : { soft_landing: softLanding }),
      ...(deadline === undefined ? {} : { deadline_ms: deadline }),
      ...(byId('loops', HTMLInputElement).checked ? { detect_loops: true } : {}),
    },
    effort,
    temperature: numberOf('temperature'),
  };
}

/** Updates the shown request from the form. */
function showCode(): void {
  const box = boxes[side];
  if (box === undefined) return;
  byId('code', HTMLElement).textContent = requestCode(requestOf(box), language, base.slice(0, -1), key.value !== '');
}

/** Cost of a run at the price in the form, or else at the model's price. */
function dollarsOf({ prompt_tokens: promptTokens, completion_tokens: completionTokens }: Usage): number | undefined {
  const own = numberOf('price');
  const price = own === undefined ? modelInfo()?.price : { prompt: own, completion: own };
  return price == null ? undefined : (promptTokens * price.prompt + completionTokens * price.completion) / 1_000_000;
}

async function run(box: BudgetBox, view: RunView, signal: AbortSignal): Promise<void> {
  view.note('Waiting for the first token …');
  try {
    const response = await fetch(`${base}v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...keyHeader() },
      body: JSON.stringify(requestBody(requestOf(box))),
      signal,
    });
    for await (const event of readRun(response)) {
      if (event.kind === 'text') view.text(event.part, event.text, event.forced);
      if (event.kind === 'note') view.note(event.text);
      if (event.kind === 'report') view.report(event.report);
      if (event.kind === 'usage') view.usage(event.usage);
      if (event.kind === 'error') {
        view.error(event.message);
        if (event.status === 401) askForKey();
      }
    }
  } catch (error) {
    if (signal.aborted) view.note('Stopped.');
    else view.error(error instanceof Error ? error.message : String(error));
  } finally {
    view.end();
  }
}

const keyHeader = (): Readonly<Record<string, string>> =>
  key.value === '' ? {} : { authorization: `Bearer ${key.value}` };

function askForKey(): void {
  key.closest('details')?.setAttribute('open', '');
  key.focus();
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  running?.abort();
  const own = new AbortController();
  running = own;
  stop.hidden = false;
  sessionStorage.setItem('key', key.value);
  const views = boxes.map((_, index) => new RunView(boxes.length === 1 ? 'Run' : (SIDES[index] ?? ''), dollarsOf));
  runs.replaceChildren(...views.map(({ card }) => card));
  const draw = () => {
    // One scale for all runs, so that their lengths compare.
    const scale = Math.max(...views.map(({ timeline }) => timeline.tokens));
    for (const { timeline } of views) timeline.draw(scale);
  };
  await Promise.all(
    boxes.map(async (box, index) => {
      const view = views[index];
      if (view !== undefined) await run(box, view, own.signal).then(draw);
    }),
  );
  if (running === own) stop.hidden = true;
});
stop.addEventListener('click', () => running?.abort());
compare.addEventListener('change', layDials);
const loadPanel = new LoadPanel(() => `${base}v1/load?model=${encodeURIComponent(modelSelect.value)}`, keyHeader);

modelSelect.addEventListener('change', () => {
  layDials();
  loadPanel.start();
});
form.addEventListener('input', showCode);
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
  const tab = (text: string, pressed: boolean, choose: () => void) => {
    const button = element('button', { type: 'button' }, text);
    button.setAttribute('aria-pressed', String(pressed));
    button.addEventListener('click', () => {
      choose();
      layTabs();
      showCode();
    });
    return button;
  };
  const names = Object.keys(LANGUAGES) as readonly Language[];
  byId('languages', HTMLElement).replaceChildren(
    ...names.map((name) =>
      tab(LANGUAGES[name], name === language, () => {
        language = name;
      }),
    ),
  );
  byId('sides', HTMLElement).replaceChildren(
    ...(boxes.length < 2
      ? []
      : SIDES.map((name, index) =>
          tab(name, index === side, () => {
            side = index;
          }),
        )),
  );
}

async function start(): Promise<void> {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-path]'))
    link.href = `${base}${link.dataset['path']}`;
  prompt.value = EXAMPLES[0] ?? '';
  byId('examples', HTMLElement).replaceChildren(
    ...EXAMPLES.map((text) => {
      const button = element('button', { type: 'button' }, text);
      button.addEventListener('click', () => {
        prompt.value = text;
        showCode();
      });
      return button;
    }),
  );
  layTabs();
  key.value = sessionStorage.getItem('key') ?? '';
  await loadModels();
}

async function loadModels(): Promise<void> {
  const response = await fetch(`${base}v1/models`, { headers: keyHeader() });
  if (response.status === 401) {
    askForKey();
    key.addEventListener('change', () => void loadModels(), { once: true });
    return;
  }
  const body: { readonly data: readonly ModelInfo[] } = await response.json();
  models = body.data;
  modelSelect.replaceChildren(...models.map((model) => element('option', { value: model.id }, model.id)));
  layDials();
  loadPanel.start();
}

void start();
