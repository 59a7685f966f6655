import { element } from './element.ts';
import type { Report } from './read-run.ts';

/** The thought as a bar: the part of the budget that it used, and the positions of forced tokens. */
export class Timeline {
  readonly figure: HTMLElement;
  readonly #bar = element('div', { className: 'bar' });
  readonly #caption = element('figcaption');
  #report: Report | undefined;

  constructor() {
    this.figure = element('figure', { className: 'timeline', hidden: true }, this.#bar, this.#caption);
  }

  /** Thinking tokens that the bar must have room for. */
  get tokens(): number {
    const report = this.#report;
    if (report === undefined) return 0;
    const { max_tokens: max, min_tokens: min } = report.limits;
    const used = report.thinking_tokens;
    // A bar up to a distant maximum would show the thought as a dot.
    return max <= used * 4 ? Math.max(max, used) : Math.max(min, used * 1.5);
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
      const mark = element('span', { className: `event ${event.kind}`, title: `${event.kind} at token ${event.at}` });
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
  }
}

function captionOf({ thinking_tokens: used, limits, events }: Report): string {
  const range = limits.min_tokens > 0 ? `${limits.min_tokens} to ${limits.max_tokens}` : `at most ${limits.max_tokens}`;
  const forced = events.map((event) => `${words[event.kind] ?? event.kind} at ${event.at}`);
  return [`${used} tokens of ${range}`, ...forced.slice(0, 4), ...(forced.length > 4 ? ['…'] : [])].join(' · ');
}

const words: Readonly<Record<string, string>> = {
  wait: 'Wait',
  suppress: 'end masked',
  cut: 'cut',
  resume: 'resumed',
};
