import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawInputsOf } from '../../../lambda/apis/messages/raw-inputs.ts';
import { runs } from '../../property-runs.ts';
import { decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { anyJsonObject, anyJsonText } from '../formats/tools/any-json-text.ts';
import { type ScriptedSegment, scriptedApp, scriptedModel } from '../scripted-world.ts';

const schema = { type: 'object', properties: { city: { type: 'string' } } };
const dialects = {
  chat: {
    path: '/v1/chat/completions',
    body: {
      messages: [{ role: 'user', content: 'x' }],
      tools: [{ type: 'function', function: { name: 'weather', parameters: schema } }],
    },
    limit: 'max_completion_tokens',
  },
  responses: {
    path: '/v1/responses',
    body: { input: 'x', tools: [{ type: 'function', name: 'weather', parameters: schema }] },
    limit: 'max_output_tokens',
  },
  messages: {
    path: '/v1/messages',
    body: { messages: [{ role: 'user', content: 'x' }], tools: [{ name: 'weather', input_schema: schema }] },
    limit: 'max_tokens',
  },
} as const;
type DialectName = keyof typeof dialects;
const names: readonly DialectName[] = ['chat', 'responses', 'messages'];

/** An answer of the model after a short thought, in a window that holds it. */
async function answered(name: DialectName, answer: string, fields: Readonly<Record<string, unknown>> = {}) {
  const { path, body, limit } = dialects[name];
  const script: readonly ScriptedSegment[] = [
    { says: 'x', ends: IM_START },
    { says: `\n${answer}`, ends: IM_END },
  ];
  const settings = { contextTokens: 100_000, defaultMaxAnswerTokens: 50_000 };
  const { app } = scriptedApp([], { models: [scriptedModel('scripted', script, settings)] });
  const response = await app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'scripted', [limit]: 50_000, ...body, ...fields }),
  });
  expect(response.status).toBe(200);
  return await response.text();
}

/** The events of a stream, without comments. */
function eventsIn(stream: string) {
  return [...stream.matchAll(/^data: (\{[^\n]*)$/gm)].map(([, data]) => JSON.parse(data ?? ''));
}

/** The arguments of the first call in a response. */
function argumentsIn(name: DialectName, text: string, stream: boolean): string {
  if (stream) {
    return eventsIn(text)
      .map((event) => {
        if (name === 'chat') return event.choices[0]?.delta.tool_calls?.[0].function.arguments ?? '';
        if (name === 'responses') return event.type === 'response.function_call_arguments.delta' ? event.delta : '';
        return event.delta?.partial_json ?? '';
      })
      .join('');
  }
  const whole = JSON.parse(text);
  if (name === 'chat') return whole.choices[0].message.tool_calls[0].function.arguments;
  if (name === 'responses') return whole.output.at(-1).arguments;
  const from = text.indexOf('"input":') + '"input":'.length;
  return text.slice(from, text.lastIndexOf(`}],"stop_reason"`));
}

describe('Arguments of a tool call', () => {
  it.each(names.flatMap((name) => [false, true].map((stream) => [name, stream] as const)))(
    '%s, streamed %s: any JSON object arrives byte for byte',
    async (name, stream) => {
      await fc.assert(
        fc.asyncProperty(anyJsonObject, async (given) => {
          const call = `<tool_call>\n{"name": "weather", "arguments": ${given}}\n</tool_call>`;
          const text = await answered(name, call, { stream });
          expect(argumentsIn(name, text, stream)).toBe(given);
          if (!stream) expect(() => JSON.parse(text)).not.toThrow();
        }),
        { numRuns: runs(60), examples: [['{"id":12345678901234567890,"price":1.10}']] },
      );
    },
  );

  it.each(names.flatMap((name) => [false, true].map((stream) => [name, stream] as const)))(
    '%s, streamed %s: a call that is cut says so, and is no content',
    async (name, stream) => {
      const call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris", "days": 3}}\n</tool_call>';
      const { limit } = dialects[name];
      const text = await answered(name, call, { stream, [limit]: 66, thinking: { type: 'enabled', budget_tokens: 2 } });
      const expected = {
        chat: '"finish_reason":"length"',
        responses: '"status":"incomplete"',
        messages: '"max_tokens"',
      };
      expect(text).toContain(expected[name]);
      expect(text).not.toContain('tool_call>');
      const cut = name === 'messages' && !stream ? '{"INVALID_JSON":"{\\"city\\"' : '{"city"';
      expect(argumentsIn(name, text, stream).startsWith(cut)).toBe(true);
      expect(argumentsIn(name, text, stream)).not.toContain('days": 3}');
    },
  );

  it('chat: each delta has whole characters, and only the first has the id and the name', async () => {
    const call = '<tool_call>{"name": "weather", "arguments": {"city": "\u{1f600}\u{1f600}"}}</tool_call>';
    const deltas = eventsIn(await answered('chat', call, { stream: true })).flatMap(
      (event) => event.choices[0]?.delta.tool_calls ?? [],
    );
    expect(deltas[0]).toMatchObject({ index: 0, type: 'function', function: { name: 'weather', arguments: '' } });
    expect(deltas.slice(1).map((delta) => Object.keys(delta))).toEqual(
      deltas.slice(1).map(() => ['index', 'function']),
    );
    for (const delta of deltas) expect(delta.function.arguments.isWellFormed()).toBe(true);
  });

  it('responses: a call has its deltas, then its arguments, then the item as completed', async () => {
    const call = '<tool_call>{"name": "weather", "arguments": {"n": 1.10}}</tool_call>';
    const events = eventsIn(await answered('responses', call, { stream: true })).filter(
      (event) => event.item?.type === 'function_call' || event.type.includes('function_call'),
    );
    expect(events[0]).toMatchObject({
      type: 'response.output_item.added',
      item: { status: 'in_progress', arguments: '' },
    });
    expect(events.at(-2)).toMatchObject({
      type: 'response.function_call_arguments.done',
      name: 'weather',
      arguments: '{"n": 1.10}',
    });
    expect(events.at(-1)).toMatchObject({ type: 'response.output_item.done', item: { status: 'completed' } });
  });
});

describe('Inputs of earlier calls', () => {
  it('each input is found as the client wrote it, for any JSON', () => {
    fc.assert(
      fc.property(anyJsonObject, anyJsonText, anyJsonText, (given, other, more) => {
        const body = `{"tools":[{"input_schema":{"input":${other}},"content":[{"input":${more}}]}],"messages":[
          {"role":"user","content":"\\"input\\":1"},
          {"content":[{"type":"text","text":"x","input":1}, {"input" : ${given} ,"id":"a"}],"role":"assistant"},
          {"content":[{"id":"b","input":1}, {"input":1,"id":"b"}]},
          {"role":"user","content":[{"content":[{"input":2}]}],"more":${more}}],"metadata":${other}}`;
        const inputs = rawInputsOf(body);
        expect([inputs('a'), inputs('b'), inputs('c')]).toEqual([given, undefined, undefined]);
      }),
      { numRuns: runs(500) },
    );
  });

  it('the model reads the numbers of an earlier call with all their digits', async () => {
    const { app, model } = scriptedApp([
      { says: 'x', ends: IM_START },
      { says: 'y', ends: IM_END },
    ]);
    const body = `{"model":"scripted","max_tokens":200,"messages":[{"role":"user","content":"x"},
      {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"weather","input":{"id":12345678901234567890, "price":1.10}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"sun"}]}]}`;
    const headers = { 'content-type': 'application/json' };
    expect((await app.request('/v1/messages', { method: 'POST', headers, body })).status).toBe(200);
    expect(decode(model.requests[0]?.promptIds ?? [])).toContain(
      '"arguments": {"id":12345678901234567890, "price":1.10}}',
    );
  });
});
