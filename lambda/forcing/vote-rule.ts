/** When a vote ends although samples are left: at this lead of the first answer over the second, or at so many equal answers. */
export type VoteUntil = { readonly lead: number } | { readonly agree: number };

/** An answer of a vote. */
export interface Candidate {
  /** Number of samples that gave it. */
  readonly votes: number;
  /** Sum of their weights. Without weights, equal to `votes`. */
  readonly weight: number;
  /** Position of its first vote among the first votes of all answers. Of a tie, the lowest wins. */
  readonly order: number;
}

/**
 * What decided a vote. `all`: every sample has voted. `lead` and `agree`: the condition of the request. `certain`: no votes of the
 * other samples could change the winner.
 */
export type VoteDecision = 'all' | 'lead' | 'agree' | 'certain';

/**
 * Decides whether a vote is over. A weight is at most 1, so each sample that has not voted can add at most 1 to any answer.
 *
 * @param ranked answers by weight, the highest first; of equal weights, the lowest `order` first
 * @param remaining number of samples that have not voted, 0 or more
 * @param until if omitted, only all votes decide
 * @returns `undefined` if the vote goes on
 */
export function decideVote(
  ranked: readonly Candidate[],
  remaining: number,
  until: VoteUntil | undefined,
): VoteDecision | undefined {
  if (remaining <= 0) return 'all';
  const [leader, second] = ranked;
  if (until === undefined || leader === undefined) return undefined;
  if ('lead' in until && leader.weight - (second?.weight ?? 0) >= until.lead) return 'lead';
  if ('agree' in until && leader.votes >= until.agree) return 'agree';
  return isCertain(leader, ranked.slice(1), remaining) ? 'certain' : undefined;
}

/**
 * Number of further votes that decide the vote at the earliest: if all of them are for one answer, with the weight 1.
 *
 * @returns 1 to `remaining`; 0 if the vote is over
 */
export function votesNeeded(ranked: readonly Candidate[], remaining: number, until: VoteUntil | undefined): number {
  if (until === undefined) return remaining;
  if (decideVote(ranked, remaining, until) !== undefined) return 0;
  const unseen = { votes: 0, weight: 0, order: ranked.length };
  for (let votes = 1; votes < remaining; votes++) {
    const decides = [...ranked, unseen].some((candidate) => {
      const others = ranked.filter(({ order }) => order !== candidate.order);
      const ahead = { ...candidate, votes: candidate.votes + votes, weight: candidate.weight + votes };
      const after = [ahead, ...others].toSorted((a, b) => b.weight - a.weight || a.order - b.order);
      return decideVote(after, remaining - votes, until) !== undefined;
    });
    if (decides) return votes;
  }
  return remaining;
}

/** Whether no other answer, seen or not, can overtake the leader. Of a tie, the answer that came first wins. */
function isCertain(leader: Candidate, others: readonly Candidate[], remaining: number): boolean {
  // Added one by one, as the votes would be, so that rounding cannot differ.
  const reach = (weight: number) => Array.from({ length: remaining }).reduce<number>((sum) => sum + 1, weight);
  const unseen = reach(0) <= leader.weight;
  return (
    unseen &&
    others.every(({ weight, order }) => {
      const most = reach(weight);
      return most < leader.weight || (most === leader.weight && leader.order < order);
    })
  );
}
