import { describe, expect, it } from 'vitest';
import { ConfidenceMeter, confidenceMeasures, topTokensOf } from '../../../lambda/forcing/confidence.ts';
import { endsInLoop } from '../../../lambda/forcing/loops.ts';
import { type GateOptions, gateOptionsOf, settleGates } from '../../../lambda/forcing/settle-gates.ts';
import { type RequestedBudget, settleLimits } from '../../../lambda/forcing/settle-limits.ts';
import { format } from './tiny-vocabulary.ts';

const calibration = { measure: 'tail', unsureBelow: 0.4, sureAbove: 0.8 } as const;

describe('rules by confidence that a request asks for', () => {
  it('have their names of the API', () => {
    const fields = {
      wait_when: 'unsure',
      unsure_below: 0.1,
      confidence_measure: 'tail',
      stop_when: 'sure',
      sure_above: 0.9,
      sure_probes: 4,
    } as const;
    expect(gateOptionsOf(fields)).toEqual({
      waitWhen: 'unsure',
      unsureBelow: 0.1,
      confidenceMeasure: 'tail',
      stopWhen: 'sure',
      sureAbove: 0.9,
      sureProbes: 4,
    });
    expect(Object.values(gateOptionsOf(undefined)).every((value) => value === undefined)).toBe(true);
  });

  it.each<[GateOptions, string, string]>([
    [
      { waitWhen: 'always', unsureBelow: 0.3 },
      'thinking.unsure_below',
      'thinking.unsure_below (0.3) requires thinking.wait_when "unsure", but it is "always". Omit one of them.',
    ],
    [
      { stopWhen: 'never', sureAbove: 0.9 },
      'thinking.sure_above',
      'thinking.sure_above requires thinking.stop_when "sure", but it is "never". Omit one of them.',
    ],
    [
      { stopWhen: 'never', sureProbes: 3 },
      'thinking.sure_probes',
      'thinking.sure_probes requires thinking.stop_when "sure", but it is "never". Omit one of them.',
    ],
  ])('%j contradict each other', (request, field, message) => {
    expect(settleGates(request, [], calibration)).toEqual({ ok: false, field, message });
  });

  it.each<[GateOptions, typeof calibration | undefined, string]>([
    [{ waitWhen: 'unsure' }, undefined, 'this model has no calibration'],
    [
      { waitWhen: 'unsure', confidenceMeasure: 'entropy' },
      calibration,
      'this model is calibrated for "tail", not for "entropy"',
    ],
  ])('%j need a threshold', (request, calibrated, why) => {
    expect(settleGates(request, [], calibrated)).toEqual({
      ok: false,
      field: 'thinking.unsure_below',
      message: `thinking.unsure_below is required, because ${why}. Give a threshold from 0 to 1, for instance 0.3.`,
    });
  });

  it.each<[GateOptions, string | undefined]>([
    [{}, undefined],
    [{ waitWhen: 'always' }, undefined],
    [{ waitWhen: 'unsure' }, 'thinking.wait_when'],
    [{ unsureBelow: 0.5 }, 'thinking.unsure_below'],
    [{ confidenceMeasure: 'tail' }, 'thinking.confidence_measure'],
    [{ waitWhen: 'unsure', confidenceMeasure: 'tail' }, 'thinking.wait_when'],
  ])('%j are measured for the field %s', (request, field) => {
    const settled = settleGates(request, [], calibration);
    expect(settled.ok && settled.confidence).toEqual(field === undefined ? undefined : { measure: 'tail', field });
  });

  it('look documents up below the same threshold, whether Waits follow it or not', () => {
    expect(settleGates({}, [], calibration, true)).toMatchObject({
      confidence: { measure: 'tail', field: 'retrieval.when' },
      waitBelow: undefined,
      lookUpBelow: 0.4,
    });
    expect(settleGates({ unsureBelow: 0.2 }, [], calibration, true)).toMatchObject({
      waitBelow: 0.2,
      lookUpBelow: 0.2,
    });
    expect(settleGates({}, [], undefined, true)).toMatchObject({ ok: false, field: 'thinking.unsure_below' });
    expect(settleGates({}, [], calibration)).not.toHaveProperty('lookUpBelow');
  });

  it('take a threshold of the defaults only with its own measure', () => {
    const belowOf = (defaults: readonly GateOptions[], given: typeof calibration | undefined = undefined) => {
      const settled = settleGates({ waitWhen: 'unsure' }, defaults, given);
      return settled.ok ? settled.waitBelow : settled.field;
    };
    expect(belowOf([{ unsureBelow: 0.2 }])).toBe(0.2);
    expect(belowOf([{ unsureBelow: 0.2, confidenceMeasure: 'entropy' }])).toBe(0.2);
    // The key's measure comes first; the config's threshold is of another one.
    expect(belowOf([{ confidenceMeasure: 'entropy' }, { unsureBelow: 0.2 }])).toBe('thinking.unsure_below');
    expect(belowOf([{ confidenceMeasure: 'entropy' }, { unsureBelow: 0.2 }], calibration)).toBe(
      'thinking.unsure_below',
    );
    expect(belowOf([{ unsureBelow: 0.2, confidenceMeasure: 'entropy' }, { confidenceMeasure: 'tail' }])).toBe(0.2);
  });

  it.each<[GateOptions, readonly GateOptions[], typeof calibration | undefined, object | undefined]>([
    [{}, [], undefined, undefined],
    [{ stopWhen: 'never' }, [{ stopWhen: 'sure' }], undefined, undefined],
    [{}, [{ stopWhen: 'never' }, { stopWhen: 'sure' }], undefined, undefined],
    [{}, [{}, { stopWhen: 'sure' }], undefined, { above: 0.95, agree: 3, field: undefined }],
    [
      {},
      [{ sureAbove: 0.7 }, { stopWhen: 'sure', sureProbes: 5 }],
      undefined,
      { above: 0.7, agree: 5, field: undefined },
    ],
    [{ stopWhen: 'sure' }, [], undefined, { above: 0.95, agree: 3, field: 'thinking.stop_when' }],
    [{ stopWhen: 'sure' }, [], calibration, { above: 0.8, agree: 3, field: 'thinking.stop_when' }],
    [{ sureAbove: 0.5 }, [{ sureAbove: 0.7 }], calibration, { above: 0.5, agree: 3, field: 'thinking.stop_when' }],
    [{ sureProbes: 2 }, [], undefined, { above: 0.95, agree: 2, field: 'thinking.stop_when' }],
  ])('%j with the defaults %j stop when sure', (request, defaults, calibrated, stop) => {
    const settled = settleGates(request, defaults, calibrated);
    expect(settled.ok && settled.stopWhenSure).toEqual(stop);
  });
});

describe('the limits of a request', () => {
  const model = {
    contextTokens: 1_000,
    defaultMaxThinkingTokens: 400,
    maxThinkingTokens: 800,
    defaultMaxAnswerTokens: 100,
  };
  const names = { minTokens: 'min', maxTokens: 'max', maxCompletionTokens: 'total' };
  const settle = (requested: RequestedBudget, promptTokens = 10, changes = {}) =>
    settleLimits(requested, { ...model, ...changes }, promptTokens, format, names);
  /** Tokens of the window beside a prompt: the opened thinking, and the longest way to the answer. */
  const closing = Math.max(format.newline.length + format.forceAnswer.length, format.skipThinking.length);
  const window = 1_000 - format.openThinking.length - closing;

  it.each<[string, RequestedBudget, number, object, string, string, string]>([
    [
      'a minimum above the maximum',
      { minTokens: 9, maxTokens: 8 },
      10,
      {},
      'min',
      'invalid_value',
      'min (9) is greater than max (8). Give a minimum that is not above the maximum.',
    ],
    [
      'a minimum above the ceiling of the model',
      { minTokens: 801 },
      10,
      {},
      'min',
      'invalid_value',
      'min is 801, but this model allows at most 800 thinking tokens. Lower it.',
    ],
    [
      'a minimum above the ceiling of the key',
      { minTokens: 801 },
      10,
      { ceilingSource: 'key' },
      'min',
      'invalid_value',
      'min is 801, but this key allows at most 800 thinking tokens. Lower it.',
    ],
    [
      'a maximum that leaves no token for the answer',
      { maxTokens: 40, maxCompletionTokens: 40 },
      10,
      {},
      'max',
      'invalid_value',
      'max (40) leaves no token for the answer: it must be below total (40), which limits thinking and answer together.',
    ],
    [
      'a conversation that fills the window',
      {},
      window,
      {},
      'messages',
      'context_length_exceeded',
      `The conversation has ${window} tokens. With the tokens that close the thinking and one token of answer it exceeds the model's context window of 1000 tokens. Shorten the conversation.`,
    ],
    [
      'a conversation that fills the window with its passages',
      {},
      window - 100,
      { passageTokens: 100 },
      'messages',
      'context_length_exceeded',
      `The conversation has ${window - 100} tokens, up to 100 tokens of passages (retrieval.max_tokens). With the tokens that close the thinking and one token of answer it exceeds the model's context window of 1000 tokens. Shorten the conversation.`,
    ],
    [
      'a minimum beyond the window',
      { minTokens: 800 },
      500,
      { passageTokens: 50 },
      'min',
      'context_length_exceeded',
      `min (800) is too large: after the conversation (500 tokens, up to 50 tokens of passages (retrieval.max_tokens)), the model's context window of 1000 tokens has room for ${window - 550 - Math.floor((window - 550) / 8)} thinking tokens. Lower it, or shorten the conversation.`,
    ],
  ])('%s is refused', (_, requested, promptTokens, changes, field, code, message) => {
    expect(settle(requested, promptTokens, changes)).toEqual({ ok: false, field, code, message });
  });

  it('may fill the window up to one token of answer', () => {
    expect(settle({}, window - 1)).toMatchObject({ ok: true, limits: { maxTokens: 0 } });
    expect(settle({}, window)).toMatchObject({ ok: false });
    expect(settle({}, window - 101, { passageTokens: 100 })).toMatchObject({ ok: true });
  });

  it.each<[RequestedBudget, number, number]>([
    // An eighth of the window is kept for the answer, less if the answer is limited to less.
    [{ maxTokens: 800 }, 500, window - 500 - Math.floor((window - 500) / 8)],
    [{ maxTokens: 800, maxAnswerTokens: 5 }, 500, window - 500 - 5],
    [{ maxTokens: 800, maxAnswerTokens: 0 }, 500, window - 500 - 1],
    [
      { maxTokens: 800, maxAnswerTokens: 90, maxCompletionTokens: 801 },
      500,
      window - 500 - Math.floor((window - 500) / 8),
    ],
  ])('%j after %d tokens shrink to the window: %d thinking tokens', (requested, promptTokens, maxTokens) => {
    const settled = settle(requested, promptTokens);
    expect(settled).toMatchObject({
      limits: { maxTokens },
      shrunk: [{ limit: 'max_tokens', from: 800, to: maxTokens, because: 'context' }],
    });
  });

  it.each<[RequestedBudget, number]>([
    [{ maxCompletionTokens: 41 }, 41 - 11],
    [{ maxCompletionTokens: 400 }, 300],
    [{ maxCompletionTokens: 401 }, 301],
    [{ maxCompletionTokens: 480 }, 380],
    [{ maxCompletionTokens: 40, maxAnswerTokens: 3 }, 37],
    [{ maxCompletionTokens: 40, maxTokens: 50, maxIsPreference: true }, 30],
    [{ maxCompletionTokens: 40, minTokens: 35 }, 35],
    [{ maxCompletionTokens: 1 }, 0],
  ])(
    '%j keep a quarter of the total for the answer, or its own maximum: %d thinking tokens',
    (requested, maxTokens) => {
      const settled = settle(requested);
      expect(settled).toMatchObject({ limits: { maxTokens } });
      const last = settled.ok ? settled.shrunk.at(-1) : undefined;
      expect(last?.because ?? 'max_completion_tokens').toBe('max_completion_tokens');
    },
  );

  it('say each step at which they shrank', () => {
    expect(settle({ maxTokens: 900, maxIsPreference: true, maxCompletionTokens: 500 }, 700)).toMatchObject({
      shrunk: [
        { from: 900, to: 800, because: 'model' },
        { from: 800, to: 400, because: 'max_completion_tokens' },
        { from: 400, because: 'context' },
      ],
    });
    expect(settle({ maxTokens: 800 })).toMatchObject({ shrunk: [] });
  });

  it.each<[RequestedBudget, object]>([
    [{ minTokens: 5, waits: 0 }, { waits: 0 }],
    [{ waits: 3 }, { waits: 3, minTokens: 0 }],
    [{ maxAnswerTokens: 7, maxCompletionTokens: 500 }, { maxAnswerTokens: 7 }],
    [{ maxCompletionTokens: 500 }, { maxAnswerTokens: 500 }],
    [
      { minTokens: 9, maxTokens: 8, maxIsPreference: true },
      { minTokens: 9, maxTokens: 9 },
    ],
    [
      { minTokens: 800, maxAnswerTokens: 1 },
      { minTokens: 800, maxTokens: 800 },
    ],
    [{ maxTokens: 9, maxCompletionTokens: 10 }, { maxTokens: 9 }],
  ])('%j are in force as %j', (requested, limits) => {
    expect(settle(requested)).toMatchObject({ ok: true, limits });
  });
});

describe('the confidence of a thought', () => {
  const token = (probability: number, ...top: readonly number[]) => ({
    logprob: Math.log(probability),
    top: top.map((other) => ({ token: '', logprob: Math.log(other) })),
  });
  const confidenceBy = (
    measure: (typeof confidenceMeasures)[number],
    ...tokens: readonly ReturnType<typeof token>[]
  ) => {
    const meter = new ConfidenceMeter(measure);
    for (const one of tokens) meter.add(one);
    return meter.read()?.value;
  };

  it('needs the most likely tokens only for the measures over them', () => {
    expect(confidenceMeasures.map((measure) => [measure, topTokensOf(measure)])).toEqual([
      ['min_token', 0],
      ['lowest_window', 0],
      ['tail', 0],
      ['bottom_10', 0],
      ['deepconf_lowest_group', 20],
      ['deepconf_tail', 20],
      ['entropy', 20],
    ]);
  });

  it('by the lowest tenth is the mean of exactly so many tokens, rounded up', () => {
    const many = (count: number, probability: number) => Array.from({ length: count }, () => token(probability));
    expect(confidenceBy('bottom_10', token(0.25), ...many(9, 1))).toBeCloseTo(0.25, 9);
    // Two of eleven: one at 0.25, one at 1.
    expect(confidenceBy('bottom_10', token(0.25), ...many(10, 1))).toBeCloseTo(0.5, 9);
    expect(confidenceBy('bottom_10', token(0.25), token(0.25), ...many(18, 0.5))).toBeCloseTo(0.25, 9);
    expect(confidenceBy('bottom_10', ...many(5, 0.5), ...many(95, 1))).toBeCloseTo(Math.exp(Math.log(0.5) / 2), 9);
    // Beyond the bins, the mean is still that of the tokens.
    expect(confidenceBy('bottom_10', { logprob: -50, top: [] })).toBeCloseTo(Math.exp(-50), 30);
    expect(confidenceBy('bottom_10', token(1))).toBe(1);
  });

  it('by windows is the mean of all tokens while there are fewer', () => {
    const window = Array.from({ length: 16 }, () => token(0.5));
    expect(confidenceBy('lowest_window', token(0.25), token(1))).toBeCloseTo(0.5, 9);
    expect(confidenceBy('lowest_window', token(1), ...window, token(1))).toBeCloseTo(0.5, 9);
    const tail = Array.from({ length: 64 }, () => token(0.5));
    expect(confidenceBy('tail', token(0.001), ...tail)).toBeCloseTo(0.5, 9);
    expect(confidenceBy('tail', token(0.125), ...tail.slice(0, 1))).toBeCloseTo(0.25, 9);
  });

  it('by DeepConf and by entropy is that of the papers', () => {
    const even = (count: number) => token(0.5, ...Array.from({ length: count }, () => 1 / count));
    // Of 20 equally likely tokens: C = ln 20, H = ln 20.
    expect(confidenceBy('deepconf_tail', even(20))).toBeCloseTo(0, 9);
    expect(confidenceBy('entropy', even(20))).toBeCloseTo(0, 9);
    expect(confidenceBy('entropy', even(4))).toBeCloseTo(1 - Math.log(4) / Math.log(20), 9);
    expect(confidenceBy('entropy', token(0.5, 0.25, 0.25))).toBeCloseTo(1 - Math.log(2) / Math.log(20), 9);
    expect(confidenceBy('entropy', token(1, 1))).toBe(1);
    expect(confidenceBy('entropy', even(4), token(1, 1))).toBeCloseTo(1 - Math.log(4) / 2 / Math.log(20), 9);
    const low = token(0.5, ...Array.from({ length: 20 }, () => Math.exp(-10)));
    expect(confidenceBy('deepconf_tail', low)).toBeCloseTo(1 - Math.log(20) / 10, 9);
    expect(confidenceBy('deepconf_lowest_group', low, even(20))).toBeCloseTo(
      1 - Math.log(20) / ((10 + Math.log(20)) / 2),
      9,
    );
    // More than 20 are not read, and a figure of 0 is no confidence.
    expect(
      confidenceBy('deepconf_tail', token(0.5, ...Array.from({ length: 20 }, () => Math.exp(-10)), 1)),
    ).toBeCloseTo(1 - Math.log(20) / 10, 9);
    expect(confidenceBy('deepconf_tail', token(1, 1))).toBe(0);
    for (const measure of ['deepconf_tail', 'entropy'] as const)
      expect(confidenceBy(measure, token(0.5))).toBeUndefined();
  });

  it('takes log-probabilities above 0 as 0, and infinite ones as -100', () => {
    expect(confidenceBy('min_token', { logprob: 0.5, top: [] })).toBe(1);
    expect(confidenceBy('min_token', { logprob: Number.NEGATIVE_INFINITY, top: [] })).toBeCloseTo(Math.exp(-100), 50);
    expect(confidenceBy('tail', { logprob: -9_999, top: [] }, token(1))).toBeCloseTo(Math.exp(-50), 30);
    expect(confidenceBy('min_token', { logprob: Number.NaN, top: [] })).toBeUndefined();
  });

  it('so far is without the last token, and after it with it', () => {
    const meter = new ConfidenceMeter('min_token');
    expect(meter.soFar()).toBeUndefined();
    expect(meter.read()).toBeUndefined();
    meter.add(token(0.5));
    expect(meter.soFar()).toBeUndefined();
    meter.add(token(0.25));
    expect(meter.soFar()).toBeCloseTo(0.5, 9);
    expect(meter.read()).toMatchObject({ measure: 'min_token', value: expect.closeTo(0.25, 9), tokens: 2 });
    expect(meter.soFar()).toBeCloseTo(0.25, 9);
  });

  it('is without a token that turned out to be an end token, once', () => {
    const meter = new ConfidenceMeter('min_token');
    meter.dropLast();
    meter.add(token(0.5));
    meter.add(token(0.25));
    meter.dropLast();
    meter.dropLast();
    expect(meter.read()).toMatchObject({ value: expect.closeTo(0.5, 9), tokens: 1 });
  });

  it('begins anew with a pass, but a missing log-probability stays missing', () => {
    const meter = new ConfidenceMeter('tail');
    meter.add(token(0.25));
    meter.add(token(0.25));
    meter.reset();
    expect(meter.read()).toBeUndefined();
    meter.add(token(0.5));
    expect(meter.read()).toMatchObject({ value: expect.closeTo(0.5, 9), tokens: 1 });
    meter.add(undefined);
    expect(meter.missing).toBe(true);
    expect(meter.read()).toBeUndefined();
    meter.reset();
    meter.add(token(0.5));
    expect([meter.read(), meter.soFar()]).toEqual([undefined, undefined]);
  });
});

describe('a loop', () => {
  const repeated = (period: number, length: number) => Array.from({ length }, (_, index) => index % period);

  it.each<[string, readonly number[], number, number, boolean]>([
    ['fills 160 tokens', repeated(10, 160), 0, 160, true],
    ['does not fill 159', repeated(10, 159), 0, 159, false],
    ['is four rounds long', repeated(60, 240), 0, 240, true],
    ['is not three rounds and a bit', repeated(60, 224), 0, 224, false],
    ['may follow other text', [...repeated(997, 80), ...repeated(7, 160)], 0, 240, true],
    ['is none if a token of it differs', [...repeated(10, 159), 99], 0, 160, false],
    ['is none if its first token differs', [99, ...repeated(10, 159)], 0, 160, false],
    ['does not begin in what came before', repeated(10, 200), 41, 159, false],
    ['is looked for once in 16 tokens', repeated(10, 161), 0, 1, false],
    ['is looked for when 16 tokens are full', repeated(10, 176), 0, 1, true],
    ['is looked for within a long piece', repeated(10, 170), 0, 11, true],
    ['is not looked for a second time', repeated(10, 170), 0, 10, false],
  ])('%s', (_, ids, from, added, expected) => {
    expect(endsInLoop(ids, from, added)).toBe(expected);
  });
});
