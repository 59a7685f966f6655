import { describe, expect, it } from 'vitest';
import { decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, eventsOf, scriptedApp } from '../scripted-world.ts';
import { completionOf, errorOf } from './chat/completion-schema.ts';

const path = '/v1/chat/completions';
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weather = { type: 'function', function: { name: 'weather', description: 'The weather.', parameters } };
const time = { type: 'function', function: { name: 'time' } };
const call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>';

describe('tools', () => {
  it('tools are described in the system message, and a call is returned with its arguments', async () => {
    const { app, model } = scriptedApp([
      { says: 'look it up', ends: IM_START },
      { says: `\nOne moment.\n${call}`, ends: IM_END },
    ]);
    const { choices } = await completionOf(await app.request(path, chat({ tools: [weather, time] })));
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: 'One moment.\n',
        reasoning_content: 'look it up',
        tool_calls: [{ type: 'function', function: { name: 'weather', arguments: '{"city": "Paris"}' } }],
      },
    });
    const prompt = decode(model.requests[0]?.promptIds ?? []);
    expect(prompt).toContain('# Tools');
    expect(prompt).toContain(JSON.stringify(weather).slice(1, 40));
    // Without tool_choice, neither thinking nor the answer is constrained.
    expect(model.requests.map((request) => request.structure)).toEqual([undefined, undefined]);
  });

  it('a stream has the id and name of each call first, and then its arguments as they are generated', async () => {
    const { app } = scriptedApp([
      { says: 'x', ends: IM_START },
      { says: `\nSo: ${call}\n${call}`, ends: IM_END },
    ]);
    const events = await eventsOf(await app.request(path, chat({ tools: [weather], stream: true, max_tokens: 300 })));
    const deltas = events.flatMap((event) =>
      typeof event === 'object' && event !== null && 'choices' in event && Array.isArray(event.choices)
        ? event.choices.map((choice) => ({ ...choice.delta, finish: choice.finish_reason }))
        : [],
    );
    expect(deltas.map((delta) => delta.content ?? '').join('')).toBe('So: ');
    const calls = deltas.flatMap((delta) => delta.tool_calls ?? []);
    for (const index of [0, 1]) {
      const [first, ...rest] = calls.filter((delta) => delta.index === index);
      expect(first).toMatchObject({ type: 'function', function: { name: 'weather', arguments: '' } });
      expect(rest.length).toBeGreaterThan(3);
      expect(rest.map((delta) => delta.function.arguments).join('')).toBe('{"city": "Paris"}');
    }
    expect(deltas.at(-1)).toMatchObject({ finish: 'tool_calls' });
  });

  it.each([
    ['required', { type: 'object', required: ['name', 'arguments'] }],
    [{ type: 'function', function: { name: 'weather' } }, { properties: { arguments: parameters } }],
  ])('tool_choice %j constrains the answer to a call, and does not constrain thinking', async (choice, schema) => {
    const { app, model } = scriptedApp([
      { says: 'x'.repeat(10), ends: IM_START },
      { says: '{"name":"weather","arguments":{"city":"Rome"}}', ends: IM_END },
    ]);
    const { choices } = await completionOf(await app.request(path, chat({ tools: [weather], tool_choice: choice })));
    expect(choices[0]?.message).toMatchObject({
      content: null,
      tool_calls: [{ function: { name: 'weather', arguments: '{"city":"Rome"}' } }],
    });
    const [thought, answer] = model.requests;
    expect(thought?.structure).toBeUndefined();
    expect(answer?.structure).toMatchObject({ kind: 'json_schema', schema });
  });

  it('tool calls and their results are passed on in the format that the model family was trained on', async () => {
    const { app, model } = scriptedApp([
      { says: 'x', ends: IM_START },
      { says: 'Sunny.', ends: IM_END },
    ]);
    const called = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } };
    const messages = [
      { role: 'user', content: 'How is it?' },
      { role: 'assistant', content: null, tool_calls: [called, { ...called, id: 'call_2' }] },
      { role: 'tool', tool_call_id: 'call_1', content: 'sun' },
      { role: 'tool', tool_call_id: 'call_2', content: 'rain' },
    ];
    await completionOf(await app.request(path, chat({ messages, tools: [weather] })));
    expect(decode(model.requests[0]?.promptIds ?? [])).toContain(
      'user\n<tool_response>\nsun\n</tool_response>\n<tool_response>\nrain\n</tool_response>',
    );
  });

  it.each([
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ tools: [weather], tool_choice: { type: 'function', function: { name: 'time' } } }, 'tool_choice'],
    [{ tools: [weather], response_format: { type: 'json_object' } }, 'response_format'],
    [{ tools: [{ type: 'function', function: { name: 'no spaces' } }] }, 'tools[0].function.name'],
  ])('an invalid tool parameter is refused by name: %j', async (fields, param) => {
    const response = await scriptedApp([]).app.request(path, chat(fields));
    expect(response.status).toBe(400);
    expect((await errorOf(response)).param).toBe(param);
  });
});

describe('response_format', () => {
  it('response_format constrains the answer to its schema, and no words are forced into it', async () => {
    const { app, model } = scriptedApp([{ says: 'y'.repeat(30) }, { says: '{"n":4}', ends: IM_END }]);
    const response_format = { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' } } };
    const fields = { response_format, thinking: { max_tokens: 12 } };
    const { choices } = await completionOf(await app.request(path, chat(fields)));
    expect(choices[0]?.message.content).toBe('{"n":4}');
    expect(model.requests[0]?.structure).toBeUndefined();
    expect(model.requests[1]?.structure).toEqual({ kind: 'json_schema', schema: { type: 'object' } });
  });
});
