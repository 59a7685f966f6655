import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { runs } from '../../property-runs.ts';
import { decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { eventsOf, scriptedApp } from '../scripted-world.ts';

const natural = [
  { says: '\nTwo.', ends: IM_START },
  { says: '\nFour.', ends: IM_END },
];
const user = { role: 'user', content: 'How many?' };
const needed = {
  '/v1/chat/completions': { messages: [user] },
  '/v1/responses': { input: 'How many?' },
  '/v1/messages': { messages: [user], max_tokens: 200 },
} as const;
type Path = keyof typeof needed;
type Json = Readonly<Record<string, unknown>>;

async function send(path: Path, body: Json, headers: Readonly<Record<string, string>> = {}, script = natural) {
  const { app, model } = scriptedApp(script);
  const response = await app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'scripted', ...needed[path], ...body }),
  });
  return { response, model, prompt: () => decode(model.requests[0]?.promptIds ?? []) };
}
const reported = z.object({
  budget_forcing: z.object({
    ignored: z.array(z.object({ field: z.string(), reason: z.string() })).optional(),
    limits: z.looseObject({ max_tokens: z.number(), set_by: z.looseObject({ max_tokens: z.string() }) }),
  }),
});
const strict = { 'x-budgetforce-strict': 'true' };

/** A conversation whose assistant and tool items have these members added. */
const call = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":1.10}' } };
const chatHistory = (answer: Json = {}, called: Json = {}, result: Json = {}) => ({
  messages: [
    user,
    { role: 'assistant', content: 'Let me look.', tool_calls: [{ ...call, ...called }], ...answer },
    { role: 'tool', tool_call_id: 'call_1', content: 'sun', ...result },
    { role: 'assistant', content: '3', ...answer, tool_calls: null },
    user,
  ],
});
const responsesHistory = (added: Json = {}) => ({
  input: [
    user,
    { type: 'reasoning', id: 'rs_1', summary: [], ...added },
    {
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Let me look.', ...added }],
      ...added,
    },
    { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{"at":1.10}', ...added },
    { type: 'function_call_output', call_id: 'call_1', output: 'sun', ...added },
    { role: 'assistant', content: '3', ...added },
    user,
  ],
});
const messagesHistory = (added: Json = {}) => ({
  messages: [
    user,
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: 's', ...added },
        { type: 'text', text: 'Let me look.', ...added },
        { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 1.5 }, ...added },
      ],
      ...added,
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'sun', ...added }] },
    { role: 'assistant', content: '3', ...added },
    user,
  ],
});
const histories: Readonly<Record<Path, (added?: Json) => Json>> = {
  '/v1/chat/completions': (added = {}) => chatHistory(added, added, added),
  '/v1/responses': responsesHistory,
  '/v1/messages': messagesHistory,
};
const paths = ['/v1/chat/completions', '/v1/responses', '/v1/messages'] as const;

describe('history that a client sends back', () => {
  it.each([
    ...[
      'tool_calls',
      'annotations',
      'audio',
      'function_call',
      'name',
      'tool_call_id',
      'refusal',
      'reasoning_details',
    ].map((field) => ({ [field]: null })),
    { provider_specific_fields: { citations: null } },
    { reasoning_content: 'Hm.', reasoning: null, reasoning_details: [{ type: 'reasoning.text', text: 'Hm.' }] },
    { annotations: [{ type: 'url_citation' }], audio: { id: 'audio_1' }, refusal: 'No.' },
    { thinking_blocks: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }], images: [], parsed: { n: 3 } },
    {
      content: [
        { type: 'text', text: '3', role: 'assistant', reasoning_content: '', cache_control: { type: 'ephemeral' } },
      ],
    },
    {
      content: [
        { type: 'thinking', thinking: 'Hm.' },
        { type: 'output_text', text: '3', annotations: [] },
      ],
    },
  ])('an assistant message of chat may have %j', async (members) => {
    const messages = [{ role: 'user', content: '1 + 2' }, { role: 'assistant', content: '3', ...members }, user];
    const { response, prompt } = await send('/v1/chat/completions', { messages });
    expect(response.status, await response.clone().text()).toBe(200);
    expect(prompt()).toContain('assistant\n3\nuser');
    expect(prompt()).not.toContain('Hm.');
  });

  it('calls of chat may be legacy, of custom tools, without arguments, or have members of a gateway', async () => {
    const messages = [
      user,
      { role: 'assistant', content: null, function_call: { name: 'old', arguments: '{"a":1}' } },
      { role: 'function', name: 'old', content: 'one' },
      {
        role: 'assistant',
        tool_calls: [
          { id: 'c', type: 'custom', custom: { name: 'free', input: 'x' } },
          { ...call, index: 0, extra_content: { google: { thought_signature: 'abc' } }, id: 'x'.repeat(500) },
          { id: null, function: { name: 'bare', arguments: null } },
        ],
      },
      { role: 'tool', tool_call_id: null, name: null, content: [{ type: 'text', text: 'two', cache_control: null }] },
      user,
    ];
    const { response, prompt } = await send('/v1/chat/completions', { messages });
    expect(response.status, await response.clone().text()).toBe(200);
    expect(prompt()).toContain('{"name": "old", "arguments": {"a":1}}');
    expect(prompt()).toContain('{"name": "free", "arguments": {"input":"x"}}');
    expect(prompt()).toContain('{"name": "look", "arguments": {"at":1.10}}');
    expect(prompt()).toContain('{"name": "bare", "arguments": {}}');
    expect(prompt()).toContain('<tool_response>\ntwo\n</tool_response>');
  });

  it.each([
    [{ type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'q' } }],
    [{ type: 'image_generation_call', id: 'ig_1', result: 'abc' }],
    [{ type: 'mcp_list_tools', id: 'mcpl_1', tools: [] }],
    [{ type: 'compaction', encrypted_content: 'abc' }],
    [{ type: 'reasoning', id: null, summary: [], encrypted_content: 'abc', status: null }],
    [{ type: 'message', role: 'assistant', id: 'msg_1', status: 'completed', phase: 'final', content: [] }],
    [{ type: 'custom_tool_call', call_id: 'c', name: 'free', input: 'x' }],
  ])('an earlier item of Responses may be %j', async (item) => {
    const { response } = await send('/v1/responses', { input: [user, item, user] });
    expect(response.status, await response.clone().text()).toBe(200);
  });

  it.each([
    [{ type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { query: 'q' }, caller: null }],
    [{ type: 'web_search_tool_result', tool_use_id: 'srv_1', content: [] }],
    [{ type: 'redacted_thinking', data: 'abc', signature: 's' }],
    [{ type: 'thinking', thinking: 'Hm.', signature: null, cache_control: { type: 'ephemeral', ttl: '1h' } }],
    [{ type: 'mcp_tool_use', id: 'm', name: 'x', server_name: 'y', input: {} }],
    [{ type: 'text', text: 'x', citations: [{ type: 'char_location', cited_text: 'y' }], parsed_output: null }],
    [{ type: 'container_upload', file_id: 'f' }],
  ])('an earlier block of Messages may be %j', async (block) => {
    const messages = [user, { role: 'assistant', content: [block, { type: 'text', text: '3' }] }, user];
    const { response } = await send('/v1/messages', { messages });
    expect(response.status, await response.clone().text()).toBe(200);
  });

  it('an image in the result of a tool is replaced by a remark, and reported', async () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'abc' } };
    const [first, answer] = messagesHistory().messages;
    const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'sun' }, image] };
    const { response, prompt } = await send('/v1/messages', {
      messages: [first, answer, { role: 'user', content: [result] }],
    });
    expect(reported.parse(await response.json()).budget_forcing.ignored).toEqual([
      { field: 'messages.content.content', reason: 'text_only' },
    ]);
    expect(prompt()).toContain('sun\n\n[image omitted: only text can be read]');
  });

  it('a result that is nested 100,000 deep is a 400', async () => {
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    const { app } = scriptedApp(natural);
    const response = await app.request('/v1/responses', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"model":"scripted","input":[{"type":"function_call_output","call_id":"c","output":${deep}}]}`,
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('nested deeper than 512 levels');
  });

  it.each(paths)('unknown and null members in the history of %s never change the prompt', async (path) => {
    const plain = await send(path, histories[path]());
    expect(plain.response.status, await plain.response.clone().text()).toBe(200);
    const known = ['type', 'role', 'content', 'text', 'id', 'tool_calls', 'function', 'tool_call_id', 'call_id'];
    const more = ['name', 'arguments', 'output', 'input', 'thinking', 'tool_use_id', 'is_error', 'function_call'];
    const member = fc.string({ minLength: 1, maxLength: 12 }).filter((name) => ![...known, ...more].includes(name));
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(member, fc.oneof(fc.constant(null), fc.jsonValue()), { maxKeys: 4 }),
        async (added) => {
          const { response, model } = await send(path, histories[path](added));
          expect(response.status, await response.clone().text()).toBe(200);
          await response.text();
          expect(model.requests[0]?.promptIds).toEqual(plain.model.requests[0]?.promptIds);
        },
      ),
      { numRuns: runs(150), seed: 15 },
    );
  });

  it.each(paths)('a strict request to %s refuses unknown members of the history', async (path) => {
    const { response } = await send(path, histories[path]({ provider_specific_fields: { a: 1 } }), strict);
    expect(response.status).toBe(400);
  });
});

describe('a message of the user that asks for something', () => {
  it.each([
    [
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'messages[0].content[0].type',
    ],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x', images: ['abc'] }] }, 'messages[0].images'],
    [
      '/v1/responses',
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }] },
      'input[0].content[0].type',
    ],
    ['/v1/responses', { input: [{ type: 'item_reference', id: 'msg_1' }] }, 'item_reference'],
    [
      '/v1/messages',
      { messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] },
      'messages[0].content[0].type',
    ],
    [
      '/v1/messages',
      { messages: [{ role: 'user', content: [{ type: 'document', source: {} }] }] },
      'messages[0].content[0].type',
    ],
  ] as const)('%s refuses by name: %j', async (path, body, name) => {
    const { response } = await send(path, body);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(name);
  });
});

describe('fields without effect', () => {
  const rides: readonly (readonly [Path, Json, readonly string[]])[] = [
    ['/v1/chat/completions', { store: true, verbosity: 'low' }, ['store', 'verbosity']],
    [
      '/v1/chat/completions',
      { prompt_cache_retention: '24h', service_tier: 'flex' },
      ['prompt_cache_retention', 'service_tier'],
    ],
    [
      '/v1/chat/completions',
      { safety_identifier: 'a', client_metadata: { a: 'b' } },
      ['client_metadata', 'safety_identifier'],
    ],
    ['/v1/chat/completions', { usage: { include: true }, prompt_cache_key: 'k' }, ['prompt_cache_key', 'usage']],
    [
      '/v1/chat/completions',
      { tools: [{ type: 'function', function: { name: 'look', strict: true }, cache_control: {} }] },
      ['tools.cache_control', 'tools.function.strict'],
    ],
    [
      '/v1/chat/completions',
      {
        messages: [{ ...user, id: '7', content: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }] }],
      },
      ['messages.content.cache_control', 'messages.id'],
    ],
    ['/v1/responses', { truncation: 'auto', include: ['message.output_text.logprobs'] }, ['include', 'truncation']],
    ['/v1/responses', { text: { verbosity: 'low' }, speed: 'fast' }, ['speed', 'text.verbosity']],
    [
      '/v1/responses',
      { context_management: [{ type: 'compaction' }], max_tool_calls: 3 },
      ['context_management', 'max_tool_calls'],
    ],
    [
      '/v1/responses',
      { tools: [{ type: 'function', name: 'look', strict: true, defer_loading: true }] },
      ['tools.defer_loading', 'tools.strict'],
    ],
    ['/v1/messages', { context_management: { edits: [{ type: 'clear_thinking_20251015' }] } }, ['context_management']],
    [
      '/v1/messages',
      { tools: [{ name: 'look', input_schema: {}, input_examples: [{}], eager_input_streaming: true, strict: true }] },
      ['tools.eager_input_streaming', 'tools.input_examples', 'tools.strict'],
    ],
    [
      '/v1/messages',
      { service_tier: 'priority', container: 'container_1', betas: ['x'] },
      ['betas', 'container', 'service_tier'],
    ],
    [
      '/v1/messages',
      { output_config: { task_budget: { type: 'tokens', total: 5 } }, speed: 'fast' },
      ['output_config.task_budget', 'speed'],
    ],
    [
      '/v1/messages',
      { system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }], user_profile_id: 'u' },
      ['system.cache_control', 'user_profile_id'],
    ],
  ];

  it.each(rides)('%s accepts %j, reports it, and refuses it if strict', async (path, body, fields) => {
    const { response } = await send(path, body);
    expect(response.status, await response.clone().text()).toBe(200);
    expect(response.headers.get('x-budgetforce-ignored')).toBe(fields.join(','));
    const { ignored } = reported.parse(await response.json()).budget_forcing;
    expect(ignored?.map(({ field }) => field)).toEqual(fields);
  });

  it.each([
    ['/v1/chat/completions', { verbosity: 'low' }],
    ['/v1/responses', { truncation: 'auto' }],
    ['/v1/messages', { context_management: {} }],
  ] as const)('a strict request to %s refuses %j, by header or by setting', async (path, body) => {
    expect((await send(path, body, strict)).response.status).toBe(400);
    const { app } = scriptedApp(natural, { strict: true });
    const response = await app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'scripted', ...needed[path], ...body }),
    });
    expect(response.status).toBe(400);
  });

  it.each(paths)('a stream of %s reports them in the header and in its last event', async (path) => {
    const { response } = await send(path, { stream: true, speed: 'fast' });
    expect(response.headers.get('x-budgetforce-ignored')).toBe('speed');
    expect(JSON.stringify(await eventsOf(response))).toContain('"ignored":[{"field":"speed","reason":"no_effect"}]');
  });

  it.each(paths)('without them, %s reports nothing', async (path) => {
    const { response } = await send(path, { store: null, service_tier: 'auto' });
    expect(response.headers.has('x-budgetforce-ignored')).toBe(false);
    expect(await response.text()).not.toContain('"ignored"');
  });

  it('names of unknown members cannot break the header, and its length is bounded', async () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`\u{1f600}\r\nfield-${index}`, 1]));
    const { response } = await send('/v1/chat/completions', { stream_options: many });
    expect(response.status).toBe(200);
    const header = response.headers.get('x-budgetforce-ignored') ?? '';
    expect(header.length).toBeLessThanOrEqual(512);
    expect(header.endsWith(',...')).toBe(true);
  });

  it('a misspelled member is refused by name, not ignored', async () => {
    const tools = [{ name: 'look', input_schema: {}, descripton: 'Looks.' }];
    const { response } = await send('/v1/messages', { tools });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('tools[0].descripton is not supported here');
  });

  it.each([
    [
      '/v1/chat/completions',
      ['stop', 'tools', 'tool_choice', 'logit_bias', 'functions', 'thinking', 'n', 'audio', 'user'],
    ],
    ['/v1/responses', ['instructions', 'tools', 'conversation', 'prompt', 'thinking', 'text', 'include', 'background']],
    [
      '/v1/messages',
      ['system', 'thinking', 'tools', 'tool_choice', 'stream', 'stop_sequences', 'top_k', 'mcp_servers', 'metadata'],
    ],
  ] as const)('in %s, null means the same as an omitted field', async (path, fields) => {
    const { response, model } = await send(path, Object.fromEntries(fields.map((field) => [field, null])));
    expect(response.status, await response.clone().text()).toBe(200);
    await response.text();
    const plain = await send(path, {});
    await plain.response.text();
    expect(model.requests).toEqual(plain.model.requests);
  });
});

describe('beta switches of Messages', () => {
  it('a beta header and a beta query have no effect', async () => {
    const { app } = scriptedApp(natural);
    const response = await app.request('/v1/messages?beta=true', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-beta': 'context-management-2025-06-27' },
      body: JSON.stringify({ model: 'scripted', ...needed['/v1/messages'] }),
    });
    expect(response.status).toBe(200);
  });
});

describe('stop texts', () => {
  it.each([
    ['/v1/chat/completions', 'stop'],
    ['/v1/messages', 'stop_sequences'],
  ] as const)('%s accepts up to 64, and says so', async (path, field) => {
    const texts = Array.from({ length: 65 }, (_, index) => `end ${index}`);
    expect((await send(path, { [field]: texts.slice(0, 5) })).response.status).toBe(200);
    expect((await send(path, { [field]: texts.slice(0, 64) })).response.status).toBe(200);
    const { response } = await send(path, { [field]: texts });
    expect(await response.text()).toContain(`${field} must have at most 64 items; received a list of 65.`);
  });
});

describe('a conversation that ends in the beginning of an answer', () => {
  const begun = { role: 'assistant', content: '{' };
  const script = [{ says: '"n": 4}', ends: IM_END }];

  it.each([
    ['/v1/chat/completions', { messages: [user, begun] }],
    ['/v1/responses', { input: [user, begun] }],
    ['/v1/messages', { messages: [user, begun] }],
    ['/v1/messages', { messages: [user, { role: 'assistant', content: [{ type: 'text', text: '{' }] }] }],
  ] as const)('%s continues it: %j', async (path, body) => {
    const { response, prompt } = await send(path, body, {}, script);
    const text = await response.text();
    expect(response.status, text).toBe(200);
    expect(prompt().endsWith('{')).toBe(true);
    expect(text).toContain('\\"n\\": 4}');
    expect(reported.parse(JSON.parse(text)).budget_forcing.limits).toMatchObject({
      max_tokens: 0,
      set_by: { max_tokens: 'prefix' },
    });
  });

  it.each([
    ['/v1/chat/completions', { messages: [user, begun], response_format: { type: 'json_object' } }],
    ['/v1/messages', { messages: [user, begun], output_config: { format: { type: 'json_schema', schema: {} } } }],
    [
      '/v1/messages',
      { messages: [user, begun], tools: [{ name: 'look', input_schema: {} }], tool_choice: { type: 'any' } },
    ],
    ['/v1/messages', { messages: [user, begun], thinking: { min_tokens: 5 } }],
  ] as const)('%s refuses it by name if the answer cannot begin so: %j', async (path, body) => {
    const { response } = await send(path, body);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('The last message begins the answer'.slice(4));
  });

  it('count_tokens counts it as a generation does', async () => {
    const body = JSON.stringify({ model: 'scripted', messages: [user, begun] });
    const headers = { 'content-type': 'application/json' };
    const counted = await scriptedApp([]).app.request('/v1/messages/count_tokens', { method: 'POST', headers, body });
    const { model, response } = await send('/v1/messages', { messages: [user, begun] }, {}, script);
    await response.text();
    expect(await counted.json()).toEqual({ input_tokens: model.requests[0]?.promptIds.length });
  });
});

describe('the header x-budgetforce-strict', () => {
  it.each([
    ['true', 400, 'prediction'],
    ['TRUE', 400, 'prediction'],
    ['false', 200, 'chatcmpl-'],
    [undefined, 200, 'chatcmpl-'],
    ['yes', 400, 'Send true or false, or leave it out.'],
    ['', 400, 'Send true or false, or leave it out.'],
  ])('%j: a field without effect is answered with %i', async (value, status, text) => {
    const strictness = value === undefined ? {} : { 'x-budgetforce-strict': value };
    const { app } = scriptedApp([
      { says: 'a', ends: IM_START },
      { says: 'b', ends: IM_END },
    ]);
    const response = await app.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...strictness },
      body: JSON.stringify({ model: 'scripted', messages: [{ role: 'user', content: 'x' }], prediction: null }),
    });
    expect(response.status).toBe(status);
    expect(await response.text()).toContain(text);
  });
});
