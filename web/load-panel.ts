import { byId, element } from './element.ts';

/** The load of a model, as `GET /v1/load` returns it. */
interface LoadSnapshot {
  readonly copies: { readonly running: number; readonly starting: number; readonly max: number };
  readonly requests: number;
  readonly committed_tokens: number;
  readonly wanted_thinking_tokens: number;
  readonly granted_thinking_tokens: number;
}

const POLL_INTERVAL_MS = 1_000;
const MAX_SNAPSHOTS = 120;
const WIDTH = 240;
const HEIGHT = 44;

/** Shows the last two minutes of copies, committed tokens and granted budgets. Hidden if the model does not scale by load. */
export class LoadPanel {
  readonly #panel = byId('load', HTMLElement);
  readonly #url: () => string;
  readonly #headers: () => Readonly<Record<string, string>>;
  #snapshots: readonly LoadSnapshot[] = [];
  #timer: number | undefined;
  /** Counts starts, so that a pending poll of an earlier start neither draws nor polls again. */
  #starts = 0;

  constructor(url: () => string, headers: () => Readonly<Record<string, string>>) {
    this.#url = url;
    this.#headers = headers;
  }

  /** Starts again, for another model. */
  start(): void {
    clearTimeout(this.#timer);
    this.#snapshots = [];
    this.#starts += 1;
    void this.#poll(this.#starts);
  }

  /** Hides the panel: the model does not scale by load. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#starts += 1;
    this.#panel.hidden = true;
  }

  async #poll(start: number): Promise<void> {
    const response = document.hidden
      ? undefined
      : await fetch(this.#url(), { headers: this.#headers() }).catch(() => undefined);
    const load: LoadSnapshot | undefined = response?.ok === true ? await response.json() : undefined;
    if (start !== this.#starts) return;
    if (response !== undefined && !response.ok) {
      this.#panel.hidden = true;
      return;
    }
    if (load !== undefined) {
      this.#snapshots = [...this.#snapshots, load].slice(-MAX_SNAPSHOTS);
      this.#draw(load);
    }
    this.#timer = window.setTimeout(() => void this.#poll(start), POLL_INTERVAL_MS);
  }

  #draw({ copies, requests, committed_tokens: committed, ...load }: LoadSnapshot): void {
    const share = grantedShare(load);
    this.#panel.replaceChildren(
      figure(
        'Copies',
        `${copies.running} of ${copies.max}${copies.starting > 0 ? `, ${copies.starting} starting` : ''}`,
        this.#snapshots.map((snapshot) => snapshot.copies.running / Math.max(1, snapshot.copies.max)),
      ),
      figure(
        'Tokens committed',
        `${committed.toLocaleString('en')} in ${requests} ${requests === 1 ? 'request' : 'requests'}`,
        shareOfMax(this.#snapshots.map((snapshot) => snapshot.committed_tokens)),
      ),
      figure(
        'Thinking granted',
        share === undefined ? 'none requested' : `${Math.round(share * 100)} % of requested`,
        this.#snapshots.map((snapshot) => grantedShare(snapshot) ?? 1),
      ),
    );
    this.#panel.hidden = false;
  }
}

function grantedShare(
  load: Pick<LoadSnapshot, 'wanted_thinking_tokens' | 'granted_thinking_tokens'>,
): number | undefined {
  return load.wanted_thinking_tokens === 0 ? undefined : load.granted_thinking_tokens / load.wanted_thinking_tokens;
}

function shareOfMax(values: readonly number[]): readonly number[] {
  const max = Math.max(1, ...values);
  return values.map((value) => value / max);
}

/** A name, its current value, and its last two minutes as a line. */
function figure(name: string, current: string, shares: readonly number[]): HTMLElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `${name} over the last two minutes`);
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  const step = WIDTH / (MAX_SNAPSHOTS - 1);
  const first = MAX_SNAPSHOTS - shares.length;
  const points = shares.map((share, index) => `${(first + index) * step},${HEIGHT - 2 - share * (HEIGHT - 4)}`);
  line.setAttribute('points', points.join(' '));
  line.setAttribute('vector-effect', 'non-scaling-stroke');
  svg.append(line);
  return element('div', {}, element('h3', { textContent: name }), element('p', { textContent: current }), svg);
}
