import { describe, expect, it } from 'vitest';
import { policyName } from '../../../lambda/generation/policy-name.ts';
import { prepareRequest } from '../../../lambda/generation/prepare-request.ts';
import { refuseExhaustedKey, textsToEncode } from '../../../lambda/generation/refuse-exhausted-key.ts';
import type { GenerationRequest } from '../../../lambda/generation/request.ts';
import { withBudgetLeft } from '../../../lambda/generation/route-budget.ts';
import { furtherTokens } from '../../../lambda/generation/route-reservation.ts';
import { settlePolicy } from '../../../lambda/generation/settle-policy.ts';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { TooManyTokensError } from '../../../lambda/tokenizer/too-many-tokens-error.ts';
import { ModelUnavailableError } from '../../../lambda/upstream/errors.ts';
import { decode } from '../forcing/tiny-vocabulary.ts';
import { aCaller, aContext, aRequest } from './requests.ts';

const { thinking } = aRequest();
const row = {
  waits: 2,
  waitWhen: 'unsure',
  unsureBelow: 0.4,
  maxTokens: 300,
  questions: 500,
  wrong: 10,
  wrongUpper95: 0.05,
  meanTokens: 100,
} as const;
const calibration = { id: 'cal', measure: 'tail', unsureBelow: 0.4, rows: [row] } as const;

describe('the policy of a request', () => {
  const settle = (changes: Partial<GenerationRequest>, settings = {}, limits = {}) =>
    settlePolicy(aRequest(changes, settings), aCaller(limits));

  it('without rules is fixed, and has no Waits of its own', () => {
    const policy = settle({});
    expect(policy).toMatchObject({ gates: { waitBelow: undefined, stopWhenSure: undefined }, risk: undefined });
    expect(policy.request.requested).toEqual({});
    expect(policyName(policy)).toBe('fixed');
  });

  it('has the Waits of the request, else of its key, else of the config, else one if it asks for a Wait', () => {
    const gates = { waitWhen: 'unsure', unsureBelow: 0.5 } as const;
    const waitsOf = (requested: object, key: object | undefined, config: object, given: object = gates) =>
      settle({ requested, thinking: { ...thinking, gates: given } }, { gates: config }, key && { thinking: key })
        .request.requested.waits;
    expect(waitsOf({ waits: 3 }, { waits: 4 }, { waits: 5 })).toBe(3);
    expect(waitsOf({}, { waits: 4 }, { waits: 5 })).toBe(4);
    expect(waitsOf({}, undefined, { waits: 5 })).toBe(5);
    expect(waitsOf({}, undefined, {})).toBe(1);
    expect(waitsOf({ minTokens: 9 }, undefined, {})).toBeUndefined();
    // A default that asks for no Wait, and a rule of the defaults.
    expect(waitsOf({}, undefined, {}, {})).toBeUndefined();
    expect(waitsOf({}, undefined, gates, {})).toBeUndefined();
    expect(waitsOf({}, undefined, {}, { waitWhen: 'always' })).toBeUndefined();
  });

  it('is off without a thought, but its fields are still checked', () => {
    const unsure = { ...thinking, gates: { waitWhen: 'unsure' } } as const;
    for (const changes of [
      { requested: { maxTokens: 0 } },
      { prefix: { answer: '4' } },
      { promptIds: [1], plain: { stopTokenIds: [], minTokens: 0, showControls: false } },
    ]) {
      const settings = { calibration, gates: { stopWhen: 'sure', waits: 3 } };
      const { gates, request } = settle({ ...changes, thinking: unsure }, settings);
      expect(gates).toEqual({ ok: true, confidence: undefined, waitBelow: undefined, stopWhenSure: undefined });
      expect(request.requested.waits).toBeUndefined();
      expect(() => settle({ ...changes, thinking: unsure })).toThrow('thinking.unsure_below is required');
    }
    expect(settle({ prefix: { answer: '' }, thinking: unsure }, { calibration }).gates.waitBelow).toBe(0.4);
  });

  it('runs probes if it stops when sure', () => {
    const { request, gates } = settle({}, { gates: { stopWhen: 'sure' } });
    expect(request.probes).toBe(true);
    expect(gates.stopWhenSure).toMatchObject({ above: 0.95 });
    expect(settle({}).request.probes).toBeUndefined();
    const policy = settle({ thinking: { ...thinking, gates: { stopWhen: 'sure', unsureBelow: 0.5 } } });
    expect(policyName(policy)).toBe('wait_when_unsure+stop_when_sure');
  });

  it('by risk is that of the calibration, within what the key allows', () => {
    const asked = { thinking: { ...thinking, risk: 0.05 } };
    const policy = settle(asked, { calibration });
    expect(policy).toMatchObject({
      request: {
        requested: { waits: 2, maxTokens: 300, maxIsPreference: true },
        names: { maxTokens: 'thinking.risk', minTokens: 'thinking.min_tokens' },
      },
      gates: { confidence: { measure: 'tail', field: 'thinking.risk' }, waitBelow: 0.4, stopWhenSure: undefined },
      risk: { requested: 0.05, upper_bound: 0.05, calibration: 'cal' },
    });
    expect(policyName(policy)).toBe('risk+wait_when_unsure');
    const always = { ...calibration, rows: [{ ...row, waitWhen: 'always' }] };
    expect(settle(asked, { calibration: always }).gates).toMatchObject({ confidence: undefined, waitBelow: undefined });
    expect(() => settle(asked, { calibration }, { max_thinking_tokens: 299 })).toThrow(
      'thinking.risk (0.05) cannot be kept: no measured policy fits the maximum of thinking that this key and model allow. Omit it.',
    );
    expect(settle(asked, { calibration }, { max_thinking_tokens: 300 }).risk).toBeDefined();
    expect(() => settle(asked, { calibration, maxThinkingTokens: 299 })).toThrow('no measured policy fits');
    expect(() => settle({ thinking: { ...thinking, risk: 0.04 } }, { calibration })).toThrow(
      'thinking.risk (0.04) cannot be kept: the lowest that the calibration "cal" reaches is 0.05. Give at least that.',
    );
    for (const none of [{}, { calibration: { ...calibration, rows: [] } }]) {
      expect(() => settle(asked, none)).toThrow(
        'thinking.risk needs a calibration with measured policies, and the model "scripted" has none. Omit it, or set thinking.waits and a maximum.',
      );
    }
  });

  it.each<[string, object, object]>([
    ['thinking.waits', { waits: 1 }, {}],
    ['thinking.min_tokens', { minTokens: 1 }, {}],
    ['thinking.max_tokens', { maxTokens: 1 }, {}],
    ['thinking.wait_when', {}, { waitWhen: 'always' }],
    ['thinking.unsure_below', {}, { unsureBelow: 0.5 }],
    ['thinking.confidence_measure', {}, { confidenceMeasure: 'tail' }],
    ['thinking.stop_when', {}, { stopWhen: 'never' }],
    ['thinking.stop_when', {}, { sureAbove: 0.9 }],
    ['thinking.stop_when', {}, { sureProbes: 3 }],
  ])('by risk excludes %s', (field, requested, gates) => {
    expect(() => settle({ requested, thinking: { ...thinking, risk: 0.1, gates } }, { calibration })).toThrow(
      `thinking.risk (0.1) chooses the Waits, the threshold and the maximum, but the request has ${field}. Omit one of them.`,
    );
  });

  const retrieval = { stores: ['vs_1'], maxTokens: 100, maxResults: 5, scoreThreshold: 0, when: 'unsure' } as const;

  it('that looks documents up has no Wait of its own', () => {
    const gates = { unsureBelow: 0.5 };
    const { request, gates: settled } = settle({ retrieval, thinking: { ...thinking, gates } });
    expect(request.requested.waits).toBeUndefined();
    expect(settled).toMatchObject({ waitBelow: 0.5, lookUpBelow: 0.5 });
  });

  it.each<[Partial<GenerationRequest>, string]>([
    [{ requested: { maxTokens: 0 } }, 'the request does not think'],
    [{ plain: { stopTokenIds: [], minTokens: 0, showControls: false } }, 'the request does not think'],
    [{ prefix: { answer: '4' } }, 'the last message begins the answer, so the thinking is over'],
    [{ thinking: { ...thinking, risk: 0.1 } }, 'thinking.risk was measured without passages'],
  ])('that looks documents up needs a thought that can be unsure: %j', (changes, why) => {
    expect(() => settle({ retrieval, ...changes }, { calibration })).toThrow(
      `retrieval.when "unsure" looks documents up if the thought is unsure, but ${why}. Omit one of them, or set retrieval.when to "before".`,
    );
  });

  it('is named by its vote and its route as well', () => {
    const { request, gates } = settle({});
    const route = {
      settings: { id: 'auto', models: ['a', 'b'], escalate: { disagree: 2 }, pass_thought: false },
      further: [],
    };
    const named = { ...request, vote: { weighted: false }, route };
    expect(policyName({ request: named, gates, risk: undefined })).toBe('vote+route:auto');
  });
});

describe('a prepared request', () => {
  const prepare = (changes: Partial<GenerationRequest> = {}, settings = {}, limits = {}) =>
    prepareRequest(aRequest(changes, settings), aContext(limits));

  it('has the texts of its Waits, and "Wait" if it gives none', async () => {
    expect(await prepare()).toMatchObject({ wait: { text: 'Wait' }, laterWaits: [], passageTokens: 0, shrunk: [] });
    const several = await prepare({ thinking: { ...thinking, waitText: ['Hm', 'So', 'Ok'] } });
    expect([several.wait, ...several.laterWaits].map(({ text, ids }) => [text, decode(ids)])).toEqual([
      ['Hm', 'Hm'],
      ['So', 'So'],
      ['Ok', 'Ok'],
    ]);
  });

  it('has the ceiling of its key if it is lower than that of the model', async () => {
    const requested = { maxTokens: 5_000 };
    expect((await prepare({ requested }, {}, { max_thinking_tokens: 50 })).shrunk).toMatchObject([
      { to: 50, because: 'key' },
    ]);
    for (const limits of [{ max_thinking_tokens: 1_000 }, { max_thinking_tokens: 2_000 }, {}]) {
      expect((await prepare({ requested }, {}, limits)).shrunk).toMatchObject([{ to: 1_000, because: 'model' }]);
    }
  });

  it('whose answer is begun has no thinking, and says what lowered it', async () => {
    const begun = await prepare({ prefix: { answer: '4' } });
    expect(begun).toMatchObject({
      limits: { maxTokens: 0 },
      prefix: { part: 'answer', text: '4' },
      shrunk: [{ limit: 'max_tokens', from: 200, to: 0, because: 'prefix' }],
    });
    expect(await prepare({ prefix: { answer: '4' }, requested: { maxTokens: 70 } })).toMatchObject({
      shrunk: [{ from: 70, because: 'prefix' }],
    });
    expect(await prepare({ prefix: { answer: '4' }, requested: { maxTokens: 0 } })).toMatchObject({ shrunk: [] });
    for (const prefix of [{ answer: '' }, { thinking: 'so' }, { thinking: 'so', answer: '' }]) {
      expect(await prepare({ prefix })).toMatchObject({ limits: { maxTokens: 200 }, shrunk: [] });
    }
  });

  it.each<[string, Partial<GenerationRequest>, string]>([
    ['thinking.min_tokens', { requested: { minTokens: 5 } }, 'thinking.min_tokens'],
    ['thinking.waits', { requested: { waits: 1 } }, 'thinking.waits'],
    ['thinking.min_tokens and waits', { requested: { minTokens: 1, waits: 1 } }, 'thinking.min_tokens'],
  ])('whose answer is begun excludes %s', async (_, changes, field) => {
    await expect(prepare({ prefix: { answer: '4' }, ...changes })).rejects.toMatchObject({
      status: 400,
      param: field,
      message: `${field} asks for thinking, but the last message begins the answer. Omit one of them.`,
    });
    expect(await prepare({ prefix: { answer: '4' }, requested: { minTokens: 0, waits: 0 } })).toBeDefined();
  });

  it('whose answer is begun cannot have a form', async () => {
    await expect(prepare({ prefix: { answer: '4' }, structure: { kind: 'json_object' } })).rejects.toMatchObject({
      param: 'messages',
      message:
        'The last message begins the answer, and the answer must have a form (response_format or tool_choice), which begins with its first character. Omit one of them.',
    });
  });

  it('of a plain completion adds no token, and ends at the given ones', async () => {
    const plain = { stopTokenIds: [9], minTokens: 0, showControls: false };
    const { format, promptIds, prefix } = await prepare({ plain, promptIds: [1, 2] });
    expect(promptIds).toEqual([1, 2]);
    expect(prefix).toEqual({ part: 'answer', ids: [], text: '' });
    expect(format).toEqual({
      name: 's1',
      openThinking: [],
      skipThinking: [],
      thinkingEnds: [],
      openAnswer: [],
      forceAnswer: [],
      newline: [],
      forcedAnswerText: '',
      answerEnds: [9],
      endTexts: new Map(),
    });
  });

  it('that is too long is refused as soon as that is certain, with what it is too long for', async () => {
    const request = aRequest();
    const { model } = request;
    const maxima: (number | undefined)[] = [];
    model.promptIds = async (_turns, options) => {
      maxima.push(options?.maxTokens);
      throw new TooManyTokensError();
    };
    await expect(prepareRequest(request, aContext())).rejects.toMatchObject({
      status: 400,
      param: 'messages',
      code: 'context_length_exceeded',
      message: `The conversation has more than 4096 tokens, which is the model's context window. Shorten the conversation.`,
    });
    const named = { ...request, names: { ...request.names, prompt: 'input' } };
    await expect(prepareRequest(named, aContext({ tokens_per_day: 4_096 }))).rejects.toMatchObject({ param: 'input' });
    await expect(prepareRequest(request, aContext({ tokens_per_day: 4_095 }))).rejects.toMatchObject({
      status: 400,
      code: 'tokens_exceeded',
      message:
        'The conversation has more than 4095 tokens, which is what this key allows for a day. Shorten the conversation.',
    });
    expect(maxima).toEqual([4_096, 4_096, 4_095]);
  });

  it('that contradicts itself names the field', async () => {
    await expect(prepare({ requested: { minTokens: 9, maxTokens: 8 } })).rejects.toMatchObject({
      status: 400,
      param: 'thinking.min_tokens',
      code: 'invalid_value',
    });
  });

  it('cannot look documents up without a store', async () => {
    const retrieval = { stores: ['vs_1'], maxTokens: 100, maxResults: 5, scoreThreshold: 0, when: 'before' } as const;
    await expect(prepare({ retrieval })).rejects.toMatchObject({
      param: 'retrieval',
      code: 'unsupported_parameter',
      message: 'This deployment has no store of documents. Omit retrieval.',
    });
  });
});

describe('the early look at a key', () => {
  const reads = async (texts: readonly string[], kind: 'endpoint' | 'bundled') => {
    const table = new MemoryTable();
    let count = 0;
    table.get = async () => {
      count++;
      return undefined;
    };
    const tokenizer = kind === 'endpoint' ? { kind } : { kind: 'bundled', directory: 'x' };
    const { model } = aRequest({}, { tokenizer } as Parameters<typeof aRequest>[1]);
    await refuseExhaustedKey(
      texts,
      model,
      { ledger: new Ledger(table, () => 0) },
      aCaller({ tokens_per_day: 1_000_000 }),
    );
    await refuseExhaustedKey(texts, model, {}, aCaller());
    return count;
  };

  it.each([
    [[], 'endpoint', 0],
    [['', ''], 'endpoint', 0],
    [['a'], 'endpoint', 1],
    [['a'.repeat(8_192)], 'bundled', 0],
    [['a'.repeat(4_000), 'b'.repeat(4_193)], 'bundled', 1],
  ] as const)('reads the table only for texts that take longer to encode: %#', async (texts, kind, count) => {
    expect(await reads(texts, kind)).toBe(count);
  });

  it('sees every text that will be encoded', () => {
    const calls = [{ id: '1', name: 'f', arguments: '{"a":1}' }];
    const turns = [
      { role: 'user', content: [{ text: 'one' }, { control: '<|im_end|>' }] },
      { role: 'assistant', content: [{ text: 'two' }], thinking: 'hm', calls },
    ] as const;
    const tools = { tools: [{ name: 'f' }] } as unknown as GenerationRequest['tools'];
    const prefix = { thinking: 'so', answer: '4' };
    expect(textsToEncode(aRequest({ turns, tools, prefix }))).toEqual([
      ...['one', '<|im_end|>', '', 'two', 'hm', '{"a":1}', '[{"name":"f"}]', 'so', '4'],
    ]);
    expect(textsToEncode(aRequest({ promptIds: [1], turns }))).toEqual(['', '']);
  });
});

describe('the budget that is left for a further model', () => {
  const left = (requested: object, used: { thinking: number; completion: number }, limits = {}) => {
    const found = withBudgetLeft(aRequest({ requested }), aCaller(limits), used);
    return found && { ...found.request.requested, ceiling: found.caller.limits.max_thinking_tokens };
  };

  it.each<[string, object, object, object | undefined]>([
    ['is all of it without exact limits', {}, {}, { ceiling: undefined }],
    ['is not lowered by a preference', { maxTokens: 50, maxIsPreference: true }, {}, { maxTokens: 50 }],
    ['is the rest of an exact maximum', { maxTokens: 50 }, {}, { maxTokens: 20 }],
    ['is none at an exact maximum', { maxTokens: 30 }, {}, undefined],
    ['is one token at least', { maxTokens: 31 }, {}, { maxTokens: 1 }],
    [
      'is the rest of the total, less a token for the answer',
      { maxTokens: 90, maxCompletionTokens: 60 },
      {},
      { maxTokens: 19, maxCompletionTokens: 20 },
    ],
    ['is none if the total has no thinking left', { maxCompletionTokens: 41 }, {}, undefined],
    ['is some if it has one', { maxCompletionTokens: 42 }, {}, { maxCompletionTokens: 2 }],
    ['is the rest of what the key allows', {}, { max_thinking_tokens: 50 }, { ceiling: 20 }],
    ['is none if the key allows no more', {}, { max_thinking_tokens: 30 }, undefined],
    ['is none below the minimum', { minTokens: 21, maxTokens: 50 }, {}, undefined],
    ['is the minimum at least', { minTokens: 20, maxTokens: 50 }, {}, { maxTokens: 20 }],
  ])('%s', (_, requested, limits, expected) => {
    const found = left(requested, { thinking: 30, completion: 40 }, limits);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject(expected);
  });
});

describe('the tokens that further models of a route may take', () => {
  const settings = { id: 'auto', models: ['a', 'b', 'c'], escalate: { disagree: 3 }, pass_thought: false };
  const routed = (...further: readonly GenerationRequest[]) => aRequest({ route: { settings, further } });
  const tokens = (request: GenerationRequest) => furtherTokens(request, aContext());

  it('are none without a route', async () => {
    expect(await tokens(aRequest())).toBe(0);
  });

  it('are a prompt, and thinking and answer of each run; only the last model runs once for a sample', async () => {
    const one = await tokens(routed(aRequest({ samples: 2 })));
    const prompt = one - 2 * (200 + 100);
    expect(prompt).toBeGreaterThan(0);
    expect(await tokens(routed(aRequest({ samples: 2 }), aRequest({ samples: 2 })))).toBe(
      prompt + 2 * 3 * 300 + prompt + 2 * 300,
    );
  });

  it('are those of the window if its server cannot tokenize', async () => {
    const request = aRequest({ samples: 2 });
    request.model.promptIds = async () => {
      throw new ModelUnavailableError('away');
    };
    expect(await tokens(routed(request))).toBe(2 * 4_096);
  });

  it('cannot be told of a request that the model cannot run', async () => {
    await expect(tokens(routed(aRequest({ requested: { minTokens: 9, maxTokens: 8 } })))).rejects.toMatchObject({
      status: 400,
      param: 'thinking.min_tokens',
      code: 'invalid_value',
      message: expect.stringMatching(
        /^The route "auto" may run the model "scripted", which cannot run this request\. thinking\.min_tokens \(9\)/,
      ),
    });
    const broken = aRequest();
    broken.model.promptIds = async () => {
      throw new Error('odd');
    };
    await expect(tokens(routed(broken))).rejects.toThrow('odd');
  });
});
