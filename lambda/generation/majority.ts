import { extractAnswer, extractNumber } from './extract-answer.ts';

/** How the samples of a request voted. */
export interface Vote {
  /** Answers with how many samples gave each, most first. An answer is a number where one was found, else its text. */
  readonly counts: readonly { readonly answer: string; readonly votes: number }[];
  /** The index of the first sample that gave the most common answer; of equals the one that came first. */
  readonly winner: number;
}

/** What a vote counts an answer as: its number, or its text without case and spaces. Empty where there is none. */
function voteKey(text: string): string {
  const answer = extractAnswer(text);
  const number = extractNumber(answer);
  return number === undefined ? answer.toLowerCase().replaceAll(/\s+/g, ' ') : String(Number(number.toPrecision(9)));
}

/** A majority vote over texts in the order in which they came. Empty answers do not vote. */
export function majorityVote(samples: readonly { readonly index: number; readonly text: string }[]): Vote {
  const counts = new Map<string, { votes: number; first: number }>();
  for (const { index, text } of samples) {
    const key = voteKey(text);
    if (key === '') continue;
    const entry = counts.get(key);
    if (entry === undefined) counts.set(key, { votes: 1, first: index });
    else entry.votes++;
  }
  // Sorting is stable: of equals the first stays first.
  const ranked = [...counts].toSorted(([, a], [, b]) => b.votes - a.votes);
  return {
    counts: ranked.map(([answer, { votes }]) => ({ answer, votes })),
    winner: ranked[0]?.[1].first ?? samples[0]?.index ?? 0,
  };
}
