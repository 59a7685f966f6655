import { element } from './element.ts';
import type { Report } from './read-run.ts';
import { svg } from './svg.ts';

const CURVE_HEIGHT = 48;

/** The thought as a bar: the part of the budget that it used, the positions of forced tokens, and the probability of each token. */
export class Timeline {
  readonly figure: HTMLElement;
  readonly #curve = element('div', { className: 'curve', hidden: true });
  readonly #bar = element('div', { className: 'bar' });
  readonly #caption = element('figcaption');
  readonly #probabilities: (number | null)[] = [];
  #report: Report | undefined;
  #drawn = false;

  constructor() {
    this.figure = element('figure', { className: 'timeline', hidden: true }, this.#curve, this.#bar, this.#caption);
  }

  /** Thinking tokens that the bar must have room for. */
  get tokens(): number {
    const report = this.#report;
    if (report === undefined) return this.#probabilities.length;
    const { max_tokens: max, min_tokens: min } = report.limits;
    const used = report.thinking_tokens;
    // A bar up to a distant maximum would show the thought as a dot.
    return max <= used * 4 ? Math.max(max, used) : Math.max(min, used * 1.5);
  }

  /** Adds the probabilities of the next tokens. The curve is drawn at most once a frame. */
  add(tokens: readonly (number | null)[]): void {
    this.#probabilities.push(...tokens);
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      if (this.#report === undefined) this.#drawCurve(this.#probabilities.length * 1.2);
    });
  }

  show(report: Report): void {
    this.#report = report;
    this.figure.hidden = report.thinking_tokens === 0 && report.limits.max_tokens === 0;
  }

  /** Draws the bar. `scale` is the number of tokens in its full width, the same for runs side by side. */
  draw(scale: number): void {
    const report = this.#report;
    if (report === undefined || scale === 0) return;
    const at = (tokens: number) => `${Math.min(100, (tokens / scale) * 100)}%`;
    const { max_tokens: max, min_tokens: min } = report.limits;
    const used = element('span', { className: 'used' });
    used.style.width = at(report.thinking_tokens);
    const marks = report.events.map((event) => {
      const mark = element('span', {
        className: `event ${event.kind}`,
        title: `${phraseOf(event)} at token ${event.at}`,
      });
      mark.style.left = at(event.at);
      return mark;
    });
    const limits = [...(min > 0 ? [['min', min] as const] : []), ...(max <= scale ? [['max', max] as const] : [])].map(
      ([name, tokens]) => {
        const limit = element('span', { className: 'limit', title: `${name} ${tokens}` });
        limit.style.left = at(tokens);
        return limit;
      },
    );
    this.#bar.replaceChildren(used, ...limits, ...marks);
    this.#caption.textContent = captionOf(report);
    this.#drawCurve(scale);
  }

  /** The probability of each token, 0 to 1, over the bar. Forced tokens have none. */
  #drawCurve(scale: number): void {
    const values = this.#probabilities;
    if (values.length === 0) return;
    const y = (value: number) => (CURVE_HEIGHT - 3 - value * (CURVE_HEIGHT - 6)).toFixed(1);
    let path = '';
    let lowest: { readonly value: number; readonly at: number } | undefined;
    for (const [index, value] of values.entries()) {
      if (value === null) continue;
      path += `${values[index - 1] == null ? 'M' : 'L'}${index + 0.5} ${y(value)}`;
      if (lowest === undefined || value < lowest.value) lowest = { value, at: index + 1 };
    }
    const label =
      lowest === undefined
        ? 'All tokens were forced'
        : `Probability of each token; the lowest is ${lowest.value.toFixed(2)}, at token ${lowest.at}`;
    const chart = svg('svg', {
      viewBox: `0 0 ${scale} ${CURVE_HEIGHT}`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': label,
    });
    chart.append(svg('path', { d: path, 'vector-effect': 'non-scaling-stroke' }));
    this.#curve.replaceChildren(chart, element('p', {}, label));
    this.#curve.hidden = false;
    this.figure.hidden = false;
  }
}

function captionOf({ thinking_tokens: used, limits, events }: Report): string {
  const range = limits.min_tokens > 0 ? `${limits.min_tokens} to ${limits.max_tokens}` : `at most ${limits.max_tokens}`;
  const told = events.map((event) => `${phraseOf(event)} at ${event.at}`);
  return [`${used} tokens of ${range}`, ...told.slice(0, 4), ...(told.length > 4 ? ['…'] : [])].join(' · ');
}

function phraseOf({ kind, value }: Report['events'][number]): string {
  const phrase = words[kind] ?? kind;
  return value === undefined ? phrase : `${phrase} (${value.toFixed(2)})`;
}

const words: Readonly<Record<string, string>> = {
  wait: 'Wait',
  wait_skipped: 'Wait skipped, sure',
  probe: 'probe',
  suppress: 'end masked',
  retrieval: 'unsure, passages',
  cut: 'cut',
  resume: 'resumed',
};
