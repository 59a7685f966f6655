import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { decode, IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import { ScriptedRetriever } from '../lambda/retrieval/scripted-retriever.ts';
import type { ScriptedSegment } from '../lambda/scripted-world.ts';
import { serve } from './serve.ts';

const model = 'scripted';
const script: readonly ScriptedSegment[] = [
  { says: '\nI read.', ends: IM_START },
  { says: '\nGood question. A florn is 17 coins [1]. A mift is 4. [2] [9] That is all.', ends: IM_END },
];
const answer = 'Good question. A florn is 17 coins [1]. A mift is 4. [2] [9] That is all.';
const texts = ['A florn is 17 coins.', 'A mift is 4 coins.'];
const tool = { type: 'file_search' as const, vector_store_ids: ['vs_1'], max_num_results: 5 };
const ask = async () => {
  const retriever = new ScriptedRetriever(texts);
  return { ...(await serve(script, { retriever })), retriever };
};
const annotations = [
  { type: 'file_citation', index: answer.indexOf('[1]'), file_id: 'file_1', filename: '1.md' },
  { type: 'file_citation', index: answer.indexOf('[2]'), file_id: 'file_2', filename: '2.md' },
];

describe('file_search in Responses, by the openai client', () => {
  it('the answer has the search as an item, with results if asked, and a file_citation for each number', async () => {
    const { url, retriever, model: scripted } = await ask();
    const client = new OpenAI({ apiKey: 'none', baseURL: `${url}/v1` });
    const response = await client.responses.create({
      ...{
        model,
        input: 'What is a florn?',
        include: ['file_search_call.results'],
        tool_choice: { type: 'file_search' },
      },
      tools: [
        { ...tool, filters: { type: 'eq', key: 'year', value: 2026 }, ranking_options: { score_threshold: 0.1 } },
      ],
    });
    expect(response.output.map(({ type }) => type)).toEqual(['file_search_call', 'reasoning', 'message']);
    expect(response.output[0]).toMatchObject({
      ...{ type: 'file_search_call', status: 'completed', queries: ['What is a florn?'] },
      results: [
        { file_id: 'file_1', filename: '1.md', score: 1, text: texts[0], attributes: {} },
        { file_id: 'file_2', filename: '2.md', score: 0.9, text: texts[1], attributes: {} },
      ],
    });
    expect(response.output.at(-1)).toMatchObject({ content: [{ type: 'output_text', text: answer, annotations }] });
    expect(retriever.queries).toMatchObject([
      { stores: ['vs_1'], maxResults: 5, scoreThreshold: 0.1, filter: { type: 'eq', key: 'year', value: 2026 } },
    ]);
    // The search is no function of the model's family.
    expect(decode(scripted.requests[0]?.promptIds ?? [])).not.toContain('# Tools');

    const echoed = await client.responses.create({
      ...{ model, tools: [tool] },
      input: [
        { role: 'user', content: 'What is a florn?' },
        ...response.output.map((item) => item as OpenAI.Responses.ResponseInputItem),
        { role: 'user', content: 'And a mift?' },
      ],
    });
    expect(echoed.output[0]).toMatchObject({ queries: ['And a mift?'], results: null });
  });

  it('a stream has the events of the search before the answer, and an event for each annotation', async () => {
    const { url } = await ask();
    const client = new OpenAI({ apiKey: 'none', baseURL: `${url}/v1` });
    const stream = client.responses.stream({ model, input: 'What is a florn?', tools: [tool] });
    const types: string[] = [];
    const added: unknown[] = [];
    for await (const event of stream) {
      if (types.at(-1) !== event.type) types.push(event.type);
      if (event.type === 'response.output_text.annotation.added') added.push(event.annotation);
    }
    expect(types.slice(0, 7)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.file_search_call.in_progress',
      'response.file_search_call.searching',
      'response.file_search_call.completed',
      'response.output_item.done',
    ]);
    expect(added).toEqual(annotations);
    const final = await stream.finalResponse();
    expect(final.output_text).toBe(answer);
    expect(final.output.at(-1)).toMatchObject({ content: [{ annotations }] });
  });

  it('a search of an unsure thought is completed, with its event and its results', async () => {
    const logprob = { token: 'x', logprob: Math.log(0.1), top: [] };
    const unsure = { says: '\nflorn?', ends: IM_START, logprobs: Array.from({ length: 8 }, () => logprob) };
    const { url } = await serve([unsure, ...script], { retriever: new ScriptedRetriever(texts) });
    const client = new OpenAI({ apiKey: 'none', baseURL: `${url}/v1` });
    const stream = client.responses.stream({
      ...{ model, input: 'What is a florn?', tools: [tool], include: ['file_search_call.results'] },
      ...({ retrieval: { stores: ['vs_1'], when: 'unsure' }, thinking: { unsure_below: 0.5 } } as object),
    });
    const types = new Set<string>();
    for await (const { type } of stream) types.add(type);
    expect(types).toContain('response.file_search_call.completed');
    const { output } = await stream.finalResponse();
    expect(output.filter(({ type }) => type === 'file_search_call')).toMatchObject([
      { status: 'completed', results: [{ text: texts[0] }, { text: texts[1] }] },
    ]);
  });

  it('two searches and an unknown store are refused with a sentence', async () => {
    const { url } = await ask();
    const client = new OpenAI({ apiKey: 'none', baseURL: `${url}/v1`, maxRetries: 0 });
    const two = client.responses.create({ model, input: 'x', tools: [tool, tool] });
    await expect(two).rejects.toThrow('more than one file_search');
    const unknown = client.responses.create({ model, input: 'x', tools: [{ ...tool, vector_store_ids: ['vs_2'] }] });
    await expect(unknown).rejects.toMatchObject({ status: 404 });
  });
});

describe('retrieval in Chat, by the openai client', () => {
  const retrieval = { stores: ['vs_1'] };
  const expected = ['[1]', '[2]'].map((mark, at) => ({
    type: 'url_citation',
    url_citation: {
      ...{ start_index: answer.indexOf(mark), end_index: answer.indexOf(mark) + 3 },
      ...{ title: `${at + 1}.md`, url: `/v1/files/file_${at + 1}/content` },
    },
  }));

  it('the message has an annotation for each number, whole and in the last chunks of a stream', async () => {
    const body = { model, messages: [{ role: 'user' as const, content: 'What is a florn?' }], retrieval };
    const whole = await ask();
    const client = new OpenAI({ apiKey: 'none', baseURL: `${whole.url}/v1` });
    const completion = await client.chat.completions.create(body);
    expect(completion.choices[0]?.message).toMatchObject({ content: answer, annotations: expected });

    const streamed = await ask();
    const streaming = new OpenAI({ apiKey: 'none', baseURL: `${streamed.url}/v1` });
    const chunks = [];
    for await (const chunk of await streaming.chat.completions.create({ ...body, stream: true })) chunks.push(chunk);
    const deltas = chunks.map(({ choices }) => choices[0]?.delta ?? {});
    expect(deltas.filter((delta) => 'annotations' in delta)).toEqual([{ annotations: expected }]);
  });

  it('an answer that must be JSON has no citations: its brackets are lists', async () => {
    const retriever = new ScriptedRetriever(texts);
    const { url } = await serve(
      [
        { says: '\nI read.', ends: IM_START },
        { says: '{"a": [1]}', ends: IM_END },
      ],
      { retriever },
    );
    const client = new OpenAI({ apiKey: 'none', baseURL: `${url}/v1` });
    const completion = await client.chat.completions.create({
      ...{
        model,
        messages: [{ role: 'user' as const, content: 'x' }],
        response_format: { type: 'json_object' as const },
      },
      ...{ retrieval },
    });
    expect(completion.choices[0]?.message.annotations).toEqual([]);
  });
});

describe('retrieval in Messages, by the anthropic client', () => {
  const body = {
    model,
    max_tokens: 200,
    messages: [{ role: 'user' as const, content: 'What is a florn?' }],
    retrieval: { stores: ['vs_1'] },
  };
  const citation = (at: number) => ({
    ...{ type: 'search_result_location', cited_text: texts[at], title: `${at + 1}.md`, source: `file_${at + 1}` },
    ...{ search_result_index: at, start_block_index: 0, end_block_index: 1 },
  });
  const content = [
    { type: 'text', text: 'Good question. ', citations: null },
    { type: 'text', text: 'A florn is 17 coins [1]. ', citations: [citation(0)] },
    { type: 'text', text: 'A mift is 4. [2] [9] ', citations: [citation(1)] },
    { type: 'text', text: 'That is all.', citations: null },
  ];

  it('a sentence that cites a passage is a block with its citations, streamed and not', async () => {
    const whole = await ask();
    const client = new Anthropic({ apiKey: 'none', baseURL: whole.url });
    expect((await client.messages.create(body)).content).toEqual(content);

    const streamed = await ask();
    const events: string[] = [];
    const stream = new Anthropic({ apiKey: 'none', baseURL: streamed.url }).messages.stream(body);
    stream.on('streamEvent', (event) => {
      events.push(event.type === 'content_block_delta' ? event.delta.type : event.type);
    });
    const message = await stream.finalMessage();
    expect(message.content).toEqual(content);
    expect(events.filter((type) => type === 'citations_delta')).toHaveLength(2);
    expect(events.filter((type) => type === 'content_block_stop')).toHaveLength(4);
  });

  it('an answer with citations can be sent back', async () => {
    const { url } = await ask();
    const client = new Anthropic({ apiKey: 'none', baseURL: url });
    const first = await client.messages.create(body);
    const messages = [...body.messages, { role: 'assistant' as const, content: first.content }];
    const again = await client.messages.create({
      ...body,
      messages: [...messages, { role: 'user', content: 'More?' }],
    });
    expect(again.content.length).toBeGreaterThan(0);
  });

  it('an answer that never cites has one text without citations', async () => {
    const { url } = await serve(
      [
        { says: '\nI read.', ends: IM_START },
        { says: '\nA florn is 17. So it is.', ends: IM_END },
      ],
      { retriever: new ScriptedRetriever(texts) },
    );
    const message = await new Anthropic({ apiKey: 'none', baseURL: url }).messages.create(body);
    expect(message.content).toEqual([{ type: 'text', text: 'A florn is 17. So it is.', citations: null }]);
  });
});
