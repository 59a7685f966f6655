import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideVote, type VoteUntil, votesNeeded } from '../../../lambda/forcing/vote-rule.ts';
import { type Ballot, majorityVote } from '../../../lambda/generation/majority.ts';
import { runs } from '../../property-runs.ts';

const until: fc.Arbitrary<VoteUntil> = fc.oneof(
  fc.record({ lead: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ agree: fc.integer({ min: 1, max: 8 }) }),
);
const weight = fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }));
/** Votes in the order in which their samples finish. An empty text does not vote. */
const ballots = fc
  .array(fc.record({ text: fc.constantFrom('1', '2', '3', 'the answer is 2', ''), weight }), {
    minLength: 1,
    maxLength: 16,
  })
  .map((all) => all.map((ballot, index): Ballot => ({ ...ballot, index })));

/** Counts the votes one by one until they decide. */
function stopped(all: readonly Ballot[], condition: VoteUntil | undefined) {
  for (let seen = 1; seen <= all.length; seen++) {
    const vote = majorityVote(all.slice(0, seen));
    const decision = decideVote(vote.counts, all.length - seen, condition);
    if (decision !== undefined) return { seen, decision, vote };
  }
  throw new Error('All votes decide.');
}

describe('A vote that stops', () => {
  it('is never certain of another winner than the full vote, ties included', () => {
    let certain = 0;
    fc.assert(
      fc.property(ballots, until, (all, condition) => {
        const { decision, vote } = stopped(all, condition);
        if (decision !== 'certain' && decision !== 'all') return;
        if (decision === 'certain') certain++;
        expect(vote.winner).toBe(majorityVote(all).winner);
      }),
      { numRuns: runs(2_000), seed: 20261126 },
    );
    expect(certain).toBeGreaterThan(runs(2_000) / 20);
  });

  it('by a lead or by agreement has it, and had it with no vote before', () => {
    fc.assert(
      fc.property(ballots, until, (all, condition) => {
        const { seen, decision, vote } = stopped(all, condition);
        const [leader, second] = vote.counts;
        if (decision === 'lead' && 'lead' in condition) {
          expect((leader?.weight ?? 0) - (second?.weight ?? 0)).toBeGreaterThanOrEqual(condition.lead);
        }
        if (decision === 'agree' && 'agree' in condition) expect(leader?.votes).toBeGreaterThanOrEqual(condition.agree);
        for (let before = 1; before < seen; before++) {
          expect(decideVote(majorityVote(all.slice(0, before)).counts, all.length - before, condition)).toBeUndefined();
        }
      }),
      { numRuns: runs(1_000), seed: 20261126 },
    );
  });

  it('is never decided by fewer further votes than it starts samples for', () => {
    fc.assert(
      fc.property(ballots, until, fc.nat(), (all, condition, at) => {
        const seen = at % all.length;
        const vote = majorityVote(all.slice(0, seen));
        const needed = votesNeeded(vote.counts, all.length - seen, condition);
        expect(needed).toBeLessThanOrEqual(all.length - seen);
        if (decideVote(vote.counts, all.length - seen, condition) !== undefined) {
          expect(needed).toBe(0);
          return;
        }
        for (let more = 1; more < needed; more++) {
          const after = majorityVote(all.slice(0, seen + more));
          expect(decideVote(after.counts, all.length - seen - more, condition)).toBeUndefined();
        }
        expect(needed).toBeGreaterThan(0);
      }),
      { numRuns: runs(2_000), seed: 20261126 },
    );
  });

  it('of a tie, the answer that finished first wins', () => {
    const tied = majorityVote([
      { index: 4, text: '2' },
      { index: 0, text: '1' },
      { index: 1, text: '1' },
      { index: 2, text: '2' },
    ]);
    expect(tied.winner).toBe(4);
    expect(decideVote(tied.counts, 0, { lead: 2 })).toBe('all');
    expect(decideVote(majorityVote([{ index: 1, text: '1' }]).counts, 1, { lead: 2 })).toBe('certain');
  });

  it.each<[VoteUntil, number, number]>([
    [{ lead: 2 }, 8, 2],
    [{ agree: 3 }, 8, 3],
    [{ lead: 8 }, 8, 4],
    [{ agree: 3 }, 3, 2],
  ])('%j of %d samples begins with %d', (condition, samples, first) => {
    expect(votesNeeded([], samples, condition)).toBe(first);
  });
});
