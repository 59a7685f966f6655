import { describe, expect, it } from 'vitest';
import { hashKey } from '../../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../../lambda/keys/key-store.ts';
import { Ledger } from '../../../../lambda/keys/ledger.ts';
import { MemoryTable } from '../../../../lambda/storage/memory-table.ts';
import { bytes, IM_END, IM_START } from '../../forcing/tiny-vocabulary.ts';
import { eventsOf, type ScriptedSegment, scriptedApp } from '../../scripted-world.ts';

const post = (body: object, key?: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
  body: JSON.stringify({ model: 'scripted', ...body }),
});
const complete = async (script: readonly ScriptedSegment[], body: object) => {
  const world = scriptedApp(script);
  const response = await world.app.request('/v1/completions', post(body));
  return { ...world, status: response.status, answer: await response.json() };
};
const four: ScriptedSegment = { says: '\nFour.', ends: IM_END };

describe('Permission to send raw prompts', () => {
  const answer = async (rawPrompts: boolean, key: string | undefined, allowed: boolean) => {
    const keys = new KeyStore(new MemoryTable(), () => 1_700_000_000);
    const made = await keys.create('a', { rawPrompts: allowed });
    const { app } = scriptedApp([four], { rawPrompts, keys, keyHashes: async () => [hashKey('admin')] });
    return await app.request('/v1/completions', post({ prompt: 'x' }, key ?? made.key));
  };

  it.each([
    ['a deployment that does not allow them', false, undefined, true, 404, 'api.rawPrompts: true'],
    ['a deployment that does not allow them, with the admin key', false, 'admin', true, 404, '/v1/chat/completions'],
    ['a key that does not allow them', true, undefined, false, 403, 'raw_prompts: true'],
  ] as const)('%s refuses them with a sentence', async (_, deployment, key, allowed, status, sentence) => {
    const response = await answer(deployment, key, allowed);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining(sentence) } });
  });

  it('A key that allows them and the admin key may send them', async () => {
    expect((await answer(true, undefined, true)).status).toBe(200);
    expect((await answer(true, 'admin', false)).status).toBe(200);
  });

  it('The permission of a key can be given and taken over the admin API', async () => {
    const keys = new KeyStore(new MemoryTable(), () => 1_700_000_000);
    const { app } = scriptedApp([four], { keys, keyHashes: async () => [hashKey('admin')] });
    const made = await (await app.request('/v1/admin/keys', post({ name: 'a', model: undefined }, 'admin'))).json();
    expect(made).toMatchObject({ raw_prompts: false });
    const [record] = await keys.list();
    const change = { ...post({ raw_prompts: true, model: undefined }, 'admin'), method: 'PATCH' };
    expect((await app.request(`/v1/admin/keys/${record?.id}`, change)).status).toBe(200);
    expect(await keys.list()).toMatchObject([{ raw_prompts: true, limits: {} }]);
  });

  it('In chat a control string stays text, whatever the key allows', async () => {
    const { app, model } = scriptedApp([four]);
    const messages = [{ role: 'user', content: 'a<|im_end|>b' }];
    await app.request('/v1/chat/completions', post({ messages, thinking: { max_tokens: 0 } }));
    expect(String(model.requests[0]?.promptIds)).toContain(String(bytes('a<|im_end|>b')));
  });
});

describe('A plain completion', () => {
  it('Control strings of the prompt are control tokens, and nothing is added', async () => {
    const { model, answer } = await complete([four], {
      prompt: '<|im_start|>user\nHi<|im_end|>',
      max_tokens: 30,
      stop_token_ids: [IM_END],
    });
    expect(model.requests).toHaveLength(1);
    expect(model.requests[0]).toMatchObject({
      promptIds: [IM_START, ...bytes('user\nHi'), IM_END],
      maxTokens: 30,
      minTokens: 0,
      stopTokenIds: [IM_END],
    });
    expect(answer).toMatchObject({ object: 'text_completion', choices: [{ index: 0, logprobs: null }] });
  });

  it.each([
    ['ids', [IM_START, 65, 66], [[IM_START, 65, 66]]],
    ['texts', ['A', 'B<|im_end|>'], [[65], [66, IM_END]]],
    ['lists of ids', [[65], [IM_END, 66]], [[65], [IM_END, 66]]],
  ])('A prompt of %s is taken as it is', async (_, prompt, expected) => {
    const { model, answer } = await complete([four, four], { prompt, stop_token_ids: [IM_END] });
    expect(model.requests.map(({ promptIds }) => promptIds)).toEqual(expected);
    expect(answer).toMatchObject({ choices: expected.map((_ids, index) => ({ index })) });
  });

  it('The defaults are those of OpenAI: 16 tokens, and a length that is reported', async () => {
    const { answer } = await complete([{ says: 'a'.repeat(99) }], { prompt: 'x' });
    expect(answer).toMatchObject({
      choices: [{ text: 'a'.repeat(16), finish_reason: 'length', stop_reason: null }],
      usage: { prompt_tokens: 1, completion_tokens: 16, total_tokens: 17 },
    });
  });

  it('stop_token_ids end it, and return_token_ids returns the ids with the one that ended it', async () => {
    const { answer, model } = await complete([{ says: '\nab', ends: IM_START }], {
      prompt: [1],
      stop_token_ids: [IM_START],
      return_token_ids: true,
      min_tokens: 2,
    });
    expect(model.requests[0]).toMatchObject({ stopTokenIds: [IM_START], minTokens: 2 });
    expect(answer).toMatchObject({
      choices: [
        {
          text: '\nab',
          finish_reason: 'stop',
          stop_reason: IM_START,
          prompt_token_ids: [1],
          token_ids: [...bytes('\nab'), IM_START],
        },
      ],
    });
  });

  it('A stop text ends it and is not part of it', async () => {
    const { answer } = await complete([{ says: 'one. two. three' }], { prompt: 'x', stop: ['two', 'never'] });
    expect(answer).toMatchObject({ choices: [{ text: 'one. ', finish_reason: 'stop', stop_reason: 'two' }] });
  });

  it('echo puts the prompt before the text', async () => {
    expect((await complete([four], { prompt: 'Q<|im_end|>', echo: true })).answer).toMatchObject({
      choices: [{ text: expect.stringMatching(/^Q<\|im_end\|>\nFour\./) }],
    });
  });

  it('ignore_eos keeps the model from ending', async () => {
    const { model } = await complete([{ says: 'abc' }], { prompt: 'x', ignore_eos: true, max_tokens: 3 });
    expect(model.requests[0]).toMatchObject({ minTokens: 3, maxTokens: 3 });
  });

  it('n and seed give samples of their own seeds', async () => {
    const { model, answer } = await complete([four, four, four], {
      prompt: 'x',
      n: 3,
      seed: 5,
      stop_token_ids: [IM_END],
    });
    expect(new Set(model.requests.map(({ sampling }) => sampling.seed)).size).toBe(3);
    expect(answer).toMatchObject({ choices: [{ index: 0 }, { index: 1 }, { index: 2 }] });
  });

  it('A stream has chunks of text_completion, the usage if asked for, and [DONE]', async () => {
    const { app } = scriptedApp([{ says: 'ab', ends: IM_END }]);
    const request = {
      prompt: 'x',
      stream: true,
      stop_token_ids: [IM_END],
      return_token_ids: true,
      stream_options: { include_usage: true },
    };
    const events = await eventsOf(await app.request('/v1/completions', post(request)));
    expect(events.at(-1)).toBe('[DONE]');
    expect(events.at(-2)).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });
    const choices = events.slice(0, -2).map((event) => JSON.parse(JSON.stringify(event)).choices[0]);
    expect(choices.map(({ text }) => text).join('')).toBe('ab');
    expect(choices.flatMap(({ token_ids: ids = [] }) => ids)).toEqual([...bytes('ab'), IM_END]);
    expect(choices.at(-1)).toMatchObject({ finish_reason: 'stop', stop_reason: IM_END });
    expect(events[0]).toMatchObject({ object: 'text_completion', choices: [{ prompt_token_ids: [120] }] });
  });

  it.each([
    [{ max_tokens: 0 }, 'max_tokens', 'echo: true'],
    [{ min_tokens: 20 }, 'min_tokens', 'max_tokens (16)'],
    [{ best_of: 3 }, 'best_of', 'greater than n (1)'],
    [{ suffix: 'x' }, 'suffix', ''],
    [{ prompt: '' }, 'prompt', ''],
    [{ prompt: [] }, 'prompt', ''],
    [{ prompt: 'a'.repeat(5_000) }, 'prompt', 'context window'],
    [{ thinking: { max_tokens: 5 }, echo: true }, 'echo', 'thinking'],
    [{ reasoning_effort: 'low', stop_token_ids: [1] }, 'stop_token_ids', 'reasoning_effort'],
    [{ thinking: {}, return_token_ids: true }, 'return_token_ids', 'thinking'],
  ])('%j is refused by name', async (body, field, sentence) => {
    const { status, answer } = await complete([four], { prompt: 'x', ...body });
    expect(status).toBe(400);
    expect(answer).toMatchObject({ error: { param: field, message: expect.stringContaining(sentence) } });
  });

  it('Every prompt is counted, and if one is refused all are released', async () => {
    const table = new MemoryTable();
    const unixTime = () => 1_700_000_000;
    const keys = new KeyStore(table, unixTime);
    const { key, record } = await keys.create('a', {
      rawPrompts: true,
      limits: { tokens_per_day: 40, concurrent_requests: 2 },
    });
    const world = { keys, ledger: new Ledger(table, unixTime), keyHashes: async () => [hashKey('admin')] };
    const { app } = scriptedApp([four, four, four, four], world);
    const ask = async (count: number) =>
      await app.request(
        '/v1/completions',
        post({ prompt: Array.from({ length: count }, () => 'x'), max_tokens: 8, stop_token_ids: [IM_END] }, key),
      );
    expect((await ask(3)).status).toBe(429);
    expect((await ask(2)).status).toBe(200);
    const statuses = [];
    for await (const { status, answer } of world.ledger.records(['2023-11-14'], record.id))
      statuses.push([status, answer]);
    expect(statuses.map(([status]) => status)).toEqual(statuses.map(() => 'settled'));
    expect(statuses.reduce((sum, [, answer]) => sum + Number(answer), 0)).toBe(12);
  });
});

describe('A completion with a budget', () => {
  it('The format opens the thinking after the prompt, and the budget applies', async () => {
    const { model, answer } = await complete([{ says: '\nabcdefgh' }, four], {
      prompt: '<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n',
      thinking: { max_tokens: 5 },
    });
    const prompt = [IM_START, ...bytes('user\nx'), IM_END, ...bytes('\n'), IM_START, ...bytes('assistant\n')];
    expect(model.requests[0]?.promptIds).toEqual([...prompt, IM_START, ...bytes('think')]);
    expect(answer).toMatchObject({
      choices: [
        {
          text: expect.stringContaining('Final Answer:'),
          reasoning_content: 'abcd',
          budget_forcing: { thinking_tokens: 5, end_reason: 'budget' },
        },
      ],
      usage: { completion_tokens_details: { reasoning_tokens: 5 } },
    });
  });

  it.each([{ reasoning_effort: 'low' }, { thinking_budget: 20 }, { thinking: { min_tokens: 3, waits: 1 } }])(
    'The budget of %j applies, streamed or not',
    async (budget) => {
      const script = [{ says: '\nab', ends: IM_START }, { says: 'cdefg', ends: IM_START }, four];
      const { answer } = await complete(script, { prompt: 'x', ...budget });
      expect(answer).toMatchObject({ choices: [{ budget_forcing: { end_reason: 'model' } }] });
      const { app } = scriptedApp(script);
      const events = await eventsOf(
        await app.request('/v1/completions', post({ prompt: 'x', ...budget, stream: true })),
      );
      expect(JSON.stringify(events)).toContain('"reasoning_content"');
    },
  );
});
