import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { retrievalFields, retrievalOf } from '../../../lambda/apis/retrieval-fields.ts';
import { BLOCK_HEAD, BLOCK_TAIL } from '../../../lambda/retrieval/passage-block.ts';
import { decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { ScriptedRetriever } from '../retrieval/scripted-retriever.ts';
import { chat, eventsOf, scriptedApp } from '../scripted-world.ts';
import { completionOf, errorOf } from './chat/completion-schema.ts';

const script = [
  { says: '\nTwo.', ends: IM_START },
  { says: '\nFour.', ends: IM_END },
];
const path = '/v1/chat/completions';
const stores = ['vs_1'];
const texts = ['A florn is 17 coins.', 'A mift is 4 coins.', 'A zath is 9 coins.'];
const passage = (at: number) => `[${at + 1}] ${at + 1}.md > Coins\n| ${texts[at]}\n`;
const FRAME = BLOCK_HEAD.length + BLOCK_TAIL.length;

const retrievalSchema = z.looseObject({
  when: z.string(),
  tokens: z.int(),
  passages: z.array(z.looseObject({ file_id: z.string(), tokens: z.int() })),
  left_out: z.int(),
});

describe('retrieval before the thinking', () => {
  it('the passages stand at the beginning of the last message of the user, as text', async () => {
    const retriever = new ScriptedRetriever(texts.slice(0, 2));
    const { app, model } = scriptedApp(script, { retriever });
    const messages = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hi' },
      { role: 'user', content: 'What is a florn?' },
    ];
    const response = await app.request(path, chat({ messages, retrieval: { stores } }));
    expect(response.status).toBe(200);
    const prompt = decode(model.requests[0]?.promptIds ?? []);
    expect(prompt.indexOf('Hello')).toBeLessThan(prompt.indexOf('<documents>'));
    expect(prompt).toContain(`user\n${BLOCK_HEAD}${passage(0)}${passage(1)}${BLOCK_TAIL}What is a florn?`);
    expect(retriever.queries).toEqual([
      { key: 'anonymous', stores, text: 'What is a florn?', maxResults: 8, scoreThreshold: 0 },
    ]);
  });

  it('the query, the filters and the ranking of the request are used', async () => {
    const retriever = new ScriptedRetriever(texts);
    const { app } = scriptedApp(script, { retriever });
    const filters = { type: 'and', filters: [{ type: 'eq', key: 'year', value: 2026 }] };
    const ranking_options = { hybrid_search: { embedding_weight: 1, text_weight: 3 } };
    const retrieval = { stores, query: 'florn', max_results: 2, score_threshold: 0.5, filters, ranking_options };
    await app.request(path, chat({ retrieval }));
    expect(retriever.queries).toEqual([
      {
        ...{ key: 'anonymous', stores, text: 'florn', maxResults: 2, scoreThreshold: 0.5, filter: filters },
        hybrid: { embeddingWeight: 1, textWeight: 3 },
      },
    ]);
  });

  it('max_tokens is exact: whole passages by score, with what marks them, until the next one does not fit', async () => {
    const sizes = [0, 1, 2].map((at) => passage(at).length);
    const [first = 0, second = 0] = sizes;
    for (const [maxTokens, placed] of [
      [FRAME + first + second, 2],
      [FRAME + first + second - 1, 1],
      [FRAME + first - 1, 0],
      [1, 0],
    ] as const) {
      const { app, model } = scriptedApp(script, { retriever: new ScriptedRetriever(texts) });
      const plain = scriptedApp(script);
      await plain.app.request(path, chat({}));
      const response = await app.request(path, chat({ retrieval: { stores, max_tokens: maxTokens } }));
      const body = z.looseObject({ budget_forcing: z.looseObject({ retrieval: retrievalSchema }) });
      const { retrieval } = body.parse(await response.json()).budget_forcing;
      const tokens = placed === 0 ? 0 : FRAME + sizes.slice(0, placed).reduce((sum, size) => sum + size, 0);
      expect(retrieval).toMatchObject({ when: 'before', tokens, left_out: 3 - placed });
      expect(retrieval.passages.map((each) => each.tokens)).toEqual(sizes.slice(0, placed));
      const added = (model.requests[0]?.promptIds.length ?? 0) - (plain.model.requests[0]?.promptIds.length ?? 0);
      expect(added).toBe(tokens);
    }
  });

  it('the headers say before the first byte what was placed, and the last chunk has the account', async () => {
    const retriever = new ScriptedRetriever(texts);
    const { app } = scriptedApp(script, { retriever });
    const maxTokens = FRAME + passage(0).length;
    const response = await app.request(path, chat({ stream: true, retrieval: { stores, max_tokens: maxTokens } }));
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-retrieval-tokens': String(maxTokens),
      'x-retrieval-passages': '1',
      'x-retrieval-left-out': '2',
      'x-retrieval-search-ms': expect.stringMatching(/^\d+$/),
    });
    const events = await eventsOf(response);
    const last = events.findLast(
      (event) => z.looseObject({ budget_forcing: z.looseObject({}) }).safeParse(event).success,
    );
    expect(last).toMatchObject({ budget_forcing: { retrieval: { tokens: maxTokens, passages: [{ id: 'p_1' }] } } });
  });

  it('the passages are in the prompt of usage, and in the window', async () => {
    const { app } = scriptedApp(script, { retriever: new ScriptedRetriever(texts) });
    const plain = await completionOf(await scriptedApp(script).app.request(path, chat({})));
    const body = await completionOf(await app.request(path, chat({ retrieval: { stores } })));
    const tokens = FRAME + [0, 1, 2].reduce((sum, at) => sum + passage(at).length, 0);
    expect(body.usage.prompt_tokens).toBe(plain.usage.prompt_tokens + tokens);

    const long = scriptedApp(script, { retriever: new ScriptedRetriever(['x'.repeat(5_000)]) });
    const response = await long.app.request(path, chat({ retrieval: { stores, max_tokens: 6_000 } }));
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ code: 'context_length_exceeded' });
  });

  it('several samples and a vote search once', async () => {
    const retriever = new ScriptedRetriever(texts);
    const { app, model } = scriptedApp([...script, ...script, ...script], { retriever });
    await app.request(path, chat({ n: 3, vote: true, retrieval: { stores } }));
    expect(retriever.queries).toHaveLength(1);
    expect(model.requests.length).toBeGreaterThan(3);
  });

  it('a search without results leaves the prompt as it is, and says so', async () => {
    const { app, model } = scriptedApp(script, { retriever: new ScriptedRetriever([]) });
    const response = await app.request(path, chat({ retrieval: { stores } }));
    expect(await response.json()).toMatchObject({
      budget_forcing: { retrieval: { tokens: 0, passages: [], left_out: 0 } },
    });
    expect(decode(model.requests[0]?.promptIds ?? [])).not.toContain('documents');
  });

  it.each([
    ['an unknown store', { stores: ['vs_2'] }, 404],
    ['an unknown store that a sure model would never read', { stores: ['vs_2'], when: 'unsure' }, 404],
    ['no store', { stores: [] }, 400],
    ['a misspelled member', { stores, max_token: 3 }, 400],
  ])('%s is refused', async (_name, retrieval, status) => {
    const { app } = scriptedApp(script, { retriever: new ScriptedRetriever(texts) });
    const thinking = { unsure_below: 0.5 };
    const response = await app.request(path, chat({ retrieval, thinking }));
    expect(response.status).toBe(status);
  });

  it('a deployment without stores refuses retrieval in every dialect', async () => {
    for (const [at, body] of [
      [path, { messages: [{ role: 'user', content: 'x' }] }],
      ['/v1/responses', { input: 'x' }],
      ['/v1/messages', { messages: [{ role: 'user', content: 'x' }], max_tokens: 50 }],
    ] as const) {
      const { app } = scriptedApp(script);
      const response = await app.request(at, chat({ messages: undefined, ...body, retrieval: { stores } }));
      expect(response.status).toBe(400);
      expect(JSON.stringify(await response.json())).toMatch(/no store of documents/);
    }
  });

  it('count_tokens counts the passages', async () => {
    const { app } = scriptedApp(script, { retriever: new ScriptedRetriever(texts) });
    const count = async (body: Readonly<Record<string, unknown>>) => {
      const response = await app.request('/v1/messages/count_tokens', chat(body));
      return z.object({ input_tokens: z.int() }).parse(await response.json()).input_tokens;
    };
    const tokens = FRAME + [0, 1, 2].reduce((sum, at) => sum + passage(at).length, 0);
    expect(await count({ retrieval: { stores } })).toBe((await count({})) + tokens);
  });

  it('no text of a passage or a query is logged', async () => {
    const { app, log } = scriptedApp(script, { retriever: new ScriptedRetriever(texts) });
    await app.request(path, chat({ retrieval: { stores, query: 'the secret query' } }));
    const lines = JSON.stringify(log);
    expect(lines).toContain('generation');
    for (const text of [...texts, 'the secret query']) expect(lines).not.toContain(text);
  });

  it('the default maximum is a quarter of the window, and at most 4,000 tokens', () => {
    const field = retrievalFields.retrieval.parse({ stores });
    expect(retrievalOf(field, 1_024).retrieval?.maxTokens).toBe(256);
    expect(retrievalOf(field, 131_072).retrieval?.maxTokens).toBe(4_000);
  });
});
