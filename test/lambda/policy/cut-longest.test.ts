import { describe, expect, it } from 'vitest';
import { heldBy, type Lease } from '../../../lambda/policy/committed-tokens.ts';
import { cutLongest } from '../../../lambda/policy/cut-longest.ts';
import { defaultElastic } from '../../../lambda/policy/elastic-grant.ts';
import { unknownUse } from '../../../lambda/policy/expected-use.ts';
import { accountOfLeases } from '../../../lambda/policy/load-account.ts';

const capacity = {
  cacheTokens: 2_000,
  maxRequests: 100,
  tokensPerSecond: 100,
  promptTokensPerSecond: 1_000,
  requestTokens: 0,
};

function firstCut(thoughts: readonly { readonly used: number; readonly confidence?: number }[]): number | undefined {
  const leases = thoughts.map(({ used, confidence }, index): Lease & { readonly [key: string]: unknown } => ({
    key: 'one',
    index,
    promptTokens: 10,
    limitTokens: 2_100,
    minTokens: 0,
    usedTokens: used,
    until: 100,
    reservedTokens: 2_000,
    usedThinking: used,
    floorThinking: 0,
    wantedThinking: 2_000,
    answerTokens: 100,
    confidence,
  }));
  const cuts: number[] = [];
  cutLongest(
    leases.map((lease, index) => ({
      ...heldBy(lease, unknownUse()),
      index,
      usedThinking: lease.usedTokens,
      floorThinking: 0,
      wantedThinking: 2_000,
      answerTokens: 100,
      confidence: thoughts[index]?.confidence,
    })),
    accountOfLeases(leases, { now: 0, use: unknownUse() }),
    { copies: 1, startingCopies: 0, use: unknownUse(), capacity, settings: defaultElastic },
    ({ index }) => cuts.push(index),
  );
  return cuts[0];
}

describe('thoughts that are cut under load', () => {
  it('of two equally long thoughts the surer one is cut first', () => {
    expect(
      firstCut([
        { used: 1_500, confidence: 0.1 },
        { used: 1_500, confidence: 0.9 },
      ]),
    ).toBe(1);
    expect(
      firstCut([
        { used: 1_500, confidence: 0.9 },
        { used: 1_500, confidence: 0.1 },
      ]),
    ).toBe(0);
  });

  it('an unknown confidence lies between sure and unsure', () => {
    expect(firstCut([{ used: 1_500 }, { used: 1_500, confidence: 0.9 }])).toBe(1);
    expect(firstCut([{ used: 1_500, confidence: 0.2 }, { used: 1_500 }])).toBe(1);
  });

  it('without any confidence the longest thought is cut first', () => {
    expect(firstCut([{ used: 1_000 }, { used: 1_600 }])).toBe(1);
  });
});
