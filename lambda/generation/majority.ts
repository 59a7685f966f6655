import { extractAnswer, extractNumber } from './extract-answer.ts';

/** The result of a majority vote over the samples of a request. */
export interface Vote {
  /** Each answer with its number of votes, most votes first. An answer is its number if it has one, else its text. */
  readonly counts: readonly { readonly answer: string; readonly votes: number }[];
  /** Index of the first sample that gave the most common answer. Of a tie, the answer that came first. */
  readonly winner: number;
}

/** The key under which an answer is counted: its number, or its lower-case text with single spaces. Empty if there is no answer. */
function voteKey(text: string): string {
  const answer = extractAnswer(text);
  const number = extractNumber(answer);
  return number === undefined ? answer.toLowerCase().replaceAll(/\s+/g, ' ') : String(Number(number.toPrecision(9)));
}

/** Counts a majority vote over the texts of samples, in order of completion. Empty answers do not vote. */
export function majorityVote(samples: readonly { readonly index: number; readonly text: string }[]): Vote {
  const counts = new Map<string, { votes: number; first: number }>();
  for (const { index, text } of samples) {
    const key = voteKey(text);
    if (key === '') continue;
    const entry = counts.get(key);
    if (entry === undefined) counts.set(key, { votes: 1, first: index });
    else entry.votes++;
  }
  // Sorting is stable: of a tie, the first answer stays first.
  const ranked = [...counts].toSorted(([, a], [, b]) => b.votes - a.votes);
  return {
    counts: ranked.map(([answer, { votes }]) => ({ answer, votes })),
    winner: ranked[0]?.[1].first ?? samples[0]?.index ?? 0,
  };
}
