import { describe, expect, it } from 'vitest';
import type { ForcingReport } from '../../../lambda/forcing/report.ts';
import { extractAnswer, extractNumber } from '../../../lambda/generation/extract-answer.ts';
import { majorityVote, voteKey } from '../../../lambda/generation/majority.ts';
import { mergeGenerators } from '../../../lambda/generation/merge-generators.ts';
import { toSetBy } from '../../../lambda/generation/set-by.ts';
import { forcedLogprobs, keptLogprobs } from '../../../lambda/generation/thinking-logprobs.ts';
import { neededMs } from '../../../lambda/generation/timing.ts';
import { TokenCounts } from '../../../lambda/generation/token-counts.ts';
import { cachedTokensOf, type SampleAccount, toChatUsage, toUsageSoFar } from '../../../lambda/generation/usage.ts';
import { bytes, newDecoder } from '../forcing/tiny-vocabulary.ts';

describe('the final answer of a text', () => {
  it.each([
    ['So \\boxed{4}.', '4'],
    ['\\boxed{1}, no: \\boxed{ 2 }', '2'],
    ['\\boxed{\\frac{1}{2}} and more', '\\frac{1}{2}'],
    // A box that never closes is none.
    ['The answer is 7 \\boxed{', '7 \\boxed{'],
    ['Final Answer: 4\nmore', '4'],
    ['final answer:\n\n 4 \nmore', '4'],
    ['The answer is: 4', '4'],
    ['Answer = 4', '4'],
    ['The answer is 3. No, the answer is 4.', '4'],
    ['**Final Answer:** 4', '4'],
    ['**42**', '42'],
    ['42. ', '42'],
    ['***', ''],
    ['first\nsecond', 'first'],
    ['\n\n  four  \n', 'four'],
    ['', ''],
  ])('%j is %j', (text, answer) => {
    expect(extractAnswer(text)).toBe(answer);
  });

  it.each([
    ['1 + 2 = 3', 3],
    ['12 apples', 12],
    ['-5', -5],
    ['\u22125', -5],
    ['a-5', 5],
    ['x5', undefined],
    ['v1.2.3', undefined],
    ['3.25', 3.25],
    ['.5', 0.5],
    ['1,234', 1_234],
    ['1,234,567.5', 1_234_567.5],
    ['1,23', 23],
    ['1 234 567', 567],
    ['1\u00a0234', 1_234],
    ['1\u202f234', 1_234],
    ["1'234", 1_234],
    ['1’234', 1_234],
    ['3/4', 0.75],
    ['3 / 4', 0.75],
    ['3/0', undefined],
    ['\\frac{3}{4}', 0.75],
    ['\\dfrac{-3}{4}', -0.75],
    ['\\tfrac{3}{4}', 0.75],
    ['2e3', 2_000],
    ['2E-3', 0.002],
    ['2e+10', 2e10],
    ['45%', 45],
    ['$18', 18],
    ['\\$18\\,000', 0],
    ['5 \\text{cm}', 5],
    ['5 \\text{m}^2 \\mathrm{7} 6', 6],
    ['\\text{9}', undefined],
    ['5\\text{9', 9],
    ['\\text{\\mathrm{8}} 4', 4],
    ['none', undefined],
    ['', undefined],
  ])('the number of %j is %s', (text, number) => {
    expect(extractNumber(text)).toBe(number);
  });

  it.each([
    ['The answer is 4.0', '4'],
    ['0.1 + 0.2 = 0.30000000000000004', '0.3'],
    ['Final Answer:  Blue   Whale', 'blue whale'],
    ['', ''],
  ])('%j votes for %j', (text, key) => {
    expect(voteKey(text)).toBe(key);
  });
});

describe('a majority vote', () => {
  it('counts answers by weight, and of a tie the first one wins', () => {
    const vote = majorityVote([
      { index: 3, text: '5' },
      { index: 0, text: '4' },
      { index: 2, text: '' },
      { index: 1, text: 'The answer is 4.0' },
      { index: 4, text: '5' },
    ]);
    expect(vote).toEqual({
      counts: [
        { answer: '5', votes: 2, weight: 2, order: 0 },
        { answer: '4', votes: 2, weight: 2, order: 1 },
      ],
      winner: 3,
    });
    const weighted = majorityVote([
      { index: 0, text: '5', weight: 0.2 },
      { index: 1, text: '4', weight: 0.9 },
      { index: 2, text: '5', weight: 0.3 },
    ]);
    expect(weighted.winner).toBe(1);
    expect(weighted.counts[1]).toEqual({ answer: '5', votes: 2, weight: 0.5, order: 0 });
  });

  it('without an answer is won by the first sample', () => {
    expect(majorityVote([{ index: 2, text: '' }])).toEqual({ counts: [], winner: 2 });
    expect(majorityVote([])).toEqual({ counts: [], winner: 0 });
  });
});

describe('the usage of a request', () => {
  const report = (changes: Partial<ForcingReport>): SampleAccount => {
    const counts = { promptTokens: 10, retrievedTokens: 0, completionTokens: 0, thinkingTokens: 0 };
    return { report: { ...counts, ...changes } as ForcingReport, segments: [] };
  };
  const segment = (promptTokens: number, promptTokensEvaluated?: number) => [
    { promptTokens, promptTokensEvaluated } as SampleAccount['segments'][number],
  ];

  it('counts the prompt once, and the completion of all samples', () => {
    const samples = [
      { ...report({ completionTokens: 7, thinkingTokens: 5 }), segments: segment(10, 4) },
      report({ completionTokens: 3, thinkingTokens: 1, retrievedTokens: 20 }),
    ];
    expect(toChatUsage(samples)).toEqual({
      prompt_tokens: 30,
      completion_tokens: 10,
      total_tokens: 40,
      prompt_tokens_details: { cached_tokens: 6 },
      completion_tokens_details: { reasoning_tokens: 6 },
    });
    expect(toChatUsage([])).toMatchObject({ prompt_tokens: 0, total_tokens: 0 });
  });

  it('has as many cached tokens as the first call, within the prompt', () => {
    expect(cachedTokensOf([])).toBeUndefined();
    expect(cachedTokensOf([{ ...report({}), segments: segment(10) }])).toBeUndefined();
    expect(cachedTokensOf([{ ...report({}), segments: segment(10, 12) }])).toBe(0);
    const many = toChatUsage([{ ...report({}), segments: segment(100, 0) }]);
    expect(many.prompt_tokens_details.cached_tokens).toBe(10);
  });

  it('so far counts thinking and answer', () => {
    expect(toUsageSoFar(10, { thinking: 5, answer: 2 })).toEqual({
      prompt_tokens: 10,
      completion_tokens: 7,
      total_tokens: 17,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 5 },
    });
  });

  it('so far is the latest of each sample', () => {
    const counts = new TokenCounts();
    const [one, other] = [counts.add(), counts.add()];
    one({ thinking: 1, answer: 0 });
    other({ thinking: 10, answer: 2 });
    one({ thinking: 5, answer: 1 });
    expect(counts.total()).toEqual({ thinking: 15, answer: 3 });
  });
});

describe('what set each limit', () => {
  const names = { minTokens: 'min', maxTokens: 'max', maxCompletionTokens: 'total' };
  const setBy = (requested: object, thinking: object = {}, because?: 'context' | 'key') =>
    toSetBy(
      { requested, names, thinking: { waits: undefined, ...thinking } },
      because === undefined
        ? []
        : [
            { limit: 'max_tokens', from: 9, to: 8, because: 'model' },
            { limit: 'max_tokens', from: 8, to: 7, because },
          ],
    );

  it('is the field of the request, a default, or the last shrink', () => {
    const none = { min_tokens: 'default', max_tokens: 'default', waits: 'default', max_answer_tokens: 'default' };
    expect(setBy({})).toEqual(none);
    expect(setBy({ minTokens: 0, maxTokens: 0, maxCompletionTokens: 5 }, { waits: 0 })).toEqual({
      min_tokens: 'min',
      max_tokens: 'max',
      waits: 'thinking.waits',
      max_answer_tokens: 'total',
    });
    expect(setBy({}, { risk: 0.1 })).toEqual({ ...none, waits: 'thinking.risk' });
    expect(setBy({ maxTokens: 5 }, {}, 'context')).toEqual({ ...none, max_tokens: 'context' });
  });
});

describe('the time that the answer needs', () => {
  it.each([
    // A fifth for the answer, and a fifth for a minimum, while the speed is unknown.
    [{ minTokens: 0, maxAnswerTokens: 100 }, undefined, 200],
    [{ minTokens: 1, maxAnswerTokens: 100 }, undefined, 400],
    [{ minTokens: 0, maxAnswerTokens: 100 }, 1, 100],
    [{ minTokens: 0, maxAnswerTokens: 300 }, 1, 200],
    [{ minTokens: 50, maxAnswerTokens: 100 }, 2, 300],
  ])('with %j at %s ms per token, of 1,000 ms, is %d ms', (limits, msPerToken, needed) => {
    expect(neededMs(limits, 1_000, msPerToken)).toBe(needed);
  });
});

describe('samples that run at once', () => {
  async function* yields<T>(...values: readonly T[]) {
    yield* values;
  }

  it('yield their values as they come, with their index', async () => {
    const seen: unknown[] = [];
    let stopped = 0;
    for await (const one of mergeGenerators([yields('a', 'b'), yields('c')], () => stopped++)) seen.push(one);
    expect(seen).toHaveLength(3);
    expect(seen).toContainEqual({ index: 1, value: 'c' });
    expect(seen.indexOf(seen.find((one) => JSON.stringify(one).includes('"a"')))).toBeLessThan(
      seen.indexOf(seen.find((one) => JSON.stringify(one).includes('"b"'))),
    );
    expect(stopped).toBe(0);
  });

  it('all end if one fails, or the reader stops', async () => {
    const ended: string[] = [];
    let release = () => {};
    async function* waits() {
      try {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        yield 'late';
      } finally {
        ended.push('waiting');
      }
    }
    // biome-ignore lint/correctness/useYield: It fails before its first value.
    async function* fails(): AsyncGenerator<string, void, undefined> {
      throw new Error('broke');
    }
    const failing = mergeGenerators<string>([waits(), fails()], () => release());
    await expect(failing.next()).rejects.toThrow('broke');
    expect(ended).toEqual(['waiting']);
    let stopped = 0;
    for await (const _ of mergeGenerators([yields(1, 2), yields(3)], () => stopped++)) break;
    expect(stopped).toBe(1);
  });
});

describe('log-probabilities for the client', () => {
  const logprob = (token: string) => ({
    token,
    logprob: -1,
    top: [
      { token: 'x', logprob: -1 },
      { token: 'y', logprob: -2 },
    ],
  });
  const chunk = { tokenIds: [1, 2], text: '', logprobs: [logprob('a'), logprob('b')] };

  it('are those of the part that it asked for, of the kept tokens, and no more than it asked for', () => {
    const asked = { topLogprobs: 1 };
    expect(keptLogprobs(chunk, 1, 'answer', asked)).toEqual({
      kind: 'logprobs',
      part: 'answer',
      tokens: [{ token: 'a', logprob: -1, top: [{ token: 'x', logprob: -1 }] }],
    });
    expect(keptLogprobs(chunk, 1, 'thinking', asked)).toBeUndefined();
    expect(keptLogprobs(chunk, 2, 'thinking', { thinkingLogprobs: 0 })?.tokens).toEqual([
      { token: 'a', logprob: -1, top: [] },
      { token: 'b', logprob: -1, top: [] },
    ]);
    expect(keptLogprobs(chunk, 0, 'answer', asked)).toBeUndefined();
    expect(keptLogprobs({ tokenIds: [1], text: '' }, 1, 'answer', asked)).toBeUndefined();
  });

  it('of forced tokens have their texts, or the whole text on the first one', () => {
    const forced = { ids: bytes('é!'), text: 'é!' };
    const entry = (token: string) => ({ token, logprob: null, top: [] });
    expect(forcedLogprobs(forced, newDecoder)).toEqual([entry(''), entry('é'), entry('!')]);
    expect(forcedLogprobs(forced, undefined)).toEqual([entry('é!'), entry(''), entry('')]);
    const held = () => ({ push: () => 'p', end: () => 'e' });
    expect(forcedLogprobs({ ids: [1, 2], text: '' }, held)).toEqual([entry('p'), entry('pe')]);
  });
});
