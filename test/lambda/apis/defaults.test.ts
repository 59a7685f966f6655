import { describe, expect, it } from 'vitest';
import { dayOf, Ledger } from '../../../lambda/keys/ledger.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { scriptedApp, scriptedModel } from '../scripted-world.ts';

const natural = [
  { says: '\nTwo.', ends: IM_START },
  { says: '\nFour.', ends: IM_END },
];

async function post(path: string, body: object, headers: Readonly<Record<string, string>> = {}) {
  const { app, model } = scriptedApp(natural);
  const response = await app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'scripted', ...body }),
  });
  return { response, prompt: decode(model.requests[0]?.promptIds ?? []) };
}

describe('a response object', () => {
  it('has a value for each field that the request omitted', async () => {
    const { response } = await post('/v1/responses', { input: 'How many?' });
    expect(await response.json()).toMatchObject({
      object: 'response',
      status: 'completed',
      error: null,
      incomplete_details: null,
      instructions: null,
      max_output_tokens: null,
      metadata: {},
      parallel_tool_calls: true,
      previous_response_id: null,
      reasoning: { effort: null, summary: null },
      store: false,
      temperature: null,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_p: null,
      truncation: 'disabled',
      user: null,
    });
  });

  it('has the values of the fields that the request gave', async () => {
    const given = {
      instructions: 'Count.',
      max_output_tokens: 300,
      metadata: { run: '7' },
      parallel_tool_calls: false,
      reasoning: { effort: 'low' },
      temperature: 0.5,
      text: { format: { type: 'json_object' } },
      tool_choice: 'none',
      tools: [{ type: 'function', name: 'look' }],
      top_p: 0.9,
      user: 'someone',
    };
    const { response } = await post('/v1/responses', { input: 'How many?', ...given, text: undefined });
    const { text: _text, parallel_tool_calls: _calls, ...echoed } = given;
    expect(await response.json()).toMatchObject({ ...echoed, reasoning: { effort: 'low', summary: null } });
    const formed = await post('/v1/responses', { input: 'How many?', text: given.text });
    expect(await formed.response.json()).toMatchObject({ text: given.text });
  });
});

describe('a tool result of Anthropic’s dialect', () => {
  const messages = (result: object) => [
    { role: 'user', content: 'Look.' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', ...result }] },
  ];

  it.each([
    [{}, '<tool_response>\n\n</tool_response>'],
    [{ content: [] }, '<tool_response>\n\n</tool_response>'],
    [{ content: 'sun' }, '<tool_response>\nsun\n</tool_response>'],
    [{ is_error: true }, '<tool_response>\nError: \n</tool_response>'],
  ])('%j is part of the prompt', async (result, text) => {
    for (const headers of [{}, { 'x-budgetforce-strict': 'true' }]) {
      const body = { max_tokens: 500, messages: messages(result) };
      const { response, prompt } = await post('/v1/messages', body, headers);
      expect(response.status).toBe(200);
      expect(prompt).toContain(text);
    }
  });
});

describe('the sums of GET /v1/usage', () => {
  it('add up tokens, requests and dollars over records, models and days', async () => {
    const day = 86_400;
    const now = 1_700_000_000;
    const table = new MemoryTable();
    const put = async (at: number, sk: string, model: string, fields: object) =>
      await table.put({ pk: `USAGE#${dayOf(at)}`, sk, model, status: 'settled', until: at, ...fields });
    await put(now, 'a#1', 'one', { prompt: 1_000_000, cached: 10, thinking: 500_000, answer: 250_000, forced: 7 });
    await put(now, 'a#2', 'one', { prompt: 2_000_000, probe: 125_000, aborted: 125_000 });
    await put(now - day, 'a#3', 'one', { prompt: 4_000_000, answer: 1 });
    await put(now, 'b#4', 'two', { prompt: 1, answer: 1 });
    await put(now, 'b#5', 'two', { status: 'reserved', until: now + 60 });
    await put(now, 'b#6', 'two', { status: 'reserved', until: now });
    const models = [
      scriptedModel('one', [], { dollarsPerMillionTokens: { prompt: 0.5, completion: 2 } }),
      scriptedModel('two', []),
    ];
    const { app } = scriptedApp([], { models, ledger: new Ledger(table, () => now) });
    const rows = async (query: string) => {
      const response = await app.request(`/v1/usage?from=${dayOf(now - day)}&to=${dayOf(now)}&${query}`);
      expect(response.status, await response.clone().text()).toBe(200);
      return await response.json();
    };
    expect(await rows('group_by=model')).toMatchObject({
      from: dayOf(now - day),
      to: dayOf(now),
      data: [
        {
          model: 'one',
          requests: 3,
          running: 0,
          lost: 0,
          prompt_tokens: 7_000_000,
          cached_tokens: 10,
          thinking_tokens: 500_000,
          answer_tokens: 250_001,
          forced_tokens: 7,
          probe_tokens: 125_000,
          aborted_tokens: 125_000,
          dollars: 3.5 + 2 * 1.000_001,
        },
        { model: 'two', requests: 3, running: 1, lost: 1, prompt_tokens: 1, answer_tokens: 1, dollars: 0 },
      ],
    });
    expect(await rows('group_by=day')).toMatchObject({ data: [{ requests: 1, dollars: 2.000_002 }, { requests: 5 }] });
  });
});
