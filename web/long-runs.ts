import { callApi } from './call-api.ts';
import { byId, element } from './element.ts';
import { hasEnded, type StoredRun } from './follow-response.ts';
import type { ChatBody } from './request-code.ts';

/** What this browser keeps of a run in the background. The API keeps the rest. */
export interface LongRun {
  readonly id: string;
  readonly question: string;
  /** Unix time of its start, in milliseconds. */
  readonly startedAt: number;
}

interface LongRunsOptions {
  /** URL of `/v1/responses`. */
  readonly url: string;
  readonly headers: () => Readonly<Record<string, string>>;
  /** Called if the reader opens a run. */
  readonly onOpen: (run: LongRun) => void;
}

const KEY = 'budgetforce-long-runs';
const MAX_KEPT = 50;
const POLL_MS = 2_000;

/** The state of a run as the list shows it. `problem`: why it is not known. */
type Known = { readonly response: StoredRun } | { readonly problem: string };

/** Runs in the background, which go on without the page: a list with their states that survives a reload. */
export class LongRuns {
  readonly #options: LongRunsOptions;
  readonly #section = byId('long-runs', HTMLElement);
  readonly #list = byId('long-runs-list', HTMLElement);
  readonly #states = new Map<string, Known>();
  #runs: readonly LongRun[] = kept();
  #polling: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LongRunsOptions) {
    this.#options = options;
  }

  /** Shows the list, with the states that the API knows now. */
  async show(): Promise<void> {
    this.#draw();
    await this.#poll();
  }

  /**
   * Starts a run in the background. Throws an {@link Error} with the API's own message, and `param` if a field caused it.
   */
  async start(body: ChatBody, question: string): Promise<LongRun> {
    const response = await this.#call('POST', '', toBackground(body));
    const run = { id: response.id, question, startedAt: Date.now() };
    this.#states.set(run.id, { response });
    this.#keep([run, ...this.#runs].slice(0, MAX_KEPT));
    this.#schedule();
    return run;
  }

  async #poll(): Promise<void> {
    clearTimeout(this.#polling);
    await Promise.all(
      this.#runs.filter(({ id }) => this.#isOpen(id)).map(async ({ id }) => await this.#update(id, 'GET', `/${id}`)),
    );
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#polling);
    if (this.#runs.some(({ id }) => this.#isOpen(id))) this.#polling = setTimeout(() => void this.#poll(), POLL_MS);
  }

  #isOpen(id: string): boolean {
    const known = this.#states.get(id);
    return known === undefined || ('response' in known && !hasEnded(known.response));
  }

  async #update(id: string, method: string, path: string): Promise<void> {
    const known = await this.#call(method, path).then(
      (response): Known => ({ response }),
      (error: unknown): Known => ({ problem: error instanceof Error ? error.message : String(error) }),
    );
    if (!this.#runs.some((run) => run.id === id)) return;
    this.#states.set(id, known);
    this.#draw();
  }

  /** Deletes what the API has of a run, which cancels it. A run that the API does not know leaves the list, too. */
  async #remove({ id }: LongRun): Promise<void> {
    await this.#call('DELETE', `/${id}`).catch(() => undefined);
    this.#states.delete(id);
    this.#keep(this.#runs.filter((run) => run.id !== id));
  }

  #keep(runs: readonly LongRun[]): void {
    this.#runs = runs;
    try {
      localStorage.setItem(KEY, JSON.stringify(runs));
    } catch {
      // Without storage the list ends with the page. The runs do not.
    }
    this.#draw();
  }

  #draw(): void {
    this.#section.hidden = this.#runs.length === 0;
    const focused = document.activeElement?.getAttribute('aria-label');
    this.#list.replaceChildren(...this.#runs.map((run) => this.#row(run)));
    if (focused == null) return;
    for (const button of this.#list.querySelectorAll('button'))
      if (button.getAttribute('aria-label') === focused) button.focus();
  }

  #row(run: LongRun): HTMLElement {
    const known = this.#states.get(run.id);
    const open = this.#isOpen(run.id);
    const named = (text: string, action: () => void) => {
      const button = element('button', { type: 'button', className: 'quiet' }, text);
      button.setAttribute('aria-label', `${text}: ${run.question}, ${timeOf(run)}`);
      button.addEventListener('click', action);
      return button;
    };
    return element(
      'li',
      {},
      element('span', { className: 'question' }, run.question),
      element('span', { className: 'hint' }, `${timeOf(run)} · ${stateOf(known)}`),
      element(
        'span',
        { className: 'actions' },
        named('Show', () => this.#options.onOpen(run)),
        ...(open ? [named('Cancel', () => void this.#update(run.id, 'POST', `/${run.id}/cancel`))] : []),
        ...(open ? [] : [named('Remove', () => void this.#remove(run))]),
      ),
    );
  }

  async #call(method: string, path: string, body?: object): Promise<StoredRun> {
    return await callApi<StoredRun>(method, `${this.#options.url}${path}`, this.#options.headers(), body);
  }
}

/** The same request for `/v1/responses`, in the background. */
function toBackground(body: ChatBody): Readonly<Record<string, unknown>> {
  const {
    messages,
    stream,
    stream_options: streamed,
    max_completion_tokens: max,
    reasoning_effort: effort,
    ...rest
  } = body;
  return {
    ...rest,
    input: messages,
    ...(max === undefined ? {} : { max_output_tokens: max }),
    ...(effort === undefined ? {} : { reasoning: { effort } }),
    background: true,
    store: true,
  };
}

function stateOf(known: Known | undefined): string {
  if (known === undefined) return 'asking for its state …';
  if ('problem' in known) return known.problem;
  const { status, waiting, error, budget_forcing: report } = known.response;
  if (waiting !== undefined) return `waiting: ${waiting.message}`;
  if (error !== null) return `failed: ${error.message}`;
  const words = { queued: 'queued', in_progress: 'thinking', failed: 'failed', cancelled: 'cancelled' } as const;
  if (status === 'completed' || status === 'incomplete')
    return `${status === 'completed' ? 'answered' : 'cut at its maximum'}${report === undefined ? '' : `, ${report.thinking_tokens} tokens of thinking`}`;
  return words[status];
}

function timeOf({ startedAt }: LongRun): string {
  return new Date(startedAt).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' });
}

function kept(): readonly LongRun[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(parsed) ? parsed.filter(isRun).slice(0, MAX_KEPT) : [];
  } catch {
    return [];
  }
}

function isRun(value: unknown): value is LongRun {
  if (typeof value !== 'object' || value === null) return false;
  const { id, question, startedAt } = value as Partial<LongRun>;
  return (
    typeof id === 'string' && /^resp_\w+$/.test(id) && typeof question === 'string' && typeof startedAt === 'number'
  );
}
