import { describe, expect, it } from 'vitest';
import { maxProbeTokens, nextProbeAt, PROBE_TOKENS, ProbeRule } from '../../../lambda/forcing/probe-rule.ts';
import { RunningProbe } from '../../../lambda/forcing/running-probe.ts';
import { decideVote, type VoteUntil, votesNeeded } from '../../../lambda/forcing/vote-rule.ts';
import { bytes, IM_END, newDecoder } from './tiny-vocabulary.ts';

/** Answers with these weights, in the order of their first votes. One vote has the weight 1 at most. */
const ranked = (...weights: readonly number[]) =>
  weights
    .map((weight, order) => ({ votes: Math.ceil(weight), weight, order }))
    .toSorted((a, b) => b.weight - a.weight || a.order - b.order);

describe('a vote', () => {
  it.each<[string, readonly number[], number, VoteUntil | undefined, string | undefined]>([
    ['is over with the last sample', [1, 5], 0, { lead: 9 }, 'all'],
    ['is over with the last sample, without a condition', [], 0, undefined, 'all'],
    ['goes on without a condition, even if it is certain', [9], 1, undefined, undefined],
    ['goes on without a vote', [], 3, { lead: 1 }, undefined],
    ['ends at exactly its lead', [3, 1], 4, { lead: 2 }, 'lead'],
    ['goes on below its lead', [3, 1.1], 4, { lead: 2 }, undefined],
    ['has a lead over nothing with one answer', [2], 4, { lead: 2 }, 'lead'],
    ['ends at exactly so many equal answers', [3, 2], 4, { agree: 3 }, 'agree'],
    ['goes on below so many', [2, 2], 4, { agree: 3 }, undefined],
    ['counts answers and not their weights', [2.5], 4, { agree: 3 }, 'agree'],
    ['is certain if no other answer can pass', [4, 1], 2, { lead: 9 }, 'certain'],
    ['is certain if another answer can only draw level that came later', [3, 1], 2, { lead: 9 }, 'certain'],
    ['is not certain if another answer can draw level that came first', [1, 3], 2, { lead: 9 }, undefined],
    ['is not certain if another answer can pass by a fraction', [3, 1.5], 2, { lead: 9 }, undefined],
    ['is certain if an unseen answer can only draw level', [2], 2, { lead: 9 }, 'certain'],
    ['is not certain if an unseen answer can pass', [2], 3, { lead: 9 }, undefined],
  ])('%s', (_, weights, remaining, until, decision) => {
    expect(decideVote(ranked(...weights), remaining, until)).toBe(decision);
  });

  it.each<[string, readonly number[], number, VoteUntil | undefined, number]>([
    ['without a condition: all', [5], 3, undefined, 3],
    ['if it is over: none', [3, 1], 4, { lead: 2 }, 0],
    ['by a lead: one more', [2, 1], 9, { lead: 2 }, 1],
    ['by a lead: two more', [2, 2], 9, { lead: 2 }, 2],
    ['by agreement, of the second answer as well', [2, 2], 9, { agree: 4 }, 2],
    ['by agreement, with no vote yet', [], 9, { agree: 3 }, 3],
    ['by certainty', [2, 1], 3, { lead: 9 }, 1],
    ['never more than there are', [1], 2, { agree: 9 }, 1],
    ['all that are left', [1, 1], 1, { lead: 9 }, 1],
  ])('needs so many further votes %s', (_, weights, remaining, until, votes) => {
    expect(votesNeeded(ranked(...weights), remaining, until)).toBe(votes);
  });
});

describe('the places of probes', () => {
  it.each([
    [0, 32],
    [32, 64],
    [128, 160],
    [132, 165],
    [133, 167],
    [1_000, 1_250],
  ])('after one at %d tokens is %d: a quarter further, at least 32', (previous, next) => {
    expect(nextProbeAt(previous)).toBe(next);
  });

  it.each([
    [0, 32, 0],
    [0, 33, 1],
    [0, 64, 1],
    [0, 65, 2],
    [100, 101, 1],
    [100, 132, 1],
    [100, 133, 2],
    [100, 100, 0],
  ])('between %d and %d tokens has room for %d probes', (min, max, probes) => {
    expect(maxProbeTokens(min, max)).toBe(probes * PROBE_TOKENS);
  });
});

describe('the rule of probes', () => {
  const answer = (text: string, confidence?: number, complete = true) => ({ text, complete, confidence });
  const take = (...answers: readonly ReturnType<typeof answer>[]) => {
    const rule = new ProbeRule({ above: 0.9, agree: 3, hint: [] });
    return answers.map((one) => rule.take(one));
  };

  it('ends the thinking at so many equal answers in a row', () => {
    expect(take(answer('4'), answer('4'), answer('4'))).toEqual([false, false, true]);
    expect(take(answer('4'), answer('4'), answer('5'), answer('4'), answer('4'))).not.toContain(true);
  });

  it('ends the thinking at a confidence of exactly its bound', () => {
    expect(take(answer('4', 0.9))).toEqual([true]);
    expect(take(answer('4', 0.899))).toEqual([false]);
  });

  it('begins anew after an answer that is empty or not complete', () => {
    expect(take(answer('4'), answer('4'), answer(''), answer('4'))).toEqual([false, false, false, false]);
    expect(take(answer('4'), answer('4'), answer('4', 1, false), answer('4'))).not.toContain(true);
    expect(take(answer('', 1), answer('', 1), answer('', 1))).not.toContain(true);
  });
});

describe('a probe while it is sampled', () => {
  const logprobs = (...values: readonly number[]) => values.map((logprob) => ({ token: '', logprob, top: [] }));
  const newProbe = () => new RunningProbe([IM_END], newDecoder);
  const fromServer = () => new RunningProbe([IM_END], undefined);

  it('has the first line, without the spaces around it', () => {
    const probe = newProbe();
    expect(probe.push({ tokenIds: bytes('\n  12 \nmore'), text: '' })).toBe(7);
    expect(probe.over).toBe(true);
    expect(probe.tokens).toBe(7);
    expect(probe.end(false)).toEqual({ text: '12', complete: true, confidence: undefined });
  });

  it('ends at an end token, which is none of its tokens', () => {
    const probe = newProbe();
    expect(probe.push({ tokenIds: [...bytes('4'), IM_END, ...bytes('x')], text: '' })).toBe(1);
    expect(probe.over).toBe(true);
    expect(probe.end(false)).toMatchObject({ text: '4', complete: true });
    expect(probe.push({ tokenIds: bytes('y'), text: '' })).toBe(0);
  });

  it('is not complete after 24 tokens, unless the model ended it', () => {
    const probe = newProbe();
    expect(probe.push({ tokenIds: bytes('1'.repeat(PROBE_TOKENS - 1)), text: '' })).toBe(PROBE_TOKENS - 1);
    expect(probe.over).toBe(false);
    expect(probe.push({ tokenIds: bytes('23'), text: '' })).toBe(1);
    expect(probe.over).toBe(true);
    expect(probe.end(false).complete).toBe(false);
    expect(newProbe().end(true)).toEqual({ text: '', complete: true, confidence: undefined });
  });

  it('has the text of the server if there is no decoder', () => {
    const probe = fromServer();
    expect(probe.push({ tokenIds: [1, 2], text: ' 4' })).toBe(2);
    expect(probe.over).toBe(false);
    probe.push({ tokenIds: [3], text: '2\n' });
    expect(probe.over).toBe(true);
    expect(probe.end(false)).toMatchObject({ text: '42', complete: true });
  });

  it('has half a character of its decoder at the end', () => {
    const probe = new RunningProbe([IM_END], () => ({ push: () => 'a', end: () => 'b' }));
    probe.push({ tokenIds: [1], text: 'ignored' });
    expect(probe.end(true).text).toBe('ab');
  });

  it('is as sure as the mean log-probability of its tokens, and not at all if one has none', () => {
    const sure = newProbe();
    sure.push({ tokenIds: bytes('ab'), text: '', logprobs: logprobs(Math.log(0.5), Math.log(0.125)) });
    expect(sure.end(true).confidence).toBeCloseTo(0.25, 12);
    const above = newProbe();
    above.push({ tokenIds: bytes('a'), text: '', logprobs: logprobs(0.1) });
    expect(above.end(true).confidence).toBe(1);
    for (const values of [logprobs(-1), logprobs(-1, Number.NaN)]) {
      const partly = newProbe();
      partly.push({ tokenIds: bytes('ab'), text: '', logprobs: values });
      expect(partly.end(true).confidence).toBeUndefined();
    }
  });
});
