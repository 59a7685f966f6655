import { describe, expect, it } from 'vitest';
import { WordIndex } from '../../../local/retrieval/word-index.ts';

const anything = () => true;
const passage = (id: string, text: string) => ({ id, title: 'a.md', text });
const idsOf = (found: readonly { readonly id: string }[]) => found.map(({ id }) => id);

/** 21,000 passages with the words "coin" and "common", of which every 1,000th has the word "florn". */
function large(): WordIndex {
  const index = new WordIndex();
  for (let at = 0; at < 21_000; at++) {
    index.add(passage(`p${at}`, `coin common ${at % 1_000 === 7 ? 'florn' : `word${at}`}`));
  }
  return index;
}

describe('WordIndex', () => {
  it('looks up the two rarest words, and those in few passages, so that a large store is searched as fast as a small one', () => {
    const index = large();
    const found = index.search('coin common florn word5', 8, anything);
    // Without "coin" and "common", which all passages have.
    expect(found).toHaveLength(22);
    expect(idsOf(found).slice(0, 22)).toEqual(expect.arrayContaining(['p5', 'p7', 'p20007']));
    expect(found.every(({ score }) => score > 0 && score < 1)).toBe(true);
  });

  it('looks up all words if the rare ones find too few', () => {
    const index = large();
    const found = index.search('coin common word5 word6', 8, anything);
    expect(found.length).toBe(21_000);
    expect(idsOf(found).slice(0, 2).toSorted()).toEqual(['p5', 'p6']);
    const even = index.search('coin common florn word6', 8, (id) => Number(id.slice(1)) % 2 === 0);
    expect(even.length).toBe(10_500);
    expect(even[0]?.id).toBe('p6');
  });

  it('a common word is found alone', () => {
    expect(large().search('common', 8, anything)).toHaveLength(21_000);
  });

  it('a word of a title counts more than one of a text; a score depends on the words of the question', () => {
    const index = new WordIndex();
    index.add({ id: 'title', title: 'florn', text: 'other words here' });
    index.add({ id: 'text', title: 'other', text: 'florn words here' });
    const [best, next] = index.search('florn', 8, anything);
    expect([best?.id, next?.id]).toEqual(['title', 'text']);
    const [longer] = index.search('florn unknown nowhere', 8, anything);
    expect(longer?.score).toBeLessThan(best?.score ?? 0);
  });

  it('forgets what is removed, and scores the rest as if it had never been there', () => {
    const index = new WordIndex();
    index.add(passage('one', 'florn coin'));
    const before = index.search('florn coin', 8, anything);
    for (let at = 0; at < 30; at++) index.add(passage(`more${at}`, 'florn florn coin'));
    for (let at = 0; at < 30; at++) index.remove(passage(`more${at}`, 'florn florn coin'));
    expect(index.search('florn coin', 8, anything)).toEqual(before);
    index.remove(passage('one', 'florn coin'));
    expect(index.search('florn coin', 8, anything)).toEqual([]);
  });
});
