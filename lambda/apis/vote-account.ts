import type { ForcingReport } from '../forcing/report.ts';
import type { RunningGeneration } from '../generation/request.ts';
import type { RunningVote, VoteState } from '../generation/running-vote.ts';
import type { VoteAccount } from './budget-report.ts';

/**
 * The account of a vote that is over.
 *
 * @param finished reports of the samples that finished, the winner's among them
 */
export function toVoteAccount(
  { samples, accounts, vote }: Pick<RunningGeneration, 'samples' | 'accounts'> & { readonly vote: RunningVote },
  finished: readonly ForcingReport[],
  winner: ForcingReport,
): VoteAccount {
  const { state } = vote;
  const sum = (reports: readonly ForcingReport[], select: (report: ForcingReport) => number) =>
    reports.reduce((total, report) => total + select(report), 0);
  const all = accounts.map(({ report }) => report);
  const probeTokens = sum(all, (report) => report.probeTokens);
  return {
    requested: samples,
    started: state.started,
    finished: state.finished,
    aborted: state.aborted,
    other_tokens: sum(finished, (report) => report.completionTokens) - winner.completionTokens,
    aborted_tokens: sum(all, (report) => report.abortedTokens),
    ...(probeTokens === 0 ? {} : { probe_tokens: probeTokens }),
    decided_by: state.decidedBy ?? 'all',
    counts: toVoteCounts(state, vote),
  };
}

/** The votes of each answer, with weights if they count. */
export function toVoteCounts({ counts }: VoteState, { weighted }: RunningVote): VoteAccount['counts'] {
  return counts.map(({ answer, votes, weight }) => ({ answer, votes, ...(weighted ? { weight } : {}) }));
}
