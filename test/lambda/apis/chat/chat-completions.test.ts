import { describe, expect, it } from 'vitest';
import { hashKey } from '../../../../lambda/keys/hash-key.ts';
import { ModelRejectedError, NoCapacityError, StreamBrokenError } from '../../../../lambda/upstream/errors.ts';
import { decode, IM_END, IM_START } from '../../forcing/tiny-vocabulary.ts';
import { chat, eventsOf, scriptedApp, scriptedModel } from '../../scripted-world.ts';
import { completionOf, errorOf } from './completion-schema.ts';

const thinks = (says: string) => ({ says, ends: IM_START });
const answers = (says: string) => ({ says, ends: IM_END });
const path = '/v1/chat/completions';

describe('POST /v1/chat/completions', () => {
  it('a completion has thinking, answer, usage and the account of forcing', async () => {
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

  it('thinking has exactly the length of an equal minimum and maximum', async () => {
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

  it('a budget of 0 answers without thinking', async () => {
    const { app, model } = scriptedApp([answers(' 2')]);
    const body = await completionOf(await app.request(path, chat({ thinking: { max_tokens: 0 } })));
    expect(body.choices[0].message).toMatchObject({ content: 'Final Answer: 2', reasoning_content: '' });
    expect(body.usage.completion_tokens_details.reasoning_tokens).toBe(0);
    expect(body.budget_forcing).toMatchObject({ end_reason: 'disabled', segments: 1 });
    expect(model.requests).toHaveLength(1);
  });

  it("without a minimum, `waits` suppresses that many ends with the caller's own text", async () => {
    const { app } = scriptedApp([thinks('a'), thinks('b'), thinks('c'), answers('d')]);
    const body = await completionOf(await app.request(path, chat({ thinking: { waits: 2, wait_text: ' Hmm.' } })));
    expect(body.choices[0].message.reasoning_content).toBe('a Hmm.b Hmm.c');
    expect(body.budget_forcing).toMatchObject({ waits: 2, end_reason: 'model' });
  });

  it('reasoning_effort sets the maximum of the model’s settings', async () => {
    const { app } = scriptedApp([{ says: 'x'.repeat(30) }, answers('y')]);
    const body = await completionOf(await app.request(path, chat({ reasoning_effort: 'low' })));
    expect(body.budget_forcing).toMatchObject({ thinking_tokens: 20, limits: { max_tokens: 20 } });
  });

  it('max_completion_tokens limits thinking and answer together, and leaves room for an answer', async () => {
    const { app } = scriptedApp([{ says: 'x'.repeat(500) }, { says: 'y'.repeat(500) }]);
    const body = await completionOf(await app.request(path, chat({ max_completion_tokens: 40 })));
    expect(body.usage.completion_tokens).toBe(40);
    expect(body.choices[0].finish_reason).toBe('length');
    expect(body.budget_forcing.limits.shrunk).toEqual([
      { limit: 'max_tokens', from: 200, to: 30, because: 'max_completion_tokens' },
    ]);
  });

  it('`stop` ends the answer, not thinking', async () => {
    const { app } = scriptedApp([thinks('one END two'), answers('three END four')]);
    const body = await completionOf(await app.request(path, chat({ stop: 'END' })));
    expect(body.choices[0].message).toMatchObject({ content: 'three ', reasoning_content: 'one END two' });
    expect(body.choices[0].finish_reason).toBe('stop');
  });

  it('a generation continues from the ids so far when a call breaks, and reports it', async () => {
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

  it('a request without a copy is a 503 with Retry-After', async () => {
    const { app } = scriptedApp([{ says: '', fails: new NoCapacityError('The endpoint is at zero copies.') }]);
    const response = await app.request(path, chat({ stream: true }));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({ error: { type: 'server_error', code: 'model_no_capacity' } });
  });

  it('with capacityWaitMs, a stream is kept alive while it waits for a copy', async () => {
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
  it('a stream has role, thinking, answer, finish with the account, usage if requested, and [DONE]', async () => {
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

  it('a stream marks forced text', async () => {
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

  it('a stream that fails after its start ends with an error event', async () => {
    const { app, log } = scriptedApp([{ says: 'abc', fails: new ModelRejectedError('The server refused it.') }]);
    const events = await eventsOf(await app.request(path, chat({ stream: true })));
    expect(events.at(-1)).toMatchObject({
      error: { message: 'The server refused it.', code: 'model_rejected_request' },
    });
    expect(events).not.toContain('[DONE]');
    expect(log).toContainEqual(expect.objectContaining({ message: 'request failed', code: 'model_rejected_request' }));
  });

  it('a silent stream sends a comment, so that no proxy closes the connection', async () => {
    const { app, model } = scriptedApp([{ says: 'a', hangs: true }], { keepAliveMs: 20 });
    const response = await app.request(path, chat({ stream: true }));
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes(': keep-alive')) text += (await reader?.read())?.value ?? '';
    await reader?.cancel();
    expect(model.aborted).toBe(1);
  });

  it('the model stops when the client disconnects', async () => {
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
  it('each sample is a choice with its own account, and usage counts the prompt once', async () => {
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

  it('a list of wait texts has one for each Wait in turn, and the last one repeats', async () => {
    const { app, model } = scriptedApp(['a', 'b', 'c', 'd'].map(thinks));
    const wait_text = [' Hmm.', ' Check it.'];
    const body = await completionOf(await app.request(path, chat({ thinking: { waits: 3, wait_text } })));
    expect(body.choices[0].message.reasoning_content).toBe('a Hmm.b Check it.c Check it.d');
    expect(body.budget_forcing).toMatchObject({
      waits: 3,
      thinking_tokens: 'a Hmm.b Check it.c Check it.d'.length,
      events: [' Hmm.', ' Check it.', ' Check it.'].map((text) => ({ kind: 'wait', text, tokens: text.length })),
    });
    expect(decode(model.requests[2]?.promptIds ?? [])).toMatch(/a Hmm\.b Check it\.$/);
  });

  it('a list of one wait text is that text, and reported without it', async () => {
    const { app } = scriptedApp(['a', 'b', 'c'].map(thinks));
    const body = await completionOf(await app.request(path, chat({ thinking: { waits: 2, wait_text: [' Hmm.'] } })));
    expect(body.choices[0].message.reasoning_content).toBe('a Hmm.b Hmm.c');
    expect(body.budget_forcing.events[0]).not.toHaveProperty('text');
  });

  it('a wait text of the list that no longer fits masks the end instead', async () => {
    const { app, model } = scriptedApp([thinks('a'), thinks('b'), { says: 'c'.repeat(50) }]);
    const thinking = { min_tokens: 12, max_tokens: 12, waits: 2, wait_text: ['W', 'a text that is too long'] };
    const body = await completionOf(await app.request(path, chat({ thinking })));
    expect(body.budget_forcing).toMatchObject({ waits: 1, thinking_tokens: 12 });
    expect(model.requests[2]).toMatchObject({ minTokens: 9 });
  });

  it.each([[[]], [['']], ['x'.repeat(257)], [['x', 'x'.repeat(257)]], [Array.from({ length: 65 }, () => 'x')], [[1]]])(
    'a wait text out of its limits is a 400 that names the field: %j',
    async (wait_text) => {
      const response = await scriptedApp([]).app.request(path, chat({ thinking: { waits: 1, wait_text } }));
      expect(response.status).toBe(400);
      expect((await errorOf(response)).param).toContain('thinking.wait_text');
    },
  );

  it.each([
    ['/v1/responses', { messages: undefined, input: 'Hi' }],
    ['/v1/messages', { max_tokens: 200 }],
    ['/v1/completions', { messages: undefined, prompt: 'Hi' }],
  ])('a list of wait texts works in %s', async (route, fields) => {
    const { app, model } = scriptedApp(['a', 'b', 'c'].map(thinks));
    const thinking = { waits: 2, wait_text: [' Hmm.', ' Check it.'] };
    expect((await app.request(route, chat({ ...fields, thinking }))).status).toBe(200);
    expect(decode(model.requests[2]?.promptIds ?? [])).toMatch(/a Hmm\.b Check it\.$/);
  });

  it('ignore_eos masks the end of the answer up to max_completion_tokens, as guidellm sends it', async () => {
    const { app, model } = scriptedApp([thinks('ab'), { says: 'x'.repeat(90) }]);
    const request = chat({ ignore_eos: true, stop: null, max_completion_tokens: 32 });
    const { usage, choices } = await completionOf(await app.request(path, request));
    expect(model.requests.at(-1)).toMatchObject({ minTokens: 30, maxTokens: 30 });
    expect(usage.completion_tokens).toBe(32);
    expect(choices[0].finish_reason).toBe('length');
  });

  it('min_tokens masks the end of the answer until thinking and answer have as many tokens, as aiperf sends it', async () => {
    const { app, model } = scriptedApp([thinks('ab'), answers('x'.repeat(20))]);
    const request = chat({ min_tokens: 20, max_completion_tokens: 64 });
    await completionOf(await app.request(path, request));
    expect(model.requests.map(({ minTokens }) => minTokens)).toEqual([0, 18]);
  });

  it('min_tokens that the thinking has reached masks nothing', async () => {
    const { app, model } = scriptedApp([thinks('a'.repeat(30)), answers('1')]);
    await completionOf(await app.request(path, chat({ min_tokens: 20 })));
    expect(model.requests.map(({ minTokens }) => minTokens)).toEqual([0, 0]);
  });

  it('min_tokens above the maximum is refused', async () => {
    const response = await scriptedApp([]).app.request(path, chat({ min_tokens: 33, max_completion_tokens: 32 }));
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ param: 'min_tokens' });
  });

  it.each([
    ['ignore_eos', { ignore_eos: true }],
    ['min_tokens', { min_tokens: 5 }],
  ])('%s and a form of the answer exclude each other', async (param, field) => {
    const request = chat({ ...field, response_format: { type: 'json_object' } });
    const response = await scriptedApp([]).app.request(path, request);
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ param });
  });

  it('each sample has its own seed', async () => {
    const { app, model } = scriptedApp([]);
    await app.request(path, chat({ n: 3, seed: 7, thinking: { max_tokens: 0 } }));
    expect(new Set(model.requests.map((request) => request.sampling.seed)).size).toBe(3);
  });

  it('each call has a seed of the client’s seed, the sample and the ids so far; without one, calls have none', async () => {
    const seedsOf = async (fields: object) => {
      const { app, model } = scriptedApp([thinks('a'), thinks('b'), answers('1')]);
      await app.request(path, chat({ thinking: { waits: 1 }, ...fields }));
      return model.requests.map(({ sampling }) => sampling.seed);
    };
    const seeds = await seedsOf({ seed: 7 });
    expect(new Set(seeds).size).toBe(3);
    expect(await seedsOf({ seed: 7 })).toEqual(seeds);
    const others = [
      ...(await seedsOf({ seed: 8 })),
      ...(await seedsOf({ seed: 7, messages: [{ role: 'user', content: '?' }] })),
    ];
    expect(seeds.filter((seed) => others.includes(seed))).toEqual([]);
    expect(await seedsOf({})).toEqual([undefined, undefined, undefined]);
  });

  it('samples are streamed together as they are generated', async () => {
    const { app } = scriptedApp([thinks('a'), thinks('b'), answers('1'), answers('2')]);
    const events = await eventsOf(await app.request(path, chat({ n: 2, stream: true })));
    const text = JSON.stringify(events);
    for (const index of [0, 1]) expect(text).toContain(`"index":${index},"delta":{"role":"assistant"`);
    expect(events.filter((event) => JSON.stringify(event).includes('"finish_reason":"stop"'))).toHaveLength(2);
    expect(events.at(-1)).toBe('[DONE]');
  });

  it('a vote responds with the answer of the most samples', async () => {
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

  it('the usage of a vote is that of the answer in the response, and the report has the account of the others', async () => {
    const script = [answers(' 4'), answers(' 5.0'), answers(' the answer is 5')];
    const vote = { requested: 3, finished: 3, other_tokens: 2 + 16, aborted_tokens: 0, decided_by: 'all' };
    const body = { n: 3, vote: true, thinking: { max_tokens: 0 } };
    expect(await (await scriptedApp(script).app.request(path, chat(body))).json()).toMatchObject({
      usage: { completion_tokens: 4, total_tokens: expect.any(Number) },
      budget_forcing: { answer_tokens: 4, vote },
    });
    const streamed = { ...body, stream: true, stream_options: { include_usage: true } };
    const events = await eventsOf(await scriptedApp(script).app.request(path, chat(streamed)));
    expect(events.slice(-3)).toMatchObject([
      { budget_forcing: { vote } },
      { usage: { completion_tokens: 4 } },
      '[DONE]',
    ]);
  });

  it('the report lists an attempt for each call that failed, and none if no call failed', async () => {
    const script = [{ says: 'ab', fails: new StreamBrokenError('gone') }, thinks('c'), answers('4')];
    const { app } = scriptedApp(script);
    const { budget_forcing: report, usage } = await completionOf(await app.request(path, chat({})));
    expect(report['attempts']).toEqual([
      {
        model: 'scripted',
        reason: 'first',
        usage: { prompt_tokens: usage.prompt_tokens, completion_tokens: 2, total_tokens: usage.prompt_tokens + 2 },
      },
      {
        model: 'scripted',
        reason: 'failed',
        usage: { prompt_tokens: usage.prompt_tokens + 2, completion_tokens: 2, total_tokens: usage.prompt_tokens + 4 },
      },
    ]);
    expect(usage.completion_tokens).toBe(4);
    const whole = await completionOf(await scriptedApp([thinks('c'), answers('4')]).app.request(path, chat({})));
    for (const field of ['attempts', 'vote', 'ignored', 'confidence', 'probes', 'retrieval']) {
      expect(whole.budget_forcing).not.toHaveProperty(field);
    }
  });

  it('all samples end when one of them fails', async () => {
    const { app, model } = scriptedApp([
      { says: 'a', fails: new ModelRejectedError('no') },
      { says: 'b', hangs: true },
    ]);
    const response = await app.request(path, chat({ n: 2 }));
    expect(response.status).toBe(400);
    expect(model.aborted).toBe(1);
  });
});

describe('an invalid request', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>, string, string])[] = [
    ['no messages', { messages: undefined }, 'messages', 'messages is missing: give a list.'],
    ['an empty list', { messages: [] }, 'messages', 'messages must have at least 1 item; received a list of 0.'],
    ['an unknown role', { messages: [{ role: 'wizard', content: 'x' }] }, 'messages[0].role', 'messages[0].role'],
    [
      'content of a wrong type',
      { messages: [{ role: 'user', content: 7 }] },
      'messages[0].content',
      'messages[0].content must be a string or a list; received 7.',
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
      'thinking.max_tokens must be at least 0; received -1.',
    ],
    [
      'half a token',
      { thinking: { max_tokens: 1.5 } },
      'thinking.max_tokens',
      'thinking.max_tokens must be a whole number; received 1.5.',
    ],
    ['a temperature above 2', { temperature: 3 }, 'temperature', 'temperature must be at most 2; received 3.'],
    [
      'an effort that does not exist',
      { reasoning_effort: 'huge' },
      'reasoning_effort',
      'reasoning_effort must be one of "none", "minimal", "low", "medium", "high", "xhigh", "max"; received "huge".',
    ],
    [
      'an effort that is not configured for this model',
      { reasoning_effort: 'xhigh' },
      'reasoning_effort',
      'Available efforts: none, low, medium, high.',
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
    ['a minimum over the ceiling', { thinking: { min_tokens: 5_000 } }, 'thinking.min_tokens', 'at most 1000'],
    [
      'no room for an answer',
      { thinking: { max_tokens: 50 }, max_tokens: 50 },
      'thinking.max_tokens',
      'max_tokens (50)',
    ],
    ['waits without thinking', { thinking: { max_tokens: 0, waits: 1 } }, 'thinking.waits', 'a maximum of 0'],
    ['two limits that differ', { max_tokens: 5, max_completion_tokens: 6 }, 'max_tokens', 'max_completion_tokens (6)'],
    ['too many choices', { n: 17 }, 'n', 'n must be at most 16; received 17.'],
    ['a vote of one', { vote: true }, 'vote', 'vote requires several samples'],
  ];
  it.each(cases)('a request with %s is a 400 that names the field', async (_name, change, param, sentence) => {
    const { app, model } = scriptedApp([]);
    const response = await app.request(path, chat(change));
    const error = await errorOf(response);
    expect(error.message).toContain(sentence);
    expect(error).toMatchObject({ type: 'invalid_request_error', param });
    expect(response.status).toBe(400);
    expect(model.requests).toHaveLength(0);
  });

  it('a conversation that does not fit is a 400 that says so', async () => {
    const { app } = scriptedApp([]);
    const response = await app.request(path, chat({ messages: [{ role: 'user', content: 'x'.repeat(5_000) }] }));
    expect(await response.json()).toMatchObject({ error: { code: 'context_length_exceeded', param: 'messages' } });
  });

  it('an unknown model is a 404 that lists the available models', async () => {
    const response = await scriptedApp([]).app.request(path, chat({ model: 'gpt-9' }));
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error: {
        message: 'Unknown model "gpt-9". Available models: "scripted".',
        code: 'model_not_found',
        param: 'model',
      },
    });
  });

  it.each([
    ['invalid JSON', '{', 400, 'invalid_json'],
    ['zero bytes', '', 400, 'invalid_json'],
    ['a list', '[]', 400, 'invalid_json'],
    ['5 MB', `{"model":"${'x'.repeat(5_000_000)}"}`, 413, 'request_too_large'],
  ])('a body of %s is refused', async (_name, body, status, code) => {
    const response = await scriptedApp([]).app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code } });
  });

  it('an unknown method is a 405 that lists the methods of the path, an unknown path is a 404', async () => {
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
    ['is sent with another scheme', { authorization: 'Basic c2VjcmV0' }, 401, 'missing_api_key'],
  ])('a key that %s is a 401', async (_name, headers, status, code) => {
    const { app, model } = scriptedApp([], { keyHashes });
    const response = await app.request(path, chat({}, headers));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { type: 'authentication_error', code } });
    expect(model.requests).toHaveLength(0);
  });

  it('a valid key is accepted, and /healthz requires none', async () => {
    const { app } = scriptedApp([thinks('a'), answers('b')], { keyHashes });
    expect((await app.request(path, chat({}, { authorization: 'Bearer secret' }))).status).toBe(200);
    expect((await app.request('/healthz')).status).toBe(200);
    expect((await app.request('/v1/models')).status).toBe(401);
  });
});

describe('GET /v1/models', () => {
  it('a model has its context window, format and budgets', async () => {
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

  it('the list has every served model, and a request runs on the model that it names', async () => {
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
  it('the log has one line per request, with the account and without any text', async () => {
    const { app, log } = scriptedApp([thinks('secret thought'), answers('secret answer')]);
    await app.request(path, chat({ messages: [{ role: 'user', content: 'secret question' }] }));
    expect(log).toMatchObject([{ message: 'generation', outcome: 'done', thinkingTokens: 14, endReason: 'model' }]);
    expect(JSON.stringify(log)).not.toContain('secret');
  });
});
