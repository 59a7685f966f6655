import { byId, element } from './element.ts';

/** What `GET /v1/load` says of the copies of a model. */
interface LoadAnswer {
  readonly copies: { readonly running: number; readonly starting: number; readonly max: number };
  readonly requests: number;
  readonly committed_tokens: number;
  readonly wanted_thinking_tokens: number;
  readonly granted_thinking_tokens: number;
}

const EVERY_MS = 1_000;
const KEPT_LOOKS = 120;
const WIDTH = 240;
const HEIGHT = 44;

/** The last two minutes of copies, committed tokens and granted budgets. Not shown where a model does not scale by load. */
export class LoadPanel {
  readonly #panel = byId('load', HTMLElement);
  readonly #url: () => string;
  readonly #headers: () => Readonly<Record<string, string>>;
  #looks: readonly LoadAnswer[] = [];
  #timer: number | undefined;
  /** Counts starts: a look that was under way at a later start is not drawn, and not gone on with. */
  #starts = 0;

  constructor(url: () => string, headers: () => Readonly<Record<string, string>>) {
    this.#url = url;
    this.#headers = headers;
  }

  /** Begins anew, for another model. */
  start(): void {
    clearTimeout(this.#timer);
    this.#looks = [];
    this.#starts += 1;
    void this.#look(this.#starts);
  }

  async #look(start: number): Promise<void> {
    const response = document.hidden
      ? undefined
      : await fetch(this.#url(), { headers: this.#headers() }).catch(() => undefined);
    const load: LoadAnswer | undefined = response?.ok === true ? await response.json() : undefined;
    if (start !== this.#starts) return;
    if (response !== undefined && !response.ok) {
      this.#panel.hidden = true;
      return;
    }
    if (load !== undefined) {
      this.#looks = [...this.#looks, load].slice(-KEPT_LOOKS);
      this.#draw(load);
    }
    this.#timer = window.setTimeout(() => void this.#look(start), EVERY_MS);
  }

  #draw({ copies, requests, committed_tokens: committed, ...load }: LoadAnswer): void {
    const share = grantedShare(load);
    this.#panel.replaceChildren(
      figure(
        'Copies',
        `${copies.running} of ${copies.max}${copies.starting > 0 ? `, ${copies.starting} starting` : ''}`,
        this.#looks.map((look) => look.copies.running / Math.max(1, look.copies.max)),
      ),
      figure(
        'Tokens committed',
        `${committed.toLocaleString('en')} in ${requests} ${requests === 1 ? 'request' : 'requests'}`,
        shareOfMost(this.#looks.map((look) => look.committed_tokens)),
      ),
      figure(
        'Thinking granted',
        share === undefined ? 'nobody thinks' : `${Math.round(share * 100)} % of what is wanted`,
        this.#looks.map((look) => grantedShare(look) ?? 1),
      ),
    );
    this.#panel.hidden = false;
  }
}

function grantedShare(
  load: Pick<LoadAnswer, 'wanted_thinking_tokens' | 'granted_thinking_tokens'>,
): number | undefined {
  return load.wanted_thinking_tokens === 0 ? undefined : load.granted_thinking_tokens / load.wanted_thinking_tokens;
}

function shareOfMost(values: readonly number[]): readonly number[] {
  const most = Math.max(1, ...values);
  return values.map((value) => value / most);
}

/** A name, what it is now, and its last two minutes as a line. */
function figure(name: string, now: string, shares: readonly number[]): HTMLElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `${name} over the last two minutes`);
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  const step = WIDTH / (KEPT_LOOKS - 1);
  const first = KEPT_LOOKS - shares.length;
  const points = shares.map((share, index) => `${(first + index) * step},${HEIGHT - 2 - share * (HEIGHT - 4)}`);
  line.setAttribute('points', points.join(' '));
  line.setAttribute('vector-effect', 'non-scaling-stroke');
  svg.append(line);
  return element('div', {}, element('h3', { textContent: name }), element('p', { textContent: now }), svg);
}
