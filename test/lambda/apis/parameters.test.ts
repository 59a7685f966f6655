import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { eventsOf, scriptedApp } from '../scripted-world.ts';
import { errorOf } from './chat/completion-schema.ts';

const post = (path: string, body: unknown, script = natural, headers: Readonly<Record<string, string>> = {}) =>
  scriptedApp(script).app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const strict = { 'x-budgetforce-strict': 'true' };
const natural = [
  { says: '\nTwo.', ends: IM_START },
  { says: '\nFour.', ends: IM_END },
];

/** The fields of a request in the types of the published client. */
async function publishedFields(file: string, name: string): Promise<readonly string[]> {
  const types = await readFile(`node_modules/${file}`, 'utf8');
  const body = types.slice(types.indexOf(`export interface ${name} {`));
  return [...body.slice(0, body.indexOf('\n}')).matchAll(/^ {4}(\w+)\??:/gm)].map((match) => match[1] ?? '');
}

const messages = [{ role: 'user', content: 'x' }];
const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];

/** A value for each served field of each dialect. Every other field must be refused by name. */
const served: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '/v1/chat/completions': {
    messages,
    model: 'scripted',
    frequency_penalty: 0.5,
    logprobs: true,
    max_completion_tokens: 100,
    max_tokens: 100,
    metadata: { run: '7' },
    modalities: ['text'],
    n: 1,
    parallel_tool_calls: true,
    presence_penalty: 0.5,
    prompt_cache_key: 'k',
    reasoning_effort: 'low',
    response_format: { type: 'text' },
    safety_identifier: 'someone',
    seed: 7,
    service_tier: 'auto',
    stop: ['END'],
    store: false,
    stream: false,
    stream_options: { include_usage: true },
    temperature: 0.5,
    tool_choice: 'none',
    tools,
    top_logprobs: 0,
    top_p: 0.9,
    user: 'someone',
    verbosity: 'medium',
  },
  '/v1/responses': {
    background: false,
    include: ['reasoning.encrypted_content'],
    input: 'x',
    instructions: 'Be brief.',
    max_output_tokens: 100,
    metadata: { run: '7' },
    model: 'scripted',
    parallel_tool_calls: true,
    previous_response_id: null,
    prompt_cache_key: 'k',
    reasoning: { effort: 'low', summary: 'auto' },
    safety_identifier: 'someone',
    service_tier: 'auto',
    store: false,
    stream: false,
    stream_options: { include_obfuscation: false },
    temperature: 0.5,
    text: { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: 'none',
    tools: [{ type: 'function', name: 'look', parameters: { type: 'object' } }],
    top_p: 0.9,
    truncation: 'disabled',
    user: 'someone',
  },
  '/v1/messages': {
    max_tokens: 100,
    messages,
    metadata: { user_id: 'someone' },
    output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
    model: 'scripted',
    service_tier: 'auto',
    stop_sequences: ['END'],
    stream: false,
    system: 'Be brief.',
    temperature: 0.5,
    thinking: { type: 'enabled', budget_tokens: 50 },
    tool_choice: { type: 'auto' },
    tools: [{ name: 'look', input_schema: { type: 'object' } }],
    top_k: 5,
    top_p: 0.9,
  },
};
const needed: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '/v1/chat/completions': { model: 'scripted', messages },
  '/v1/responses': { model: 'scripted', input: 'x' },
  '/v1/messages': { model: 'scripted', messages, max_tokens: 100 },
};

describe.each([
  ['/v1/chat/completions', 'openai/resources/chat/completions/completions.d.ts', 'ChatCompletionCreateParamsBase'],
  ['/v1/responses', 'openai/resources/responses/responses.d.ts', 'ResponseCreateParamsBase'],
  ['/v1/messages', '@anthropic-ai/sdk/resources/messages/messages.d.ts', 'MessageCreateParamsBase'],
])('every field that the published client of %s can send', (path, file, name) => {
  it('each field of the published client is served, or refused by name by a strict request', async () => {
    const fields = await publishedFields(file, name);
    expect(fields.length).toBeGreaterThan(10);
    for (const field of fields) {
      const serves = Object.hasOwn(served[path] ?? {}, field);
      const value = serves ? served[path]?.[field] : {};
      const response = await post(path, { ...needed[path], [field]: value }, natural, strict);
      if (serves) {
        expect(response.status, `${field}: ${await response.clone().text()}`).toBe(200);
        continue;
      }
      expect(response.status, field).toBe(400);
      const { message, param, code } = await errorOf(response);
      expect(message).toBe(`${field} is not supported here. Leave it out.`);
      if (path !== '/v1/messages') expect({ param, code }).toEqual({ param: field, code: 'unsupported_parameter' });
    }
  });
});

describe('a field that asks for something', () => {
  it.each([
    ['/v1/chat/completions', 'logit_bias', { 5: 1 }],
    ['/v1/chat/completions', 'functions', [{ name: 'look' }]],
    ['/v1/chat/completions', 'audio', { voice: 'alloy' }],
    ['/v1/chat/completions', 'web_search_options', {}],
    ['/v1/chat/completions', 'tempertaure', 0.5],
    ['/v1/responses', 'conversation', 'conv_1'],
    ['/v1/responses', 'prompt', { id: 'pmpt_1' }],
    ['/v1/responses', 'tool_chioce', 'auto'],
    ['/v1/messages', 'mcp_servers', [{ url: 'https://example.com' }]],
    ['/v1/messages', 'inference_geo', 'eu'],
    ['/v1/messages', 'max_token', 5],
  ])('%s refuses %s by name, strict or not', async (path, field, value) => {
    for (const headers of [{}, strict]) {
      const response = await post(path, { ...needed[path], [field]: value }, natural, headers);
      expect(response.status).toBe(400);
      expect((await errorOf(response)).message).toBe(`${field} is not supported here. Leave it out.`);
    }
  });
});

describe('previous_response_id', () => {
  it('previous_response_id is refused with what to send instead if nothing is stored', async () => {
    const response = await post('/v1/responses', { ...needed['/v1/responses'], previous_response_id: 'resp_1' });
    expect((await errorOf(response)).message).toBe(
      'This deployment keeps no responses: send the whole conversation as input, or set retention.responsesDays in the config.',
    );
  });
});

describe('values that a field may not have', () => {
  it.each([
    [{ logit_bias: { 5: 1 } }, 'logit_bias'],
    [{ top_logprobs: 3 }, 'top_logprobs'],
    [{ store: true }, 'store'],
    [{ modalities: ['text', 'audio'] }, 'modalities'],
    [{ verbosity: 'low' }, 'verbosity'],
    [{ service_tier: 'flex' }, 'service_tier'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'messages[0].content',
    ],
  ])('the field of a refused value is named: %j', async (fields, name) => {
    const body = { ...needed['/v1/chat/completions'], ...fields };
    const response = await post('/v1/chat/completions', body, natural, strict);
    expect(response.status).toBe(400);
    expect((await errorOf(response)).param).toContain(name);
  });
});

describe('logprobs', () => {
  const logprobs = [
    { token: '\n', logprob: -0.5, top: [] },
    { token: 'F', logprob: -0.25, top: [{ token: 'F', logprob: -0.25 }] },
    { token: '\ufffd', logprob: -2, top: [] },
    { token: '<|im_end|>', logprob: -0.1, top: [] },
  ];
  const script = [
    { says: '\nTwo.', ends: IM_START },
    { says: '\nFo', ends: IM_END, logprobs },
  ];
  const asked = { ...needed['/v1/chat/completions'], logprobs: true, top_logprobs: 1 };
  const expected = [
    { token: '\n', logprob: -0.5, bytes: [10], top_logprobs: [] },
    { token: 'F', logprob: -0.25, bytes: [70], top_logprobs: [{ token: 'F', logprob: -0.25, bytes: [70] }] },
    // Half a character has no text.
    { token: '\ufffd', logprob: -2, bytes: null, top_logprobs: [] },
  ];

  it('logprobs are those of the sampled tokens of the answer, without its end token', async () => {
    const response = await post('/v1/chat/completions', asked, script);
    expect(await response.json()).toMatchObject({ choices: [{ logprobs: { content: expected, refusal: null } }] });
  });

  it('logprobs are part of the stream', async () => {
    const response = await post('/v1/chat/completions', { ...asked, stream: true }, script);
    const items = (await eventsOf(response)).flatMap((event) => {
      const { choices } = event as { choices?: { logprobs: { content: unknown[] } | null }[] };
      return choices?.[0]?.logprobs?.content ?? [];
    });
    expect(items).toEqual(expected);
  });

  it('logprobs are requested for the answer only, and null if the model server returns none', async () => {
    const { app, model } = scriptedApp(natural);
    const response = await app.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(asked),
    });
    expect(await response.json()).toMatchObject({ choices: [{ logprobs: null }] });
    expect(model.requests.map((request) => request.topLogprobs)).toEqual([undefined, 1]);
  });
});
