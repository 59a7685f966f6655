import { describe, expect, it } from 'vitest';
import { SentenceReader } from '../../../lambda/apis/citations.ts';
import { echoedCall, echoedId, echoedTexts, mapItems, toolResultText } from '../../../lambda/apis/echoed.ts';
import { pageOf, pageQuerySchema } from '../../../lambda/apis/paging.ts';
import { ridesAlongEverywhere } from '../../../lambda/apis/rides-along.ts';
import {
  flooredMinP,
  flooredPenalty,
  flooredTemperature,
  flooredTopP,
  samplingFields,
} from '../../../lambda/apis/sampling-fields.ts';
import { userOf } from '../../../lambda/apis/storing.ts';
import { refuseThinkingLogprobs, toThinkingOptions } from '../../../lambda/apis/thinking-options.ts';
import { parseQuery } from '../../../lambda/http/parse-query.ts';

describe('a page of a list', () => {
  const entries = ['a', 'b', 'c', 'd', 'e'].map((id, index) => ({ id, created_at: Math.floor(index / 2) }));
  const page = (query: Readonly<Record<string, string>>) => {
    const { data, ...rest } = pageOf(entries.toReversed(), parseQuery(pageQuerySchema, query));
    return [data.map(({ id }) => id).join(''), rest.first_id, rest.last_id, rest.has_more, rest.object];
  };

  it.each<[Readonly<Record<string, string>>, readonly unknown[]]>([
    [{}, ['edcba', 'e', 'a', false, 'list']],
    [{ order: 'asc' }, ['abcde', 'a', 'e', false, 'list']],
    [{ limit: '2' }, ['ed', 'e', 'd', true, 'list']],
    [{ limit: '5' }, ['edcba', 'e', 'a', false, 'list']],
    [{ limit: '2', after: 'd' }, ['cb', 'c', 'b', true, 'list']],
    [{ limit: '2', after: 'c' }, ['ba', 'b', 'a', false, 'list']],
    [{ after: 'a' }, ['', null, null, false, 'list']],
    [{ limit: '2', before: 'b' }, ['dc', 'd', 'c', true, 'list']],
    [{ before: 'd' }, ['e', 'e', 'e', false, 'list']],
    [{ after: 'e', before: 'b', limit: '1' }, ['d', 'd', 'd', true, 'list']],
    [{ after: 'b', before: 'e' }, ['', null, null, false, 'list']],
  ])('of %j has %j', (query, expected) => {
    expect(page(query)).toEqual(expected);
  });

  it.each([
    [{ limit: '0' }, 'limit', 'invalid_value'],
    [{ limit: '101' }, 'limit', 'invalid_value'],
    [{ limit: 'x' }, 'limit', 'invalid_value'],
    [{ order: 'up' }, 'order', 'invalid_value'],
    [{ after: 'x'.repeat(129) }, 'after', 'invalid_value'],
    [{ pages: '1' }, 'pages', 'unsupported_parameter'],
  ])('of %j is refused by the name of the field', (query, param, code) => {
    expect(() => parseQuery(pageQuerySchema, query)).toThrow(expect.objectContaining({ status: 400, param, code }));
  });

  it('after an unknown entry is refused', () => {
    for (const name of ['after', 'before']) {
      expect(() => page({ [name]: 'x' })).toThrow(
        expect.objectContaining({
          param: name,
          message: `${name} is "x", which is no entry of this list. Give an id of it.`,
        }),
      );
    }
  });
});

describe('numbers that are too small for an engine', () => {
  it('are 0, or the least that it computes with', () => {
    expect([0, 9e-6, 1e-5, 0.5].map(flooredTemperature)).toEqual([0, 0, 1e-5, 0.5]);
    expect([1e-9, 1e-6, 0.5].map(flooredTopP)).toEqual([1e-6, 1e-6, 0.5]);
    expect([0, 9e-7, 1e-6, 0.5].map(flooredMinP)).toEqual([0, 0, 1e-6, 0.5]);
    expect([-9e-7, 9e-7, 1e-6, -1e-6, -2].map(flooredPenalty)).toEqual([0, 0, 1e-6, -1e-6, -2]);
  });

  it.each<[keyof typeof samplingFields, readonly (number | null)[], readonly number[]]>([
    ['temperature', [0, 2, null], [-0.1, 2.1]],
    ['top_p', [1e-9, 1, null], [0, 1.1]],
    ['top_k', [-1, 0, 2 ** 31 - 1, null], [-2, 0.5, 2 ** 31]],
    ['min_p', [0, 1, null], [-0.1, 1.1]],
    ['repetition_penalty', [0.01, 10, null], [0, 0.009, 10.1]],
    ['frequency_penalty', [-2, 2, null], [-2.1, 2.1]],
    ['presence_penalty', [-2, 2, null], [-2.1, 2.1]],
    ['seed', [-(2 ** 53 - 1_024), 2 ** 53 - 1_024, null], [0.5, 2 ** 53 - 1_023, -(2 ** 53 - 1_023)]],
  ])('%s takes %j and not %j', (name, accepted, refused) => {
    for (const value of accepted) expect(samplingFields[name].safeParse(value).success, String(value)).toBe(true);
    for (const value of refused) expect(samplingFields[name].safeParse(value).success, String(value)).toBe(false);
  });
});

describe('what clients send back of earlier turns', () => {
  it.each<[unknown, readonly string[]]>([
    ['text', ['text']],
    [
      ['a', { text: 'b' }, { type: 'text', text: 'c' }, { type: null, text: 'd' }],
      ['a', 'b', 'c', 'd'],
    ],
    [
      [
        { type: 'input_text', text: 'e' },
        { type: 'output_text', text: 'f' },
      ],
      ['e', 'f'],
    ],
    [
      [
        { type: 'refusal', refusal: 'no' },
        { type: 'refusal', refusal: 5 },
      ],
      ['no'],
    ],
    [[{ type: 'thinking', text: 'hm' }, { type: 'text', text: 5 }, { type: 5, text: 'x' }, 5, null], []],
    [5, []],
    [null, []],
  ])('%j has the texts %j', (content, texts) => {
    expect(echoedTexts(content)).toEqual(texts);
  });

  it('as the result of a tool is its text, with a remark for what is no text', () => {
    const reports: unknown[] = [];
    const result = (content: unknown) =>
      toolResultText(content, '|', 'messages.content', (...report) => reports.push(report));
    expect([null, undefined, 'text', { a: 1 }, 5, ['a', { text: 'b' }]].map(result)).toEqual([
      ...['', '', 'text', '{"a":1}', '5', 'a|b'],
    ]);
    expect(reports).toEqual([]);
    expect(result(['a', { type: 'image' }, 5, { type: 'x'.repeat(300) }])).toBe(
      `a|[image omitted: only text can be read]|[part omitted: only text can be read]|[${'x'.repeat(256)} omitted: only text can be read]`,
    );
    expect(reports).toEqual([1, 2, 3].map(() => ['messages.content', 'text_only']));
  });

  it('as a call has a name, an id and arguments', () => {
    expect(echoedCall('f', 'call_1', '{"a":1}')).toEqual({ id: 'call_1', name: 'f', arguments: '{"a":1}' });
    expect(echoedCall('f'.repeat(257), '', '')).toEqual({ id: 'call', name: 'f'.repeat(256), arguments: '{}' });
    for (const none of [null, undefined])
      expect(echoedCall('f', none, none)).toMatchObject({ id: 'call', arguments: '{}' });
    expect(echoedCall('f', 5, { a: 1 })).toMatchObject({ id: 'call', arguments: '{"a":1}' });
    for (const name of ['', 5, undefined]) expect(echoedCall(name, 'x', '{}')).toBeUndefined();
    expect(echoedId('x'.repeat(129))).toBe('x'.repeat(128));
  });

  it('in a list is rewritten item by item, and anything else is left alone', () => {
    expect(mapItems([{ a: 1 }, 5, null, ['b']], () => 'new')).toEqual(['new', 5, null, ['b']]);
    expect(mapItems('text', () => 'new')).toBe('text');
  });
});

describe('fields that ride along', () => {
  const values = [true, false, 'x', { a: 1 }];
  /** The reports of a field with each of the values: its reason, or what the schema decides. */
  const reportsOf = (field: string) => {
    const { reason, unless } = ridesAlongEverywhere[field] ?? {};
    return values.map((value) => (unless?.(value) === true ? 'schema' : reason));
  };

  it.each<[string, readonly string[]]>([
    ['store', ['not_stored', 'not_stored', 'not_stored', 'not_stored']],
    ['user', ['no_effect', 'no_effect', 'no_effect', 'no_effect']],
    ['prompt_cache_key', ['automatic', 'automatic', 'automatic', 'automatic']],
    ['cache_salt', ['automatic', 'automatic', 'automatic', 'automatic']],
    ['usage', ['schema', 'schema', 'schema', 'automatic']],
    ['parallel_tool_calls', ['schema', 'not_enforced', 'not_enforced', 'not_enforced']],
    ['separate_reasoning', ['automatic', 'schema', 'schema', 'schema']],
    ['stream_reasoning', ['automatic', 'schema', 'schema', 'schema']],
    ['add_generation_prompt', ['automatic', 'schema', 'schema', 'schema']],
    ['chat_template_kwargs.add_generation_prompt', ['automatic', 'schema', 'schema', 'schema']],
  ])('%s with true, false, a text and an object is reported as %j', (field, reports) => {
    expect(reportsOf(field)).toEqual(reports);
  });

  it('are reported even with a harmless value if their effect is expected', () => {
    const always = Object.entries(ridesAlongEverywhere).filter(([, rule]) => rule.always === true);
    expect(always.map(([field]) => field)).toEqual([
      'user',
      'safety_identifier',
      'prompt_cache_key',
      'parallel_tool_calls',
    ]);
  });
});

describe('the user of a request', () => {
  it('is named by the first field that has a name', () => {
    expect(userOf({ user: null, safety_identifier: '', metadata: 'u1', other: 'u2' })).toEqual({
      field: 'metadata',
      name: 'u1',
    });
    expect(userOf({ user: undefined })).toBeUndefined();
  });
});

describe('the thinking of a request', () => {
  const efforts = { low: 20, high: 100 } as const;
  const maximum = (request: Parameters<typeof toThinkingOptions>[0], known: object = efforts) =>
    toThinkingOptions(request, known).maximum;

  it.each<[Parameters<typeof toThinkingOptions>[0], string, number]>([
    [{ thinking: { max_tokens: 5 } }, 'thinking.max_tokens', 5],
    [{ reasoning: { max_tokens: 5 } }, 'reasoning.max_tokens', 5],
    [{ reasoning: { enabled: false } }, 'reasoning.enabled', 0],
    [{ enable_thinking: false }, 'enable_thinking', 0],
    [{ chat_template_kwargs: { enable_thinking: false } }, 'chat_template_kwargs.enable_thinking', 0],
    [{ chat_template_kwargs: { thinking: false } }, 'chat_template_kwargs.thinking', 0],
    [{ thinking_budget: 5 }, 'thinking_budget', 5],
    [{ thinking_token_budget: 5 }, 'thinking_token_budget', 5],
    [{ reasoning_budget_tokens: 5 }, 'reasoning_budget_tokens', 5],
    [{ thinking_budget_tokens: 5 }, 'thinking_budget_tokens', 5],
    [{ nvext: { max_thinking_tokens: 5 } }, 'nvext.max_thinking_tokens', 5],
    [{ think: false }, 'think', 0],
    [{ google: { thinkingConfig: { thinkingBudget: 5 } } }, 'google.thinkingConfig.thinkingBudget', 5],
    [
      { extra_body: { google: { thinking_config: { thinking_budget: 5 } } } },
      'extra_body.google.thinking_config.thinking_budget',
      5,
    ],
    [{ thinkingConfig: { thinkingBudget: 0 } }, 'thinkingConfig.thinkingBudget', 0],
  ])('%j sets its maximum by %s', (request, field, tokens) => {
    expect(maximum(request)).toEqual({ field, tokens, effort: false });
  });

  it.each<[Parameters<typeof toThinkingOptions>[0], string, number]>([
    [{ think: 'low' }, 'think', 20],
    [{ reasoning_effort: 'high' }, 'reasoning_effort', 100],
    [{ reasoning: { effort: 'low' } }, 'reasoning.effort', 20],
    [{ reasoning_effort: 'max' }, 'reasoning_effort', 100],
    [
      { generationConfig: { thinkingConfig: { thinkingLevel: 'LOW' } } },
      'generationConfig.thinkingConfig.thinkingLevel',
      20,
    ],
    [{ chat_template_kwargs: { reasoning_effort: 'low' } }, 'chat_template_kwargs.reasoning_effort', 20],
  ])('%j sets a preference by %s', (request, field, tokens) => {
    expect(maximum(request)).toEqual({ field, tokens, effort: true });
  });

  it('has none if nothing, a default or thinking as such is asked for', () => {
    for (const request of [{}, { thinking_budget: -1 }, { enable_thinking: true }, { think: true }]) {
      expect(maximum(request)).toBeUndefined();
    }
    expect(maximum({ reasoning_effort: 'max' }, { low: 20, xhigh: 70, high: 100 })).toMatchObject({ tokens: 70 });
  });

  it('may be set twice, if both agree', () => {
    expect(maximum({ thinking_budget: 20, reasoning_effort: 'low' })).toMatchObject({ field: 'thinking_budget' });
    expect(() => maximum({ thinking_budget: 21, reasoning_effort: 'low' })).toThrow(
      'thinking_budget and reasoning_effort set different maximums of thinking (21 and 20 tokens). Give only one.',
    );
    expect(() => maximum({ thinking: { waits: 1 }, thinking_budget: 0 })).toThrow(
      'thinking.waits (1) asks for more thinking, but thinking_budget sets a maximum of 0. Give a maximum above 0, or no waits.',
    );
    expect(maximum({ thinking: { waits: 0 }, thinking_budget: 0 })).toMatchObject({ tokens: 0 });
    expect(() => maximum({ reasoning_effort: 'medium' })).toThrow(
      'reasoning_effort "medium" is not configured for this model. Available efforts: low, high.',
    );
    expect(() => maximum({ reasoning_effort: 'max' }, {})).toThrow('reasoning_effort "max" is not configured');
  });

  it.each<[Parameters<typeof toThinkingOptions>[0], boolean]>([
    [{}, false],
    [{ reasoning: { exclude: true } }, true],
    [{ include_reasoning: false }, true],
    [{ include_reasoning: true }, false],
    [{ thinkingConfig: { includeThoughts: false } }, true],
    [{ thinkingConfig: { includeThoughts: true } }, false],
    [{ thinking_config: { include_thoughts: false } }, true],
  ])('%j is left out of the response: %s', (request, exclude) => {
    expect(toThinkingOptions(request, efforts).exclude).toBe(exclude);
  });

  it('has log-probabilities if it is shown, and as many others as asked for', () => {
    const top = (thinking: NonNullable<Parameters<typeof toThinkingOptions>[0]['thinking']>) =>
      toThinkingOptions({ thinking }, efforts).topLogprobs;
    expect([
      top({}),
      top({ logprobs: true }),
      top({ logprobs: true, top_logprobs: 3 }),
      top({ top_logprobs: 0 }),
    ]).toEqual([...[undefined, 0, 3, undefined]]);
    expect(() => top({ top_logprobs: 3 })).toThrow(
      'thinking.top_logprobs (3) requires thinking.logprobs: true. Give both or neither.',
    );
    expect(() => toThinkingOptions({ thinking: { logprobs: true }, include_reasoning: false }, efforts)).toThrow(
      'thinking.logprobs returns the tokens of the thinking, but the request leaves the thinking out of the response. Omit one of them.',
    );
    expect(() => refuseThinkingLogprobs({ logprobs: true })).toThrow('thinking.logprobs is not supported here');
    expect(() => refuseThinkingLogprobs({ top_logprobs: 0 })).toThrow('thinking.top_logprobs is not supported here');
    for (const fine of [undefined, {}, { logprobs: false }]) refuseThinkingLogprobs(fine);
  });

  it('may shrink under load down to its floor', () => {
    const elastic = (thinking: NonNullable<Parameters<typeof toThinkingOptions>[0]['thinking']>) =>
      toThinkingOptions({ thinking }, efforts).elastic;
    expect(elastic({})).toBeUndefined();
    expect(elastic({ elastic: false })).toEqual({ allowed: false, floorTokens: undefined });
    expect(elastic({ elastic: { floor_tokens: 5 }, max_tokens: 5 })).toEqual({ allowed: true, floorTokens: 5 });
    expect(() => elastic({ elastic: { floor_tokens: 6 }, max_tokens: 5 })).toThrow(
      'thinking.elastic.floor_tokens (6) is greater than thinking.max_tokens (5). Give a floor that is not above the maximum.',
    );
    expect(
      toThinkingOptions({ thinking: { elastic: { floor_tokens: 60 } }, reasoning_effort: 'low' }, efforts).elastic,
    ).toEqual({
      allowed: true,
      floorTokens: 60,
    });
  });
});

describe('sentences', () => {
  const sentences = (text: string, size: number) => {
    const reader = new SentenceReader();
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      text.slice(at * size, (at + 1) * size),
    );
    const found = pieces.flatMap((piece) => reader.push(piece));
    const rest = reader.end();
    return rest === '' ? found : [...found, rest];
  };

  it.each<readonly string[]>([
    ['It is 17. ', 'So it is.'],
    ['It is 3.14 or so. ', 'Yes!'],
    ['It is 17. [1] ', 'Then more.'],
    ['It is 17. [1, 2][3] ', 'See more.'],
    ['He said "so." ', 'Then "no."'],
    ['First line\n', 'second'],
    ['四です。', '次。'],
    ['Is it?! ', 'No…'],
    ['One.\n\n', '- two'],
    ['a. ', '(b). ', 'c'],
    [''],
  ])('are %j, %j', (...expected) => {
    const text = expected.join('');
    for (const size of [1, 2, 5, 1_000]) expect(sentences(text, size)).toEqual(expected.filter((one) => one !== ''));
  });

  it('begin anew after the end of a text', () => {
    const reader = new SentenceReader();
    reader.push('It is 17. [1');
    expect(reader.end()).toBe('It is 17. [1');
    expect(reader.push('a. b')).toEqual(['a. ']);
    reader.end();
    reader.push('a. ');
    reader.end();
    expect(reader.push('b')).toEqual([]);
  });
});
