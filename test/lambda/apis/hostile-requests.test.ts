import { describe, expect, it } from 'vitest';
import { IM_END } from '../forcing/tiny-vocabulary.ts';
import { chat, scriptedApp } from '../scripted-world.ts';

const natural = [{ says: ' 4', ends: IM_END }] as const;

async function refusal(path: string, body: unknown) {
  const { app, model } = scriptedApp(natural);
  const since = performance.now();
  const response = await app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const ms = performance.now() - since;
  const text = await response.text();
  return { status: response.status, text, ms, calls: model.requests.length };
}

const messages = [{ role: 'user', content: 'x' }];
const deep = (levels: number): unknown => {
  let schema: object = { type: 'integer' };
  for (let level = 0; level < levels; level++) schema = { type: 'array', items: schema };
  return schema;
};
const deepText = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const chatTool = (parameters: unknown) => [{ type: 'function', function: { name: 'f', parameters } }];
const form = (schema: unknown) => ({ type: 'json_schema', json_schema: { name: 'f', schema } });
const values = (count: number) => Array.from({ length: count }, (_, index) => `value ${index}`);

describe('A number out of its bounds', () => {
  const max = 2 ** 31;
  it.each([
    ['/v1/chat/completions', { repetition_penalty: 5e-324 }],
    ['/v1/chat/completions', { repetition_penalty: 0.009 }],
    ['/v1/chat/completions', { top_k: max }],
    ['/v1/chat/completions', { seed: Number.MAX_SAFE_INTEGER }],
    ['/v1/chat/completions', { max_completion_tokens: max }],
    ['/v1/chat/completions', { thinking: { max_tokens: max } }],
    ['/v1/chat/completions', { thinking_budget: max }],
    ['/v1/messages', { max_tokens: max }],
    ['/v1/messages', { max_tokens: 10, top_k: max }],
    ['/v1/responses', { max_output_tokens: max }],
    ['/v1/responses', { reasoning: { max_tokens: max } }],
  ])('is a 400 of %s: %j', async (path, fields) => {
    const conversation = path === '/v1/responses' ? { input: 'x' } : { messages };
    const { status, calls } = await refusal(path, { model: 'scripted', ...conversation, ...fields });
    expect({ status, calls }).toEqual({ status: 400, calls: 0 });
  });

  it('is raised to its floor if the floor gives the same tokens', async () => {
    const { app, model } = scriptedApp(natural);
    const tiny = 5e-324;
    const fields = { temperature: tiny, top_p: tiny, min_p: tiny, frequency_penalty: tiny, presence_penalty: -tiny };
    await app.request('/v1/chat/completions', chat({ ...fields, thinking: { max_tokens: 0 } }));
    expect(model.requests[0]?.sampling).toEqual({
      temperature: 0,
      topP: 1e-6,
      minP: 0,
      frequencyPenalty: 0,
      presencePenalty: 0,
    });
  });
});

describe('A schema beyond the limits', () => {
  const required = { tool_choice: 'required' };
  it.each<[string, string, unknown, RegExp]>([
    ['tool parameters 100 arrays deep', '/v1/chat/completions', { tools: chatTool(deep(200)) }, /deeper than 128/],
    [
      'an enum of 50,000 strings',
      '/v1/chat/completions',
      { response_format: form({ enum: values(50_000) }) },
      /1000 enum/,
    ],
    [
      'enums of 1,200 strings together',
      '/v1/chat/completions',
      { tools: chatTool({ properties: { a: { enum: values(600) }, b: { enum: values(600) } } }) },
      /1000 enum/,
    ],
    [
      'required tools with 1,200 enum values together',
      '/v1/chat/completions',
      { ...required, tools: [...chatTool({ enum: values(600) }), ...chatTool({ enum: values(600) })] },
      /all tools.*1000 enum/,
    ],
    [
      'many properties',
      '/v1/chat/completions',
      {
        response_format: form({
          properties: Object.fromEntries(values(9_000).map((name) => [name, { type: 'null' }])),
        }),
      },
      /10000 values/,
    ],
    [
      'a long description',
      '/v1/chat/completions',
      { response_format: form({ description: 'x'.repeat(300_000) }) },
      /200000 characters/,
    ],
    [
      'a tool of Messages',
      '/v1/messages',
      { max_tokens: 9, tools: [{ name: 'f', input_schema: deep(200) }] },
      /deeper than 128/,
    ],
    [
      'a tool of Responses',
      '/v1/responses',
      { input: 'x', messages: undefined, tools: [{ type: 'function', name: 'f', parameters: deep(200) }] },
      /deeper than 128/,
    ],
  ])('is a 400 with the limit: %s', async (_, path, fields, limit) => {
    const { status, text, calls } = await refusal(path, { model: 'scripted', messages, ...Object(fields) });
    expect(status, text).toBe(400);
    expect(text).toMatch(limit);
    expect(calls).toBe(0);
  });

  it.each(['/v1/chat/completions', '/v1/messages', '/v1/responses'])(
    'of 100,000 levels is a 400 of %s, without recursion',
    async (path) => {
      const body = `{"model":"scripted","messages":[{"role":"user","content":"x"}],"metadata":${deepText(100_000)}}`;
      const { status, text } = await refusal(path, body);
      expect(status).toBe(400);
      expect(text).toContain('nested deeper than 512 levels');
    },
  );

  it('of tool parameters 5,000 deep is a 400', async () => {
    const body = `{"model":"scripted","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":${deepText(5_000)}}}]}`;
    const { status, text } = await refusal('/v1/chat/completions', body);
    expect(status).toBe(400);
    expect(text).toContain('nested deeper than 512 levels');
  });

  it('does not refuse what clients send: 500 enum values, 1,000 properties', async () => {
    const { app } = scriptedApp(natural);
    const properties = Object.fromEntries(
      values(1_000).map((name) => [name, { type: 'string', description: 'a value' }]),
    );
    const schema = { type: 'object', properties: { ...properties, unit: { enum: values(500) } } };
    const response = await app.request(
      '/v1/chat/completions',
      chat({ response_format: form(schema), thinking: { max_tokens: 0 } }),
    );
    expect(response.status, await response.clone().text()).toBe(200);
  });
});

describe('A conversation beyond the context window', () => {
  it.each(['a'.repeat(3_900_000), 'word '.repeat(700_000), '<|im_start|>'.repeat(300_000)])(
    'is refused with its window: %#',
    async (content) => {
      const { status, text } = await refusal('/v1/chat/completions', {
        model: 'scripted',
        messages: [{ role: 'user', content }],
      });
      expect(status).toBe(400);
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'context_length_exceeded', param: 'messages' } });
    },
  );
});
