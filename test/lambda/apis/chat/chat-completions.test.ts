import { describe, expect, it } from 'vitest';
import { hashKey } from '../../../../lambda/keys/hash-key.ts';
import { ModelRejectedError, NoCapacityError, StreamBrokenError } from '../../../../lambda/upstream/errors.ts';
import { IM_END, IM_START } from '../../forcing/tiny-vocabulary.ts';
import { chat, eventsOf, scriptedApp, scriptedModel } from '../../scripted-world.ts';
import { completionOf, errorOf } from './completion-schema.ts';

const thinks = (says: string) => ({ says, ends: IM_START });
const answers = (says: string) => ({ says, ends: IM_END });
const path = '/v1/chat/completions';

describe('POST /v1/chat/completions', () => {
  it('gives the thought, the answer, usage and the account', async () => {
    const { app } = scriptedApp([thinks('\n1 + 1 = 2.'), answers('\nTwo.')]);
    const response = await app.request(path, chat({}));
    expect(response.status).toBe(200);
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(await response.json()).toMatchObject({
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'scripted',
      choices: [
        {
          finish_reason: 'stop',
          message: { role: 'assistant', content: 'Two.', reasoning_content: '1 + 1 = 2.', reasoning: '1 + 1 = 2.' },
        },
      ],
      usage: { completion_tokens: 16, completion_tokens_details: { reasoning_tokens: 11 } },
      budget_forcing: { thinking_tokens: 11, answer_tokens: 5, end_reason: 'model', waits: 0, segments: 2 },
    });
  });

  it('thinks exactly as long as minimum and maximum say when they are equal', async () => {
    const { app, model } = scriptedApp([
      thinks('\nshort'),
      thinks(' longer now'),
      { says: 'x'.repeat(90) },
      answers(' 2'),
    ]);
    const response = await app.request(path, chat({ thinking: { min_tokens: 48, max_tokens: 48 } }));
    const body = await completionOf(response);
    expect(body.usage.completion_tokens_details.reasoning_tokens).toBe(48);
    expect(body.budget_forcing).toMatchObject({ end_reason: 'budget', waits: 2, minimum_missed: null });
    expect(body.choices[0].message.reasoning_content).toMatch(/^shortWait longer nowWaitx+$/);
    expect(body.choices[0].message.content).toBe('Final Answer: 2');
    expect(model.requests.map((request) => request.minTokens)).toEqual([0, 1, 1, 1]);
  });

  it('answers at once with a budget of 0', async () => {
    const { app, model } = scriptedApp([answers(' 2')]);
    const body = await completionOf(await app.request(path, chat({ thinking: { max_tokens: 0 } })));
    expect(body.choices[0].message).toMatchObject({ content: 'Final Answer: 2', reasoning_content: '' });
    expect(body.usage.completion_tokens_details.reasoning_tokens).toBe(0);
    expect(body.budget_forcing).toMatchObject({ end_reason: 'disabled', segments: 1 });
    expect(model.requests).toHaveLength(1);
  });

  it("suppresses as many ends as `waits` says where there is no minimum, with the caller's own text", async () => {
    const { app } = scriptedApp([thinks('a'), thinks('b'), thinks('c'), answers('d')]);
    const body = await completionOf(await app.request(path, chat({ thinking: { waits: 2, wait_text: ' Hmm.' } })));
    expect(body.choices[0].message.reasoning_content).toBe('a Hmm.b Hmm.c');
    expect(body.budget_forcing).toMatchObject({ waits: 2, end_reason: 'model' });
  });

  it('reads reasoning_effort from the table of the model', async () => {
    const { app } = scriptedApp([{ says: 'x'.repeat(30) }, answers('y')]);
    const body = await completionOf(await app.request(path, chat({ reasoning_effort: 'low' })));
    expect(body.budget_forcing).toMatchObject({ thinking_tokens: 20, limits: { max_tokens: 20 } });
  });

  it('lets thinking and answer together take no more than max_completion_tokens, and leaves room for an answer', async () => {
    const { app } = scriptedApp([{ says: 'x'.repeat(500) }, { says: 'y'.repeat(500) }]);
    const body = await completionOf(await app.request(path, chat({ max_completion_tokens: 40 })));
    expect(body.usage.completion_tokens).toBe(40);
    expect(body.choices[0].finish_reason).toBe('length');
    expect(body.budget_forcing.limits.shrunk).toEqual([
      { limit: 'max_tokens', from: 200, to: 30, because: 'max_completion_tokens' },
    ]);
  });

  it('stops the answer, not the thought, at the text of `stop`', async () => {
    const { app } = scriptedApp([thinks('one END two'), answers('three END four')]);
    const body = await completionOf(await app.request(path, chat({ stop: 'END' })));
    expect(body.choices[0].message).toMatchObject({ content: 'three ', reasoning_content: 'one END two' });
    expect(body.choices[0].finish_reason).toBe('stop');
  });

  it('goes on from the ids so far when a call breaks, and says so', async () => {
    const { app, model } = scriptedApp([
      { says: 'half of', fails: new StreamBrokenError('gone') },
      thinks(' a thought'),
      answers('ok'),
    ]);
    const body = await completionOf(await app.request(path, chat({})));
    expect(body.choices[0].message.reasoning_content).toBe('half of a thought');
    expect(body.budget_forcing.events).toEqual([{ kind: 'resume', at: 7 }]);
    expect(body.budget_forcing.calls[0]).toMatchObject({ tokens: 7, failure: 'model_stream_broken' });
    expect(model.requests[1]?.promptIds).toHaveLength((model.requests[0]?.promptIds.length ?? 0) + 7);
  });

  it('answers 503 with Retry-After where no copy is there', async () => {
    const { app } = scriptedApp([{ says: '', fails: new NoCapacityError('The endpoint is at zero copies.') }]);
    const response = await app.request(path, chat({ stream: true }));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({ error: { type: 'server_error', code: 'model_no_capacity' } });
  });

  it('waits for a copy, the stream kept alive, where it is told to', async () => {
    const { app } = scriptedApp(
      [
        { says: '', fails: new NoCapacityError('zero') },
        { says: '', fails: new NoCapacityError('zero') },
        thinks('x'),
        answers('y'),
      ],
      { capacityWaitMs: 60_000 },
    );
    const events = await eventsOf(await app.request(path, chat({ stream: true })));
    expect(events.filter((event) => typeof event === 'string' && event.includes('model_no_capacity'))).toHaveLength(2);
    expect(events.at(-1)).toBe('[DONE]');
  });
});

describe('a stream of POST /v1/chat/completions', () => {
  it('sends role, thoughts, answer, finish with the account, usage where asked for, and [DONE]', async () => {
    const { app } = scriptedApp([thinks('ab'), answers('cd')]);
    const response = await app.request(path, chat({ stream: true, stream_options: { include_usage: true } }));
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = await eventsOf(response);
    expect(events).toMatchObject([
      { choices: [{ delta: { role: 'assistant' } }] },
      { choices: [{ delta: { reasoning_content: 'a', reasoning: 'a' } }] },
      { choices: [{ delta: { reasoning_content: 'b' } }] },
      { choices: [{ delta: { content: 'c' } }] },
      { choices: [{ delta: { content: 'd' } }] },
      { choices: [{ delta: {}, finish_reason: 'stop' }], budget_forcing: { thinking_tokens: 2 } },
      { choices: [], usage: { completion_tokens: 4 } },
      '[DONE]',
    ]);
  });

  it('marks what was forced', async () => {
    const { app } = scriptedApp([thinks('a'), { says: 'bc' }, answers('d')]);
    const events = await eventsOf(
      await app.request(path, chat({ stream: true, thinking: { waits: 1, max_tokens: 3 } })),
    );
    const forced = events.filter((event) => JSON.stringify(event).includes('"forced":true'));
    expect(forced).toMatchObject([
      { choices: [{ delta: { reasoning_content: 'Wait' } }] },
      { choices: [{ delta: { content: 'Final Answer:' } }] },
    ]);
  });

  it('ends with an error event when it fails after its start', async () => {
    const { app, log } = scriptedApp([{ says: 'abc', fails: new ModelRejectedError('The server refused it.') }]);
    const events = await eventsOf(await app.request(path, chat({ stream: true })));
    expect(events.at(-1)).toMatchObject({
      error: { message: 'The server refused it.', code: 'model_rejected_request' },
    });
    expect(events).not.toContain('[DONE]');
    expect(log).toContainEqual(expect.objectContaining({ message: 'request failed', code: 'model_rejected_request' }));
  });

  it('sends a comment through a silence, so that nothing on the way hangs up', async () => {
    const { app, model } = scriptedApp([{ says: 'a', hangs: true }], { keepAliveMs: 20 });
    const response = await app.request(path, chat({ stream: true }));
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes(': keep-alive')) text += (await reader?.read())?.value ?? '';
    await reader?.cancel();
    expect(model.aborted).toBe(1);
  });

  it('stops the model when the client goes away', async () => {
    const { app, model, log } = scriptedApp([{ says: 'abc', hangs: true }], { keepAliveMs: 20 });
    const response = await app.request(path, chat({ stream: true }));
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('"content":"a"') && !text.includes('"reasoning_content":"c"'))
      text += (await reader?.read())?.value ?? '';
    await reader?.cancel();
    await expect.poll(() => model.aborted).toBe(1);
    expect(log).toContainEqual(expect.objectContaining({ message: 'generation', outcome: 'aborted' }));
  });
});

describe('several samples', () => {
  it('are choices of their own, each with its account, and usage counts the prompt once', async () => {
    const { app } = scriptedApp([thinks('a'), thinks('b'), answers('1'), answers('2')]);
    const body: unknown = await (await app.request(path, chat({ n: 2 }))).json();
    expect(body).toMatchObject({
      choices: [
        { index: 0, message: { reasoning_content: 'a' }, budget_forcing: { thinking_tokens: 1 } },
        { index: 1, message: { reasoning_content: 'b' }, budget_forcing: { thinking_tokens: 1 } },
      ],
      usage: { completion_tokens: 4, completion_tokens_details: { reasoning_tokens: 2 } },
    });
    expect(body).not.toHaveProperty('budget_forcing');
  });

  it('are sampled with seeds of their own', async () => {
    const { app, model } = scriptedApp([]);
    await app.request(path, chat({ n: 3, seed: 7, thinking: { max_tokens: 0 } }));
    expect(model.requests.map((request) => request.sampling.seed)).toEqual([7, 8, 9]);
  });

  it('come in one stream as they are made', async () => {
    const { app } = scriptedApp([thinks('a'), thinks('b'), answers('1'), answers('2')]);
    const events = await eventsOf(await app.request(path, chat({ n: 2, stream: true })));
    const text = JSON.stringify(events);
    for (const index of [0, 1]) expect(text).toContain(`"index":${index},"delta":{"role":"assistant"`);
    expect(events.filter((event) => JSON.stringify(event).includes('"finish_reason":"stop"'))).toHaveLength(2);
    expect(events.at(-1)).toBe('[DONE]');
  });

  it('vote: the answer of most of them is the answer', async () => {
    const script = [answers(' 4'), answers(' 5.0'), answers(' the answer is 5')];
    const thinking = { max_tokens: 0 };
    const { app } = scriptedApp(script);
    expect(await (await app.request(path, chat({ n: 3, vote: true, thinking }))).json()).toMatchObject({
      choices: [{ index: 0, message: { content: 'Final Answer: 5.0' } }],
      vote: {
        finished: 3,
        of: 3,
        counts: [
          { answer: '5', votes: 2 },
          { answer: '4', votes: 1 },
        ],
      },
    });
    const events = await eventsOf(
      await scriptedApp(script).app.request(path, chat({ n: 3, vote: true, thinking, stream: true })),
    );
    expect(events.slice(0, 3)).toMatchObject([
      { vote: { finished: 1 } },
      { vote: { finished: 2 } },
      { vote: { finished: 3, of: 3 } },
    ]);
    expect(JSON.stringify(events)).toContain('"content":"Final Answer: 5.0"');
  });

  it('end together when one of them fails', async () => {
    const { app, model } = scriptedApp([
      { says: 'a', fails: new ModelRejectedError('no') },
      { says: 'b', hangs: true },
    ]);
    const response = await app.request(path, chat({ n: 2 }));
    expect(response.status).toBe(400);
    expect(model.aborted).toBe(1);
  });
});

describe('a wrong request', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>, string, string])[] = [
    ['no messages', { messages: undefined }, 'messages', 'messages is missing: give a list.'],
    ['an empty list', { messages: [] }, 'messages', 'messages must have at least 1 items; a list of 0 came.'],
    ['an unknown role', { messages: [{ role: 'wizard', content: 'x' }] }, 'messages[0].role', 'messages[0].role'],
    [
      'content of a wrong type',
      { messages: [{ role: 'user', content: 7 }] },
      'messages[0].content',
      'messages[0].content must be a string or a list; 7 came.',
    ],
    [
      'an image',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'messages[0].content[0].type',
      'must be one of "text"',
    ],
    ['an unknown field', { thikning: {} }, 'thikning', 'thikning is not supported here. Leave it out.'],
    [
      'an unknown field inside',
      { thinking: { max: 3 } },
      'thinking.max',
      'thinking.max is not supported here. Leave it out.',
    ],
    [
      'a negative budget',
      { thinking: { max_tokens: -1 } },
      'thinking.max_tokens',
      'thinking.max_tokens must be at least 0; -1 came.',
    ],
    [
      'half a token',
      { thinking: { max_tokens: 1.5 } },
      'thinking.max_tokens',
      'thinking.max_tokens must be a whole number; 1.5 came.',
    ],
    ['a hot temperature', { temperature: 3 }, 'temperature', 'temperature must be at most 2; 3 came.'],
    [
      'an effort that does not exist',
      { reasoning_effort: 'huge' },
      'reasoning_effort',
      'reasoning_effort must be one of "none", "minimal", "low", "medium", "high", "xhigh"; "huge" came.',
    ],
    [
      'an effort that this model does not know',
      { reasoning_effort: 'xhigh' },
      'reasoning_effort',
      'It knows: none, low, medium, high.',
    ],
    [
      'a minimum above the maximum',
      { thinking: { min_tokens: 9, max_tokens: 8 } },
      'thinking.min_tokens',
      'thinking.min_tokens (9) is greater than thinking.max_tokens (8)',
    ],
    [
      'a maximum twice',
      { reasoning_effort: 'low', thinking: { max_tokens: 8 } },
      'reasoning_effort',
      'thinking.max_tokens',
    ],
    ['a maximum over the ceiling', { thinking: { max_tokens: 5_000 } }, 'thinking.max_tokens', 'at most 1000'],
    [
      'no room for an answer',
      { thinking: { max_tokens: 50 }, max_tokens: 50 },
      'thinking.max_tokens',
      'max_tokens (50)',
    ],
    ['waits without thinking', { thinking: { max_tokens: 0, waits: 1 } }, 'thinking.waits', 'a maximum of 0'],
    ['two limits that differ', { max_tokens: 5, max_completion_tokens: 6 }, 'max_tokens', 'max_completion_tokens (6)'],
    ['too many choices', { n: 17 }, 'n', 'n must be at most 16; 17 came.'],
    ['a vote of one', { vote: true }, 'vote', 'vote needs several samples'],
  ];
  it.each(cases)('with %s is a 400 that names the field', async (_name, change, param, sentence) => {
    const { app, model } = scriptedApp([]);
    const response = await app.request(path, chat(change));
    const error = await errorOf(response);
    expect(error.message).toContain(sentence);
    expect(error).toMatchObject({ type: 'invalid_request_error', param });
    expect(response.status).toBe(400);
    expect(model.requests).toHaveLength(0);
  });

  it('with a conversation that does not fit says so', async () => {
    const { app } = scriptedApp([]);
    const response = await app.request(path, chat({ messages: [{ role: 'user', content: 'x'.repeat(5_000) }] }));
    expect(await response.json()).toMatchObject({ error: { code: 'context_length_exceeded', param: 'messages' } });
  });

  it('with an unknown model is a 404 that names those there are', async () => {
    const response = await scriptedApp([]).app.request(path, chat({ model: 'gpt-9' }));
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error: {
        message: 'There is no model "gpt-9" here. There is: "scripted".',
        code: 'model_not_found',
        param: 'model',
      },
    });
  });

  it.each([
    ['no JSON', '{', 400, 'invalid_json'],
    ['nothing', '', 400, 'invalid_json'],
    ['a list', '[]', 400, 'invalid_json'],
    ['5 MB', `{"model":"${'x'.repeat(5_000_000)}"}`, 413, 'request_too_large'],
  ])('whose body is %s is refused', async (_name, body, status, code) => {
    const response = await scriptedApp([]).app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code } });
  });

  it('by a method or at a path that is not there says what is', async () => {
    const { app } = scriptedApp([]);
    const wrongMethod = await app.request(path);
    expect(wrongMethod.status).toBe(405);
    expect(wrongMethod.headers.get('allow')).toBe('POST');
    expect((await app.request('/v2/nothing')).status).toBe(404);
  });
});

describe('a key', () => {
  const keyHashes = async () => [hashKey('old'), hashKey('secret')];
  it.each([
    ['is missing', {}, 401, 'missing_api_key'],
    ['is wrong', { authorization: 'Bearer nope' }, 401, 'invalid_api_key'],
    ['comes by another scheme', { authorization: 'Basic c2VjcmV0' }, 401, 'missing_api_key'],
  ])('that %s is a 401', async (_name, headers, status, code) => {
    const { app, model } = scriptedApp([], { keyHashes });
    const response = await app.request(path, chat({}, headers));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { type: 'authentication_error', code } });
    expect(model.requests).toHaveLength(0);
  });

  it('that is valid is let through, and /healthz needs none', async () => {
    const { app } = scriptedApp([thinks('a'), answers('b')], { keyHashes });
    expect((await app.request(path, chat({}, { authorization: 'Bearer secret' }))).status).toBe(200);
    expect((await app.request('/healthz')).status).toBe(200);
    expect((await app.request('/v1/models')).status).toBe(401);
  });
});

describe('GET /v1/models', () => {
  it('tells the window, the format and the budgets', async () => {
    const { app } = scriptedApp([]);
    expect(await (await app.request('/v1/models')).json()).toMatchObject({
      object: 'list',
      data: [
        { id: 'scripted', object: 'model', context_window: 4_096, budget_forcing: { format: 's1', max_tokens: 1_000 } },
      ],
    });
    expect((await app.request('/v1/models/scripted')).status).toBe(200);
    expect((await app.request('/v1/models/other')).status).toBe(404);
  });

  it('tells of each model in front of which the API stands, and asks the one that is named', async () => {
    const price = { prompt: 1, completion: 2 };
    const second = scriptedModel('second', [thinks('x'), answers('second')], { dollarsPerMillionTokens: price });
    const { app } = scriptedApp([], { models: [scriptedModel('one', [thinks('x'), answers('first')]), second] });
    expect(await (await app.request('/v1/models')).json()).toMatchObject({
      data: [
        { id: 'one', price: null },
        { id: 'second', price },
      ],
    });
    const answer = await completionOf(await app.request(path, chat({ model: 'second' })));
    expect(answer.choices[0].message.content).toBe('second');
  });
});

describe('the log', () => {
  it('has one line a request, with the account and without any text', async () => {
    const { app, log } = scriptedApp([thinks('secret thought'), answers('secret answer')]);
    await app.request(path, chat({ messages: [{ role: 'user', content: 'secret question' }] }));
    expect(log).toMatchObject([{ message: 'generation', outcome: 'done', thinkingTokens: 14, endReason: 'model' }]);
    expect(JSON.stringify(log)).not.toContain('secret');
  });
});
