import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { StreamBrokenError } from '../../../lambda/upstream/errors.ts';
import { decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { eventsOf, scriptedApp } from '../scripted-world.ts';

const post = (
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ model: 'scripted', ...body }),
});
const natural = [
  { says: '\nTwo.', ends: IM_START },
  { says: '\nFour.', ends: IM_END },
];
const typed = z.looseObject({ type: z.string() });
const typesOf = async (response: Response) =>
  (await eventsOf(response)).map((event) => (typeof event === 'string' ? event : typed.parse(event).type));

describe('Responses', () => {
  it('a stream of Responses has its events in order, numbered, each delta within its item', async () => {
    const { app } = scriptedApp(natural);
    const events = await eventsOf(await app.request('/v1/responses', post({ input: 'x', stream: true })));
    const parsed = events.map((event) => z.looseObject({ type: z.string(), sequence_number: z.int() }).parse(event));
    expect(parsed.map((event) => event.sequence_number)).toEqual(parsed.map((_, index) => index));
    expect([...new Set(parsed.map((event) => event.type))]).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.reasoning_text.delta',
      'response.reasoning_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_text.delta',
      'response.output_text.done',
      'response.completed',
    ]);
    expect(parsed.at(-1)).toMatchObject({
      response: {
        status: 'completed',
        output: [
          { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Two.' }] },
          { type: 'message', content: [{ type: 'output_text', text: 'Four.' }] },
        ],
        budget_forcing: { end_reason: 'model' },
      },
    });
  });

  it('a response is incomplete if its answer was cut', async () => {
    const { app } = scriptedApp([{ says: 'x', ends: IM_START }, { says: 'y'.repeat(99) }]);
    const response = await app.request('/v1/responses', post({ input: 'x', max_output_tokens: 30 }));
    expect(await response.json()).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
    });
  });

  it('Responses accepts the sampling fields of vLLM, and the fields that decide where the output ends, as guidellm sends them', async () => {
    const { app, model } = scriptedApp([{ says: 'x', ends: IM_START }, { says: 'y'.repeat(40) }]);
    const sampling = {
      top_k: 5,
      min_p: 0.1,
      repetition_penalty: 1.1,
      frequency_penalty: 0.5,
      presence_penalty: 0.25,
      seed: 7,
    };
    const request = { input: 'x', max_output_tokens: 32, stop: null, ignore_eos: true, ...sampling };
    const response = await app.request('/v1/responses', post(request));
    expect(await response.json()).toMatchObject({ usage: { output_tokens: 32 } });
    expect(model.requests.at(-1)).toMatchObject({
      minTokens: 31,
      maxTokens: 31,
      sampling: { topK: 5, minP: 0.1, repetitionPenalty: 1.1, frequencyPenalty: 0.5, presencePenalty: 0.25 },
    });
    expect(model.requests.map(({ sampling: { seed } }) => typeof seed)).toEqual(['number', 'number']);
  });

  it.each([
    ['stop', { stop: 'ur' }, 'Fo'],
    ['min_tokens', { min_tokens: 12 }, 'Four.'],
  ])('Responses accepts %s', async (_, field, text) => {
    const { app, model } = scriptedApp(natural);
    const response = await app.request('/v1/responses', post({ input: 'x', ...field }));
    expect(await response.json()).toMatchObject({ output: [{ type: 'reasoning' }, { content: [{ text }] }] });
    expect(model.requests[1]?.minTokens).toBe('min_tokens' in field ? 7 : 0);
  });

  it('a response that fails after the start of its stream ends with response.failed', async () => {
    const broken = { says: 'x', fails: new StreamBrokenError('broke') };
    const { app } = scriptedApp([
      broken,
      { says: '', fails: broken.fails },
      { says: '', fails: broken.fails },
      { says: '', fails: broken.fails },
    ]);
    const types = await typesOf(await app.request('/v1/responses', post({ input: 'x', stream: true })));
    expect(types.at(-1)).toBe('response.failed');
  });

  it('a Responses conversation may contain tool calls, and thinking of earlier turns is dropped', async () => {
    const { app, model } = scriptedApp(natural);
    const input = [
      { role: 'user', content: [{ type: 'input_text', text: 'How is it?' }] },
      { type: 'reasoning', id: 'rs_1', summary: [], content: [{ type: 'reasoning_text', text: 'SECRET' }] },
      { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Paris"}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'sun' },
    ];
    const response = await app.request('/v1/responses', post({ input, instructions: 'Be kind.' }));
    expect(response.status).toBe(200);
    const prompt = decode(model.requests[0]?.promptIds ?? []);
    expect(prompt).toContain('system\nBe kind.');
    expect(prompt).toContain('{"name": "weather", "arguments": {"city":"Paris"}}');
    expect(prompt).toContain('<tool_response>\nsun\n</tool_response>');
    expect(prompt).not.toContain('SECRET');
  });
});

describe('Messages', () => {
  const thinking = { type: 'enabled', budget_tokens: 100 };
  const ask = { messages: [{ role: 'user', content: 'x' }], max_tokens: 200, thinking };

  it('a stream of Messages has its events in order', async () => {
    const { app } = scriptedApp(natural);
    const types = await typesOf(await app.request('/v1/messages', post({ ...ask, stream: true })));
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  it.each([{ output_config: { effort: 'low' } }, {}, { thinking: { type: 'adaptive', display: 'omitted' } }])(
    'with %j the model thinks, which is reported, but no thinking block is sent',
    async (fields) => {
      const { thinking: _thinking, ...plain } = ask;
      const message = await scriptedApp(natural).app.request('/v1/messages', post({ ...plain, ...fields }));
      expect(await message.json()).toMatchObject({
        content: [{ type: 'text', text: 'Four.' }],
        budget_forcing: { thinking_tokens: 5, end_reason: 'model' },
      });
      const stream = await scriptedApp(natural).app.request(
        '/v1/messages',
        post({ ...plain, ...fields, stream: true }),
      );
      const types = await typesOf(stream);
      expect(types.filter((type) => type === 'content_block_start')).toHaveLength(1);
      expect(types.at(-1)).toBe('message_stop');
    },
  );

  it.each([
    [{ thinking: { type: 'adaptive' } }, 150, 'max_completion_tokens'],
    [{ thinking: { type: 'enabled' }, max_tokens: 5_000 }, 200, 'default'],
    [{ thinking: { type: 'enabled', budget_tokens: 31_999 }, max_tokens: 32_000 }, 1_000, 'model'],
    [{ thinking: { type: 'adaptive' }, output_config: { effort: 'low' } }, 20, 'output_config.effort'],
    // In Anthropic's dialect an effort may stand beside a number. The number is exact.
    [{ output_config: { effort: 'high' } }, 100, 'thinking.budget_tokens'],
  ])('%j thinks visibly with a maximum of %i, set by %s', async (fields, maxTokens, setBy) => {
    const response = await scriptedApp(natural).app.request('/v1/messages', post({ ...ask, ...fields }));
    expect(await response.json()).toMatchObject({
      content: [{ type: 'thinking' }, { type: 'text' }],
      budget_forcing: { limits: { max_tokens: maxTokens, set_by: { max_tokens: setBy } } },
    });
  });

  it.each(['output_config', 'output_format'])('the schema of %s constrains the answer', async (field) => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } } };
    const format = { type: 'json_schema', schema };
    const { app, model } = scriptedApp([
      { says: '\nTwo.', ends: IM_START },
      { says: '{"n":4}', ends: IM_END },
    ]);
    const fields = field === 'output_format' ? { output_format: format } : { output_config: { format } };
    expect((await app.request('/v1/messages', post({ ...ask, ...fields }))).status).toBe(200);
    expect(model.requests.at(-1)?.structure).toEqual({ kind: 'json_schema', schema });
  });

  it('a message names the stop sequence that ended its answer', async () => {
    const { app } = scriptedApp([
      { says: 'x', ends: IM_START },
      { says: '\nFour. END and more', ends: IM_END },
    ]);
    const response = await app.request('/v1/messages', post({ ...ask, stop_sequences: ['END', '\n\n'] }));
    expect(await response.json()).toMatchObject({
      content: [{ type: 'thinking' }, { type: 'text', text: 'Four. ' }],
      stop_reason: 'stop_sequence',
      stop_sequence: 'END',
    });
  });

  it('count_tokens counts the tokens of the prompt without running the model', async () => {
    const { app, model } = scriptedApp([]);
    const counted = await app.request(
      '/v1/messages/count_tokens',
      post({ messages: ask.messages, system: 'Be brief.' }),
    );
    const { input_tokens } = z.object({ input_tokens: z.int() }).parse(await counted.json());
    expect(model.requests).toHaveLength(0);
    const { app: again, model: used } = scriptedApp(natural);
    await (await again.request('/v1/messages', post({ ...ask, system: 'Be brief.' }))).json();
    expect(used.requests[0]?.promptIds).toHaveLength(input_tokens);
  });

  it('count_tokens counts the description of the tools and the default system message, as a generation has them', async () => {
    const tools = [{ name: 'look', description: 'Looks.', input_schema: { type: 'object' } }];
    for (const changes of [{ tools }, { tools, system: 'Be brief.' }, { tools, tool_choice: { type: 'any' } }, {}]) {
      const body = { messages: ask.messages, ...changes };
      const counted = await scriptedApp([]).app.request('/v1/messages/count_tokens', post(body));
      const { input_tokens } = z.object({ input_tokens: z.int() }).parse(await counted.json());
      const { app, model } = scriptedApp(natural);
      const message = await app.request('/v1/messages', post({ ...ask, ...changes }));
      expect(await message.json()).toMatchObject({ usage: { input_tokens } });
      expect(model.requests[0]?.promptIds).toHaveLength(input_tokens);
    }
  });

  it('Messages accepts the key as x-api-key, and responds to errors in its own shape', async () => {
    const { app } = scriptedApp(natural, { keyHashes: async () => [hashKey('good')] });
    const refused = await app.request('/v1/messages', post(ask, { 'x-api-key': 'bad' }));
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ type: 'error', error: { type: 'authentication_error' } });
    expect((await app.request('/v1/messages', post(ask, { 'x-api-key': 'good' }))).status).toBe(200);
  });
});

describe('the limits in force', () => {
  it('the limits in force are in headers, and in the report with the source of each', async () => {
    const { app } = scriptedApp(natural);
    const body = { messages: [{ role: 'user', content: 'x' }], reasoning_effort: 'low', max_completion_tokens: 16 };
    const response = await app.request('/v1/chat/completions', post(body));
    expect(response.headers.get('x-thinking-max-tokens')).toBe('12');
    expect(response.headers.get('x-thinking-shrunk-by')).toBe('max_completion_tokens');
    expect(response.headers.get('x-thinking-set-by')).toBe(
      'min_tokens=default, max_tokens=max_completion_tokens, waits=default, max_answer_tokens=max_completion_tokens',
    );
    expect(await response.json()).toMatchObject({
      budget_forcing: {
        limits: {
          max_tokens: 12,
          set_by: {
            min_tokens: 'default',
            max_tokens: 'max_completion_tokens',
            max_answer_tokens: 'max_completion_tokens',
          },
        },
      },
    });
  });

  it('an answer that its deadline cut says so, and one without a token is a 504', async () => {
    const body = { messages: [{ role: 'user', content: 'x' }], thinking: { max_tokens: 0, deadline_ms: 80 } };
    const cut = scriptedApp([{ says: ' 4', hangs: true }]).app;
    expect(await (await cut.request('/v1/chat/completions', post(body))).json()).toMatchObject({
      choices: [{ finish_reason: 'length', message: { content: 'Final Answer: 4' } }],
      budget_forcing: { answer_cut_by: 'deadline' },
    });
    const silent = scriptedApp([{ says: '', hangs: true }]).app;
    const refused = await silent.request('/v1/chat/completions', post(body));
    expect(refused.status).toBe(504);
    expect(await refused.json()).toMatchObject({ error: { code: 'model_timeout' } });
  });

  it.each(['/v1/chat/completions', '/v1/messages', '/v1/responses'])(
    'a function that runs out of time answers 504 at %s',
    async (path) => {
      const { app } = scriptedApp([{ says: 'abc', hangs: true }]);
      const body = path === '/v1/responses' ? { input: 'x' } : { messages: [{ role: 'user', content: 'x' }] };
      const asked = path === '/v1/messages' ? { ...body, max_tokens: 50 } : body;
      const response = await app.request(path, { ...post(asked), signal: AbortSignal.timeout(80) });
      expect(response.status, await response.clone().text()).toBe(504);
    },
  );

  it('a deadline cuts the thinking, and leaves time for the answer', async () => {
    const { app } = scriptedApp([
      { says: 'abc', hangs: true },
      { says: ' 4', ends: IM_END },
    ]);
    const body = { messages: [{ role: 'user', content: 'x' }], thinking: { deadline_ms: 1_500 } };
    const response = await app.request('/v1/chat/completions', post(body));
    expect(await response.json()).toMatchObject({
      choices: [{ message: { reasoning_content: 'abc', content: 'Final Answer: 4' } }],
      budget_forcing: { end_reason: 'deadline', thinking_tokens: 3 },
    });
  });
});
