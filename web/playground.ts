import { type BoxValues, BudgetBox, type ModelInfo } from './budget-box.ts';
import { CodePanel } from './code-panel.ts';
import { Conversation } from './conversation.ts';
import { copyText } from './copy-text.ts';
import { DocumentsPanel } from './documents-panel.ts';
import { byId, element } from './element.ts';
import { Exchange } from './exchange.ts';
import { clearFieldErrors, showFieldError } from './field-errors.ts';
import { fromFragment, type LinkedSettings, toFragment } from './link.ts';
import { LoadPanel } from './load-panel.ts';
import { layOptions, numberOf, optionFields, textOf } from './options.ts';
import { preferenceView } from './preference-view.ts';
import { errorOf, readRun, type Usage } from './read-run.ts';
import type { ChatBody } from './request-code.ts';
import { RunView } from './run-view.ts';
import { StoredAnswer } from './stored-answer.ts';
import { Sweep } from './sweep.ts';

const EXAMPLES = [
  'Ann has 34 apples. She buys 27 more and gives 12 away. How many apples does she have now?',
  'What is 37 + 58 - 21 + 44?',
  'Start with 24, multiply by 3, subtract 15, add 68. What is the result?',
];
const SIDES = ['First budget', 'Second budget'] as const;
/** Ids of the boxes. */
const BOXES = ['a', 'b'] as const;
/** The second budget that a comparison suggests. */
const SUGGESTED: BoxValues = { waits: 2 };

/** URL of the API, which is the page's own, with the stage of an API Gateway (`/api`) if there is one. Ends in a slash. */
const base = `${location.origin}${location.pathname.replace(/\/?$/, '/')}`;
const completionsUrl = `${base}v1/chat/completions`;

const form = byId('form', HTMLFormElement);
const prompt = byId('prompt', HTMLTextAreaElement);
const modelSelect = byId('model', HTMLSelectElement);
const key = byId('key', HTMLInputElement);
const runs = byId('runs', HTMLElement);
const compare = byId('compare', HTMLInputElement);
const stop = byId('stop', HTMLButtonElement);
const formError = byId('form-error', HTMLElement);
const welcome = byId('welcome', HTMLElement);

let models: readonly ModelInfo[] = [];
let boxes: readonly BudgetBox[] = [];
/** The second budget of the last comparison, or of the link. */
let second: BoxValues | undefined;
/** Budgets of a link, before the models are known. */
let linked: LinkedSettings | undefined;
let running: AbortController | undefined;
/** Whether the reader asked before the models were known. */
let askedEarly = false;

layOptions();
const conversation = new Conversation(() => codePanel.show());
const codePanel = new CodePanel({
  bodies: () => boxes.map((box, index) => ({ name: SIDES[index] ?? '', body: bodyOf(box.values) })),
  origin: base.slice(0, -1),
  needsKey: () => key.value !== '',
});
const documents = new DocumentsPanel({
  ...{ base, headers: keyHeader },
  question: () => prompt.value,
  ask: (question, model) => {
    prompt.value = question;
    if (models.some(({ id }) => id === model) && modelSelect.value !== model) {
      modelSelect.value = model;
      modelChosen();
    }
    codePanel.show();
    prompt.focus();
  },
  onChange: () => codePanel.show(),
});
const loadPanel = new LoadPanel(() => `${base}v1/load?model=${encodeURIComponent(modelSelect.value)}`, keyHeader);
new Sweep({
  url: completionsUrl,
  headers: keyHeader,
  bodyOf,
  begin: () => {
    const complete = form.reportValidity();
    if (complete) welcome.hidden = true;
    return complete;
  },
});

function modelInfo(): ModelInfo | undefined {
  return models.find((found) => found.id === modelSelect.value);
}

function keyHeader(): Readonly<Record<string, string>> {
  return key.value === '' ? {} : { authorization: `Bearer ${key.value}` };
}

/** Lays out the boxes, for the chosen model and number of budgets. They keep what the reader has set. */
function layDials(): void {
  const model = modelInfo();
  if (model === undefined) return;
  const first = boxes[0]?.values ?? linked?.budgets[0];
  second = boxes[1]?.values ?? second;
  const onChange = () => codePanel.show();
  const starts = compare.checked ? [first, second ?? SUGGESTED] : [first];
  boxes = starts.map((start, index) => {
    const name = compare.checked ? (SIDES[index] ?? '') : 'Thinking budget';
    return new BudgetBox(name, { id: BOXES[index] ?? '', model, start, onChange });
  });
  byId('dials', HTMLDivElement).replaceChildren(...boxes.map(({ box }) => box));
  codePanel.show();
}

/** The request of the form at a budget. */
function bodyOf({ max, min, waits, effort }: BoxValues): ChatBody {
  const { thinking: options, ...rest } = optionFields();
  const thinking = {
    ...(max === undefined ? {} : { max_tokens: max }),
    ...(min === undefined ? {} : { min_tokens: min }),
    ...(waits === undefined ? {} : { waits }),
    ...(options as object | undefined),
  };
  const system = textOf('system');
  return {
    model: modelSelect.value,
    messages: [
      ...(system === '' ? [] : [{ role: 'system', content: system } as const]),
      ...conversation.messages,
      { role: 'user', content: prompt.value },
    ],
    ...(Object.keys(thinking).length === 0 ? {} : { thinking }),
    ...(effort === undefined ? {} : { reasoning_effort: effort }),
    ...(documents.field === undefined ? {} : { retrieval: documents.field }),
    ...rest,
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
  };
}

/** Cost of a run at the price in the form, or else at the model's price. */
function dollarsOf({ prompt_tokens: promptTokens, completion_tokens: completionTokens }: Usage): number | undefined {
  const own = numberOf('price');
  const price = own === undefined ? modelInfo()?.price : { prompt: own, completion: own };
  return price == null ? undefined : (promptTokens * price.prompt + completionTokens * price.completion) / 1_000_000;
}

/** Runs a request. Returns its answer if the API has stored it. */
async function run(
  view: RunView,
  exchange: Exchange,
  side: string,
  signal: AbortSignal,
): Promise<StoredAnswer | undefined> {
  view.note('Waiting for the first token …');
  const headers = keyHeader();
  let stored: StoredAnswer | undefined;
  try {
    const response = await fetch(exchange.request.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(exchange.request.body),
      signal,
    });
    exchange.answered(response);
    for await (const event of readRun(response, (text) => exchange.add(text))) {
      view.take(event);
      if (event.kind === 'stored') stored = new StoredAnswer(event.id, `${base}v1/feedback`, headers);
      if (event.kind !== 'error') continue;
      if (event.param !== undefined) showFieldError(event.param, side, event.message);
      if (event.status === 401) askForKey();
    }
  } catch (error) {
    if (signal.aborted) view.note('Stopped.');
    else view.error(`The API cannot be reached: ${error instanceof Error ? error.message : String(error)}.`);
  } finally {
    view.end();
  }
  if (stored !== undefined) view.askAbout(stored);
  return stored;
}

/** Goes on from an answer: its turn joins the conversation, and the question field is free for the next one. */
function keep(question: string, answer: string): void {
  conversation.add({ question, answer });
  runs.replaceChildren();
  prompt.value = '';
  codePanel.show();
  prompt.focus();
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  askedEarly = boxes.length === 0;
  if (askedEarly) return;
  running?.abort();
  clearFieldErrors();
  const own = new AbortController();
  running = own;
  stop.hidden = false;
  welcome.hidden = true;
  sessionStorage.setItem('key', key.value);
  const question = prompt.value;
  const started = boxes.map((box, index) => {
    const exchange = new Exchange(completionsUrl, bodyOf(box.values));
    const title = boxes.length === 1 ? 'Run' : (SIDES[index] ?? '');
    const view = new RunView({
      ...{ title, exchange, dollarsOf, onKeep: (answer) => keep(question, answer) },
      passageText: documents.reader(question),
    });
    return { title, view, exchange, side: BOXES[index] ?? '' };
  });
  runs.replaceChildren(...started.map(({ view }) => view.card));
  if (runs.getBoundingClientRect().top > window.innerHeight * 0.6) runs.scrollIntoView({ block: 'start' });
  const draw = () => {
    // One scale for all runs, so that their lengths compare.
    const scale = Math.max(...started.map(({ view }) => view.timeline.tokens));
    for (const { view } of started) view.timeline.draw(scale);
  };
  const answers = await Promise.all(
    started.map(async ({ title, view, exchange, side }) => {
      const answer = await run(view, exchange, side, own.signal);
      draw();
      return answer === undefined ? undefined : { title, answer };
    }),
  );
  if (running !== own) return;
  stop.hidden = true;
  // The reader may have gone on from one of the answers.
  if (!started.every(({ view }) => view.card.isConnected)) return;
  const [first, other] = answers;
  if (first !== undefined && other !== undefined) runs.append(preferenceView([first, other]));
});
stop.addEventListener('click', () => running?.abort());
compare.addEventListener('change', layDials);
modelSelect.addEventListener('change', modelChosen);
form.addEventListener('input', () => codePanel.show());
prompt.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
const linkButton = byId('link', HTMLButtonElement);
linkButton.addEventListener('click', () => {
  const [first = {}, other] = boxes.map(({ values }) => values);
  const budgets = [first, other ?? second ?? {}] as const;
  const fragment = toFragment({ model: modelSelect.value, compare: compare.checked, budgets, ...documents.linked });
  history.replaceState(null, '', `#${fragment}`);
  void copyText(linkButton, location.href, 'The link is in the address bar');
});
window.addEventListener('hashchange', restore);
// The browser cannot show what is wrong with a field that is folded away.
form.addEventListener(
  'invalid',
  ({ target }) => {
    if (target instanceof Element) target.closest('details')?.setAttribute('open', '');
  },
  { capture: true },
);

function modelChosen(): void {
  layDials();
  showLoad();
}

/** Restores the settings of the link in the address bar, if there is one. */
function restore(): void {
  linked = fromFragment(location.hash);
  if (linked === undefined) return;
  const { model, budgets } = linked;
  compare.checked = linked.compare;
  documents.restore(linked.passages, linked.when);
  [, second] = budgets;
  boxes = [];
  if (models.some(({ id }) => id === model)) modelSelect.value = model ?? '';
  if (models.length === 0) return;
  modelChosen();
}

function askForKey(): void {
  key.closest('details')?.setAttribute('open', '');
  key.focus();
}

function showLoad(): void {
  if (modelInfo()?.scales_by_load === true) loadPanel.start();
  else loadPanel.stop();
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
        codePanel.show();
      });
      return button;
    }),
  );
  restore();
  key.value = sessionStorage.getItem('key') ?? '';
  if (key.value === '' && document.body.dataset['key'] === 'required') waitForKey();
  else await loadModels();
}

function waitForKey(): void {
  askForKey();
  key.addEventListener('change', () => void loadModels(), { once: true });
}

async function loadModels(): Promise<void> {
  formError.textContent = '';
  const response = await fetch(`${base}v1/models`, { headers: keyHeader() }).catch(() => undefined);
  if (response?.ok !== true) {
    const reason =
      response === undefined ? 'It cannot be reached.' : errorOf(await response.text(), response.status).message;
    formError.textContent = `The models of the API are not known: ${reason}`;
    if (response?.status === 401) waitForKey();
    return;
  }
  sessionStorage.setItem('key', key.value);
  const body: { readonly data: readonly ModelInfo[] } = await response.json();
  models = body.data;
  modelSelect.replaceChildren(...models.map((model) => element('option', { value: model.id }, nameOf(model))));
  if (linked?.model !== undefined && models.some(({ id }) => id === linked?.model)) modelSelect.value = linked.model;
  modelChosen();
  if (document.body.dataset['documents'] === 'kept') await documents.show();
  if (askedEarly) form.requestSubmit();
}

function nameOf({ id, alias_of: target, route }: ModelInfo): string {
  if (target !== undefined) return `${id} (alias of ${target})`;
  return route === undefined ? id : `${id} (${route.models.join(', then ')})`;
}

void start();
