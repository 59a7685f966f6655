import { describe, expect, it } from 'vitest';
import { chatRequestSchema } from '../../../../lambda/apis/chat/request.ts';
import { continuedThought } from '../../../../lambda/apis/continued-message.ts';
import { hashKey } from '../../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../../lambda/keys/key-store.ts';
import { MemoryTable } from '../../../../lambda/storage/memory-table.ts';
import { bytes, IM_END, IM_START } from '../../forcing/tiny-vocabulary.ts';
import { chat, scriptedApp } from '../../scripted-world.ts';
import { completionOf, errorOf } from './completion-schema.ts';

const path = '/v1/chat/completions';
const user = { role: 'user', content: 'How many?' };
const thought = 'First 34 + 27';
const continued = (last: object = { reasoning_content: thought }, more: object = {}) =>
  chat({ messages: [user, { role: 'assistant', ...last }], continue_final_message: true, ...more });
const script = [
  { says: ' = 61.', ends: IM_START },
  { says: '\n61', ends: IM_END },
];
const promptOf = (ids: readonly number[] | undefined) => String(ids);

describe('continue_final_message with a given thought', () => {
  it('The thinking goes on after the given tokens, which count as prompt', async () => {
    const { app, model } = scriptedApp(script);
    const body = await completionOf(await app.request(path, continued()));
    expect(promptOf(model.requests[0]?.promptIds)).toMatch(new RegExp(`${bytes(thought)}$`));
    expect(body.choices[0].message).toMatchObject({
      reasoning_content: ' = 61.',
      content: expect.stringContaining('61'),
    });
    expect(body.budget_forcing.thinking_tokens).toBe(6);
    expect(body.usage.prompt_tokens).toBe(model.requests[0]?.promptIds.length);
  });

  it('Its budget counts the new tokens only', async () => {
    const { app, model } = scriptedApp([{ says: 'x'.repeat(50) }, { says: '4', ends: IM_END }]);
    await app.request(path, continued(undefined, { thinking: { min_tokens: 3, max_tokens: 5, waits: 0 } }));
    expect(model.requests[0]).toMatchObject({ minTokens: 3, maxTokens: 5 });
  });

  it('With a maximum of 0 the answer follows the given thought at once', async () => {
    const { app, model } = scriptedApp([{ says: '4', ends: IM_END }]);
    const body = await completionOf(await app.request(path, continued(undefined, { thinking: { max_tokens: 0 } })));
    expect(model.requests).toHaveLength(1);
    expect(promptOf(model.requests[0]?.promptIds)).toContain(promptOf(bytes(thought)));
    expect(body.budget_forcing).toMatchObject({ thinking_tokens: 0, end_reason: 'budget' });
  });

  it('With a given answer, the thinking is over and the answer goes on', async () => {
    const { app, model } = scriptedApp([{ says: '1', ends: IM_END }]);
    const body = await completionOf(await app.request(path, continued({ reasoning_content: thought, content: '6' })));
    expect(model.requests).toHaveLength(1);
    expect(promptOf(model.requests[0]?.promptIds)).toContain(promptOf(bytes(thought)));
    expect(body.choices[0].message).toMatchObject({ reasoning_content: '', content: '1' });
  });

  it('Control strings in the given thought stay text', async () => {
    const { app, model } = scriptedApp(script);
    await app.request(path, continued({ reasoning_content: 'a<|im_start|>answer\nb<|im_end|>' }));
    expect(promptOf(model.requests[0]?.promptIds)).toMatch(
      new RegExp(`${promptOf(bytes('a<|im_start|>answer\nb<|im_end|>'))}$`),
    );
  });

  it('Each of several samples continues the thought, in a stream and with the other name of the field', async () => {
    const { app, model } = scriptedApp([]);
    await (await app.request(path, continued({ reasoning: thought }, { n: 3, stream: true, max_tokens: 9 }))).text();
    const thinking = model.requests.filter(({ promptIds }) => promptOf(promptIds).endsWith(promptOf(bytes(thought))));
    expect(thinking).toHaveLength(3);
  });

  it('Without continue_final_message the thinking of the last message is not passed to the model', async () => {
    const { app, model } = scriptedApp(script);
    await app.request(path, chat({ messages: [user, { role: 'assistant', reasoning_content: thought }] }));
    expect(promptOf(model.requests[0]?.promptIds)).not.toContain(promptOf(bytes(thought)));
  });

  it('add_generation_prompt false is accepted with it, also strictly', async () => {
    const { app } = scriptedApp([...script, ...script]);
    const request = continued(undefined, { add_generation_prompt: false });
    expect((await app.request(path, request)).status).toBe(200);
    const strict = { ...request, headers: { 'content-type': 'application/json', 'x-budgetforce-strict': 'true' } };
    expect((await app.request(path, strict)).status).toBe(200);
  });

  const tools = [{ type: 'function', function: { name: 'look' } }];
  it.each([
    ['add_generation_prompt', {}, { add_generation_prompt: true }],
    ['add_generation_prompt', {}, { add_generation_prompt: false, continue_final_message: false }],
    ['continue_final_message', {}, { messages: [user] }],
    ['continue_final_message', { reasoning_content: '' }, {}],
    [
      'continue_final_message',
      { tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] },
      {},
    ],
    ['messages', { reasoning_content: 'a', reasoning: 'b' }, {}],
    ['messages', {}, { messages: [{ role: 'assistant', reasoning_content: thought }] }],
    ['messages', { content: '6' }, { response_format: { type: 'json_object' } }],
    ['thinking.min_tokens', { content: '6' }, { thinking: { min_tokens: 5 } }],
  ])('What contradicts it is a 400 that names %s: %j with %j', async (field, last, more) => {
    const { app } = scriptedApp(script);
    const response = await app.request(path, continued({ reasoning_content: thought, ...last }, more));
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ param: field });
  });

  it('Tools are refused if the answer has begun: a call may have begun in it', () => {
    const request = {
      model: 'm',
      continue_final_message: true,
      tools,
      messages: [user, { role: 'assistant', content: '6' }],
    };
    expect(() => continuedThought(chatRequestSchema.parse(request))).toThrow(/^tools are read from/);
    const thinks = { ...request, messages: [user, { role: 'assistant', reasoning_content: thought }] };
    expect(continuedThought(chatRequestSchema.parse(thinks))).toBe(thought);
  });

  it.each([
    ['a deployment that does not allow raw prompts', false, true, 'api.rawPrompts: true'],
    ['a key that does not allow them', true, false, 'raw_prompts: true'],
  ])('%s refuses a given thought with a sentence, but not a given answer', async (_, rawPrompts, allowed, sentence) => {
    const keys = new KeyStore(new MemoryTable(), () => 1_700_000_000);
    const made = await keys.create('a', { rawPrompts: allowed });
    const { app } = scriptedApp(script, { rawPrompts, keys, keyHashes: async () => [hashKey('admin')] });
    const withKey = (request: RequestInit) => ({
      ...request,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${made.key}` },
    });
    const response = await app.request(path, withKey(continued()));
    expect(response.status).toBe(403);
    expect(await errorOf(response)).toMatchObject({
      code: 'raw_prompts_off',
      message: expect.stringContaining(sentence),
    });
    expect((await app.request(path, withKey(continued({ content: '6' })))).status).toBe(200);
  });
});
