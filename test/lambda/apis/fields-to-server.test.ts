import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { budgetFields } from '../../../lambda/apis/budget-fields.ts';
import { chatRequestSchema } from '../../../lambda/apis/chat/request.ts';
import { completionRequestSchema } from '../../../lambda/apis/completions/request.ts';
import { messagesRequestSchema } from '../../../lambda/apis/messages/request.ts';
import { responsesRequestSchema } from '../../../lambda/apis/responses/request.ts';
import { ServedModel } from '../../../lambda/models/served-model.ts';
import { CompletionsModel } from '../../../lambda/upstream/completions-model.ts';
import { callSeed, sampleSeed } from '../../../lambda/upstream/segment-seed.ts';
import { bytes, decode, END_OF_TEXT, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { ScriptedRetriever } from '../retrieval/scripted-retriever.ts';
import { scriptedApp, scriptedModel } from '../scripted-world.ts';

/**
 * Follows every field of every dialect to the bodies that the model server gets over HTTP. Each dialect's table must have every field of
 * its schema: a new field fails here until the table says what it does to the bodies.
 */

type Json = Readonly<Record<string, unknown>>;
interface Call {
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly body: Json;
}

const controls: Readonly<Record<number, string>> = {
  [IM_START]: '<|im_start|>',
  [IM_END]: '<|im_end|>',
  [END_OF_TEXT]: '<|endoftext|>',
};
const show = (ids: readonly number[]) => ids.map((id) => controls[id] ?? decode([id])).join('');

const bodySchema = z.looseObject({ prompt: z.array(z.int()), min_tokens: z.int(), max_tokens: z.int() });
let calls: Call[] = [];
/** A model server that thinks "Two." and answers with a call or an object that fits every request of the tables. */
const server = createServer(async (request, response) => {
  const { prompt: ids, ...body } = bodySchema.parse(await json(request));
  calls.push({ prompt: show(ids), ids, body });
  const opened = show(ids.slice(ids.lastIndexOf(IM_START)));
  const thinks = opened.startsWith('<|im_start|>think');
  const end = thinks ? IM_START : IM_END;
  const said = [...bytes((thinks ? '\nTwo.' : '\n{}').padEnd(body.min_tokens, ' ')), end].slice(0, body.max_tokens);
  const full = said.at(-1) !== end;
  const choice = {
    text: '',
    token_ids: said,
    finish_reason: full ? 'length' : 'stop',
    ...(full ? {} : { stop_reason: end }),
  };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(`data: ${JSON.stringify({ choices: [choice] })}\n\ndata: [DONE]\n\n`);
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

async function callsOf(path: string, body: Json): Promise<readonly Call[]> {
  const { settings, tokenizer } = scriptedModel('scripted', []);
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const segments = new CompletionsModel({ baseUrl, servedModelName: 'served' });
  const models = [new ServedModel(settings, segments, tokenizer)];
  const { app } = scriptedApp([], { models, retriever: new ScriptedRetriever(['A florn is 17.']) });
  calls = [];
  const response = await app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status, await response.clone().text()).toBe(200);
  await response.text();
  return calls.toSorted((a, b) => a.ids.length - b.ids.length);
}

/** What a field does to the bodies: members that both calls have in addition, or those of the thinking and of the answer. */
interface Effect {
  readonly both?: Json;
  readonly thinking?: Json;
  readonly answer?: Json;
  /** Text that the prompt has in addition. */
  readonly prompt?: string;
  /** What a further call has in place of the last one's. If omitted, there is none. */
  readonly further?: Json;
  /** Number of samples. @default 1 */
  readonly samples?: number;
  /** Further fields that this one requires. */
  readonly with?: Json;
}
/** Fields that shape the response alone, or have no effect: the bodies stay as they are without them. */
const none: Effect = {};

type Row = readonly [field: string, value: unknown, effect: Effect];

const sampling: readonly Row[] = [
  ['temperature', 0.5, { both: { temperature: 0.5 } }],
  ['top_p', 0.9, { both: { top_p: 0.9 } }],
  ['top_k', 7, { both: { top_k: 7 } }],
  ['min_p', 0.1, { both: { min_p: 0.1 } }],
  ['repetition_penalty', 1.1, { both: { repetition_penalty: 1.1 } }],
  ['frequency_penalty', 0.2, { both: { frequency_penalty: 0.2 } }],
  ['presence_penalty', -0.3, { both: { presence_penalty: -0.3 } }],
];
/** Every name of a maximum of thinking, set to 50 tokens or to an effort of 20. */
const maximums: readonly Row[] = [
  ['thinking', { max_tokens: 50 }, { thinking: { max_tokens: 50 } }],
  ['thinking', { budget_tokens: 50 }, { thinking: { max_tokens: 50 } }],
  ['thinking', { min_tokens: 30, waits: 0 }, { thinking: { min_tokens: 30 } }],
  ['reasoning_effort', 'low', { thinking: { max_tokens: 20 } }],
  ['reasoning', { max_tokens: 50 }, { thinking: { max_tokens: 50 } }],
  ['reasoning', { effort: 'low' }, { thinking: { max_tokens: 20 } }],
  ['enable_thinking', true, none],
  ['thinking_budget', 50, { thinking: { max_tokens: 50 } }],
  ['thinking_token_budget', 50, { thinking: { max_tokens: 50 } }],
  ['chat_template_kwargs', { thinking_budget: 50 }, { thinking: { max_tokens: 50 } }],
  ['chat_template_kwargs', { reasoning_effort: 'low' }, { thinking: { max_tokens: 20 } }],
  ['reasoning_budget_tokens', 50, { thinking: { max_tokens: 50 } }],
  ['thinking_budget_tokens', 50, { thinking: { max_tokens: 50 } }],
  ['think', 'low', { thinking: { max_tokens: 20 } }],
  ['nvext', { max_thinking_tokens: 50 }, { thinking: { max_tokens: 50 } }],
  ['output_config', { effort: 'low' }, { thinking: { max_tokens: 20 } }],
  ['include_reasoning', false, none],
  ...['generationConfig', 'generation_config', 'google'].flatMap((field): readonly Row[] => [
    [field, { thinkingConfig: { thinkingBudget: 50 } }, { thinking: { max_tokens: 50 } }],
    [field, { thinking_config: { thinking_budget: 50 } }, { thinking: { max_tokens: 50 } }],
    [field, { thinking_config: { thinkingLevel: 'LOW' } }, { thinking: { max_tokens: 20 } }],
  ]),
  ['thinkingConfig', { thinkingBudget: 50 }, { thinking: { max_tokens: 50 } }],
  ['thinking_config', { thinking_level: 'low' }, { thinking: { max_tokens: 20 } }],
  ['extra_body', { google: { thinking_config: { thinking_budget: 50 } } }, { thinking: { max_tokens: 50 } }],
];
/** Passages stand in the prompt. */
const documents: readonly Row[] = [['retrieval', { stores: ['vs_1'] }, { prompt: '| A florn is 17.' }]];

const vote: readonly Row[] = [
  ['vote', true, { with: { n: 2 }, samples: 2 }],
  // The first of two votes decides: no other answer can get more.
  ['vote_until', { lead: 2 }, { with: { n: 2, vote: true }, samples: 1 }],
  ['vote_weights', 'equal', { with: { n: 2, vote: true }, samples: 2 }],
];
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const parameters = schema;
const look = { name: 'look', description: 'Looks.', parameters };
const described = JSON.stringify({ type: 'function', function: look });

/** The form of a call of `look`, as the body names it. */
const called = {
  structured_outputs: {
    json: expect.objectContaining({
      properties: expect.objectContaining({ name: { const: 'look' }, arguments: parameters }),
    }),
  },
};
const messages = [{ role: 'user', content: 'How many?' }];
const assistant = { role: 'assistant', content: 'Mine:' };

const tables: Readonly<Record<string, { schema: z.ZodObject; needed: Json; rows: readonly Row[] }>> = {
  '/v1/chat/completions': {
    schema: chatRequestSchema,
    needed: { model: 'scripted', messages },
    rows: [
      ['model', 'scripted', { both: { model: 'served' } }],
      ['messages', messages, { prompt: 'How many?' }],
      ...sampling,
      ...maximums,
      ...documents,
      ...vote,
      ['continue_final_message', true, { with: { messages: [...messages, assistant] }, prompt: 'answer\nMine:' }],
      ['add_generation_prompt', true, none],
      ['stream', true, none],
      ['stream_options', { include_usage: true }, { with: { stream: true } }],
      ['max_completion_tokens', 90, { thinking: { max_tokens: 67 }, answer: { max_tokens: 85 } }],
      ['max_tokens', 90, { thinking: { max_tokens: 67 }, answer: { max_tokens: 85 } }],
      ['seed', 7, { both: { seed: 'of the call' } }],
      ['stop', ['END', 'STOP'], { answer: { stop: ['END', 'STOP'] } }],
      ['stop', 'END', { answer: { stop: ['END'] } }],
      [
        'ignore_eos',
        true,
        { with: { max_tokens: 90 }, thinking: { max_tokens: 67 }, answer: { max_tokens: 85, min_tokens: 85 } },
      ],
      ['min_tokens', 60, { answer: { min_tokens: 55 } }],
      ['n', 2, { samples: 2 }],
      ['logprobs', true, { answer: { logprobs: 0 } }],
      ['top_logprobs', 3, { with: { logprobs: true }, answer: { logprobs: 3 } }],
      ['response_format', { type: 'json_object' }, { answer: { structured_outputs: { json_object: true } } }],
      [
        'response_format',
        { type: 'json_schema', json_schema: { name: 'a', schema } },
        { answer: { structured_outputs: { json: schema } } },
      ],
      ['tools', [{ type: 'function', function: look }], { prompt: described }],
      [
        'tool_choice',
        'required',
        { with: { tools: [{ type: 'function', function: look }] }, prompt: described, answer: called },
      ],
      ['parallel_tool_calls', true, none],
      ['user', 'someone', none],
      ['safety_identifier', 'someone', none],
      ['metadata', { run: '7' }, none],
      ['store', false, none],
      ['prompt_cache_key', 'k', none],
      ['service_tier', 'auto', none],
      ['modalities', ['text'], none],
      ['verbosity', 'medium', none],
    ],
  },
  '/v1/responses': {
    schema: responsesRequestSchema,
    needed: { model: 'scripted', input: 'How many?' },
    rows: [
      ['model', 'scripted', { both: { model: 'served' } }],
      ['input', 'How many?', { prompt: 'How many?' }],
      ['instructions', 'Count them.', { prompt: 'Count them.' }],
      ...sampling,
      ...maximums.filter(([field]) => field === 'thinking'),
      ...documents,
      ...vote,
      ['stream', true, none],
      ['stream_options', { include_obfuscation: false }, { with: { stream: true } }],
      ['reasoning', { effort: 'low' }, { thinking: { max_tokens: 20 } }],
      ['reasoning', { max_tokens: 50 }, { thinking: { max_tokens: 50 } }],
      ['max_output_tokens', 90, { thinking: { max_tokens: 67 }, answer: { max_tokens: 85 } }],
      ['seed', 7, { both: { seed: 'of the call' } }],
      ['stop', ['END'], { answer: { stop: ['END'] } }],
      [
        'ignore_eos',
        true,
        { with: { max_output_tokens: 90 }, thinking: { max_tokens: 67 }, answer: { max_tokens: 85, min_tokens: 85 } },
      ],
      ['min_tokens', 60, { answer: { min_tokens: 55 } }],
      ['n', 2, { with: { vote: true }, samples: 2 }],
      ['text', { format: { type: 'json_object' } }, { answer: { structured_outputs: { json_object: true } } }],
      [
        'text',
        { format: { type: 'json_schema', name: 'a', schema } },
        { answer: { structured_outputs: { json: schema } } },
      ],
      ['tools', [{ type: 'function', ...look }], { prompt: described }],
      [
        'tool_choice',
        { type: 'function', name: 'look' },
        { with: { tools: [{ type: 'function', ...look }] }, prompt: described, answer: called },
      ],
      ['parallel_tool_calls', true, none],
      ['truncation', 'disabled', none],
      ['store', false, none],
      ['previous_response_id', null, none],
      ['include', ['reasoning.encrypted_content'], none],
      ['metadata', { run: '7' }, none],
      ['user', 'someone', none],
      ['safety_identifier', 'someone', none],
      ['prompt_cache_key', 'k', none],
      ['service_tier', 'auto', none],
      ['background', false, none],
    ],
  },
  '/v1/messages': {
    schema: messagesRequestSchema,
    needed: { model: 'scripted', messages, max_tokens: 1_000 },
    rows: [
      ['model', 'scripted', { both: { model: 'served' } }],
      ['messages', messages, { prompt: 'How many?' }],
      ['system', 'Count them.', { prompt: 'Count them.' }],
      ['system', [{ type: 'text', text: 'Count them.' }], { prompt: 'Count them.' }],
      ...sampling.filter(([field]) => ['temperature', 'top_p', 'top_k'].includes(field)),
      ['top_k', 0, { both: { top_k: -1 } }],
      ['thinking', { max_tokens: 50 }, { thinking: { max_tokens: 50 } }],
      ['thinking', { type: 'enabled', budget_tokens: 50 }, { thinking: { max_tokens: 50 } }],
      ['thinking', { min_tokens: 30, waits: 0 }, { thinking: { min_tokens: 30 }, answer: { max_tokens: 970 } }],
      ...documents,
      ...vote,
      ['max_tokens', 90, { thinking: { max_tokens: 67 }, answer: { max_tokens: 85 } }],
      ['n', 2, { with: { vote: true }, samples: 2 }],
      ['stream', true, none],
      ['stop_sequences', ['END'], { answer: { stop: ['END'] } }],
      ['output_config', { effort: 'low' }, { thinking: { max_tokens: 20 } }],
      [
        'output_config',
        { format: { type: 'json_schema', schema } },
        { answer: { structured_outputs: { json: schema } } },
      ],
      ['output_format', { type: 'json_schema', schema }, { answer: { structured_outputs: { json: schema } } }],
      ['tools', [{ name: 'look', description: 'Looks.', input_schema: parameters }], { prompt: described }],
      ...[{ type: 'any' }, { type: 'tool', name: 'look' }].map(
        (choice): Row => [
          'tool_choice',
          choice,
          {
            with: { tools: [{ name: 'look', description: 'Looks.', input_schema: parameters }] },
            prompt: described,
            answer: called,
          },
        ],
      ),
      ['metadata', { user_id: 'someone' }, none],
      ['service_tier', 'auto', none],
    ],
  },
  '/v1/completions': {
    schema: completionRequestSchema,
    // With a budget, so that thinking opens after the prompt.
    needed: { model: 'scripted', prompt: 'How many?', enable_thinking: true },
    rows: [
      ['model', 'scripted', { both: { model: 'served' } }],
      ['prompt', 'How many?', { prompt: 'How many?' }],
      ['prompt', bytes('How many?'), { prompt: 'How many?' }],
      ...sampling,
      ...maximums,
      ['stream', true, none],
      ['stream_options', { include_usage: true }, { with: { stream: true } }],
      ['max_tokens', 90, { thinking: { max_tokens: 67 }, answer: { max_tokens: 85 } }],
      ['seed', 7, { both: { seed: 'of the call' } }],
      ['stop', ['END', 'STOP'], { answer: { stop: ['END', 'STOP'] } }],
      ['stop', 'END', { answer: { stop: ['END'] } }],
      ['n', 2, { samples: 2 }],
      ['best_of', 1, none],
      ['logprobs', 3, { answer: { logprobs: 3 } }],
      ['add_special_tokens', false, none],
      ['include_stop_str_in_output', false, none],
      ['spaces_between_special_tokens', true, none],
      ['detokenize', true, none],
      ['suffix', '', none],
      ['logit_bias', {}, none],
      ['user', 'someone', none],
    ],
  },
};

/** Fields of a plain completion, which is one call: what its body has in place of the other's. */
const plain: readonly Row[] = [
  ['max_tokens', 90, { both: { max_tokens: 90 } }],
  ['min_tokens', 5, { both: { min_tokens: 5 } }],
  ['ignore_eos', true, { both: { min_tokens: 16 } }],
  ['echo', true, none],
  [
    'echo',
    true,
    {
      with: { logprobs: 2 },
      both: { logprobs: 2 },
      // The log probabilities of the prompt come from a call of their own.
      further: { echo: true, max_tokens: 1, temperature: 0, skip_special_tokens: false },
    },
  ],
  ['stop_token_ids', [65], { both: { stop_token_ids: expect.arrayContaining([65]) } }],
  ['stop', ['END'], { both: { stop: ['END'] } }],
  ['skip_special_tokens', false, { both: { skip_special_tokens: false } }],
  ['return_token_ids', true, none],
  ['logprobs', 3, { both: { logprobs: 3 } }],
  ['seed', 7, { both: { seed: 'of the call' } }],
  ...sampling,
];

/** Whether the tables have a row for the field of a dialect. */
const fieldsOf = (rows: readonly Row[]) => new Set(rows.map(([field]) => field));

describe.each(Object.entries(tables))('every field of %s', (path, { schema, needed, rows }) => {
  it('each field of the schema has a row that says what the model server gets', () => {
    const all = path === '/v1/completions' ? [...rows, ...plain] : rows;
    expect([...fieldsOf(all)].toSorted()).toEqual(Object.keys(schema.shape).toSorted());
  });

  it.each(rows)('%s %j reaches the model server', async (field, value, effect) => {
    await expectEffect(path, needed, field, value, effect);
  });
});

describe('every field of a plain completion', () => {
  it.each(plain)('%s %j reaches the model server', async (field, value, effect) => {
    await expectEffect('/v1/completions', { model: 'scripted', prompt: 'answer' }, field, value, effect);
  });
});

it('every budget field has a row', () => {
  expect([...fieldsOf(maximums)].toSorted()).toEqual(Object.keys(budgetFields).toSorted());
});

async function expectEffect(path: string, needed: Json, field: string, value: unknown, effect: Effect): Promise<void> {
  const without = await callsOf(path, needed);
  const got = await callsOf(path, { ...needed, ...effect.with, [field]: value });
  // The beginning of an answer leaves no thinking.
  const kept = effect.prompt?.startsWith('answer') === true ? without.slice(1) : without;
  const expected = kept.flatMap(({ prompt, body }) => {
    const thinks = prompt.endsWith('<|im_start|>think');
    const more = thinks ? effect.thinking : effect.answer;
    return new Array<Json>(effect.samples ?? 1).fill({ ...body, ...effect.both, ...more });
  });
  if (effect.further !== undefined) expected.push({ ...expected.at(-1), ...effect.further });
  expect(got.map(({ ids, body }) => withSeed(body, ids, got[0]?.ids ?? []))).toEqual(expected);
  for (const { prompt } of got) expect(prompt).toContain(effect.prompt ?? without[0]?.prompt.slice(0, -1));
}

/** The body with words in place of a seed that is the one of the call. */
function withSeed(body: Json, ids: readonly number[], first: readonly number[]): Json {
  const { seed, ...rest } = body;
  if (seed === undefined) return body;
  const opened = first.length - '_think'.length;
  const conversations = [first, first.slice(0, opened)];
  const expected = conversations.map((conversation) => callSeed(sampleSeed(7, 0, conversation), ids));
  return { ...rest, seed: expected.includes(Number(seed)) ? 'of the call' : seed };
}
