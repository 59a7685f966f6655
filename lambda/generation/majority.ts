import type { Candidate } from '../forcing/vote-rule.ts';
import { extractAnswer, extractNumber } from './extract-answer.ts';

/** The result of a majority vote over the samples of a request. */
export interface Vote {
  /** Each answer with its votes, most weight first. */
  readonly counts: readonly VoteCount[];
  /** Index of the first sample that gave the winning answer. Of a tie, the answer that came first. */
  readonly winner: number;
}

export interface VoteCount extends Candidate {
  /** The number of the answer if it has one, else its text. */
  readonly answer: string;
}

/** The answer of a finished sample. */
export interface Ballot {
  /** Index of the sample. */
  readonly index: number;
  readonly text: string;
  /** 0 to 1. @default 1 */
  readonly weight?: number;
}

/** The key under which an answer is counted: its number, or its lower-case text with single spaces. Empty if there is no answer. */
export function voteKey(text: string): string {
  const answer = extractAnswer(text);
  const number = extractNumber(answer);
  return number === undefined ? answer.toLowerCase().replaceAll(/\s+/g, ' ') : String(Number(number.toPrecision(9)));
}

/** Counts a majority vote over the texts of samples, in order of completion. Empty answers do not vote. */
export function majorityVote(ballots: readonly Ballot[]): Vote {
  const counts = new Map<string, { votes: number; weight: number; first: number; order: number }>();
  for (const { index, text, weight = 1 } of ballots) {
    const key = voteKey(text);
    if (key === '') continue;
    const entry = counts.get(key);
    if (entry === undefined) {
      counts.set(key, { votes: 1, weight, first: index, order: counts.size });
    } else {
      entry.votes++;
      entry.weight += weight;
    }
  }
  // Sorting is stable: of a tie, the first answer stays first.
  const ranked = [...counts].toSorted(([, a], [, b]) => b.weight - a.weight);
  return {
    counts: ranked.map(([answer, { first: _first, ...count }]) => ({ answer, ...count })),
    winner: ranked[0]?.[1].first ?? ballots[0]?.index ?? 0,
  };
}
