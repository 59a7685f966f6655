import { element } from './element.ts';

/** A passage as the page shows it. */
export interface ShownPassage {
  readonly filename: string;
  /** 0 to 1. */
  readonly score: number;
  /** What stands behind the score, such as the number of tokens. */
  readonly note?: string;
  /** Whether the answer cites it. */
  readonly cited?: boolean;
  /** Its text, which is asked for if the reader opens the passage. */
  readonly text: () => Promise<string>;
}

/** A numbered list of passages with their scores. A passage opens to its text. */
export function passageList(label: string, passages: readonly ShownPassage[]): HTMLElement {
  const list = element('ol', { className: 'passages' }, ...passages.map(row));
  list.setAttribute('aria-label', label);
  return list;
}

function row({ filename, score, note, cited = false, text }: ShownPassage, index: number): HTMLElement {
  const bar = element('span', { className: 'score-bar' });
  bar.style.setProperty('--score', `${score * 100}%`);
  bar.setAttribute('aria-hidden', 'true');
  const passage = element('p', { className: 'passage-text' }, 'Reading …');
  const details = element(
    'details',
    {},
    element(
      'summary',
      {},
      element('span', { className: 'number-of' }, `[${index + 1}]`),
      element('span', { className: 'filename' }, filename),
      ...(cited ? [element('span', { className: 'cited' }, 'cited')] : []),
      bar,
      element('span', { className: 'score' }, `score ${score.toFixed(2)}${note === undefined ? '' : ` · ${note}`}`),
    ),
    passage,
  );
  details.addEventListener(
    'toggle',
    async () => {
      passage.textContent = await text().catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      );
    },
    { once: true },
  );
  return element('li', {}, details);
}
