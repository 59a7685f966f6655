import { element } from './element.ts';
import type { VoteAccount, VoteState } from './read-run.ts';

const DECIDED: Readonly<Record<string, string>> = {
  all: 'all samples counted',
  lead: 'by its lead',
  agree: 'by agreement',
  certain: 'the others could not change it',
  deadline: 'by the deadline',
};

/** The votes of a run as bars, while they come in. */
export class VoteView {
  readonly section = element('div', { className: 'vote', hidden: true });
  readonly #title = element('h3', {}, 'Votes');
  readonly #list = element('ul');
  readonly #note = element('p', { className: 'hint' });

  constructor() {
    this.section.append(this.#title, this.#list, this.#note);
  }

  show({ finished, of, counts }: VoteState): void {
    this.section.hidden = false;
    this.#note.textContent = `${finished} of ${of} samples have voted`;
    this.#list.replaceChildren(
      ...counts.map(({ answer, votes }) => {
        const bar = element('span', { className: 'votes' });
        bar.style.width = `${(votes / of) * 100}%`;
        return element(
          'li',
          {},
          element('span', {}, answer === '' ? 'no answer' : answer),
          bar,
          element('b', {}, String(votes)),
        );
      }),
    );
  }

  decided({ decided_by: by, finished, requested, aborted }: VoteAccount): void {
    this.#note.textContent = `Decided after ${finished} of ${requested}: ${DECIDED[by] ?? by}${aborted > 0 ? `; ${aborted} stopped` : ''}`;
  }
}
