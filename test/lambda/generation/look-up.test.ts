import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { dayOf, Ledger } from '../../../lambda/keys/ledger.ts';
import { ServedModel } from '../../../lambda/models/served-model.ts';
import { BLOCK_HEAD, BLOCK_IN_THOUGHT, BLOCK_TAIL } from '../../../lambda/retrieval/passage-block.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { CircuitBreaker } from '../../../lambda/upstream/circuit-breaker.ts';
import { ModelUnavailableError, StreamBrokenError } from '../../../lambda/upstream/errors.ts';
import { decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { ScriptedRetriever } from '../retrieval/scripted-retriever.ts';
import { chat, eventsOf, ScriptedModel, type ScriptedSegment, scriptedApp, scriptedModel } from '../scripted-world.ts';

const path = '/v1/chat/completions';
const retrieval = { stores: ['vs_1'], when: 'unsure', max_tokens: 400 };
const thinking = { unsure_below: 0.5 };
const BLOCK = `${BLOCK_IN_THOUGHT}${BLOCK_HEAD}[1] 1.md > Coins\n| A florn is 17.\n${BLOCK_TAIL}`;

/** A thought whose tokens all have the same probability. */
function thinks(says: string, probability: number): ScriptedSegment {
  const logprob = { token: 'x', logprob: Math.log(probability), top: [] };
  return { says, ends: IM_START, logprobs: Array.from({ length: says.length + 1 }, () => logprob) };
}
const answers = (says: string): ScriptedSegment => ({ says, ends: IM_END });
const unsureThenSure = [thinks('\nflorn?', 0.1), thinks('17.', 0.9), answers('\n17')];

const completion = z.looseObject({
  choices: z.array(z.looseObject({ message: z.looseObject({ content: z.string(), reasoning_content: z.string() }) })),
  usage: z.looseObject({ prompt_tokens: z.int(), completion_tokens: z.int() }),
  budget_forcing: z.looseObject({ retrieval: z.looseObject({ tokens: z.int() }).optional() }).optional(),
});

describe('retrieval once the model is unsure', () => {
  it('the passages are in the thought, as forced text, and count as input', async () => {
    const retriever = new ScriptedRetriever(['A florn is 17.']);
    const { app, model } = scriptedApp(unsureThenSure, { retriever });
    const response = await app.request(path, chat({ retrieval, thinking }));
    expect(response.headers.get('x-retrieval-tokens')).toBeNull();
    const body = completion.parse(await response.json());
    expect(body.choices[0]?.message).toMatchObject({ content: '17', reasoning_content: `florn?${BLOCK}17.` });
    expect(body.budget_forcing).toMatchObject({
      ...{ thinking_tokens: 10, waits: 0, end_reason: 'model' },
      retrieval: { when: 'unsure', tokens: BLOCK.length, passages: [{ id: 'p_1' }], left_out: 0 },
      events: [{ kind: 'retrieval', at: 7, tokens: BLOCK.length, value: expect.closeTo(0.1) }],
    });
    const prompt = model.requests[0]?.promptIds.length ?? 0;
    expect(body.usage).toMatchObject({ prompt_tokens: prompt + BLOCK.length, completion_tokens: 13 });
    expect(decode(model.requests[1]?.promptIds ?? []).endsWith(`florn?${BLOCK}`)).toBe(true);
    expect(retriever.queries).toHaveLength(1);
  });

  it('a sure model is not interrupted, and nothing is searched', async () => {
    const retriever = new ScriptedRetriever(['A florn is 17.']);
    const { app } = scriptedApp([thinks('\n17.', 0.9), answers('\n17')], { retriever });
    const body = completion.parse(await (await app.request(path, chat({ retrieval, thinking }))).json());
    expect(body.budget_forcing?.retrieval).toBeUndefined();
    expect(retriever.queries).toEqual([]);
  });

  it('a stream has the passages where they stand in the thought, marked as forced', async () => {
    const { app } = scriptedApp(unsureThenSure, { retriever: new ScriptedRetriever(['A florn is 17.']) });
    const events = await eventsOf(await app.request(path, chat({ retrieval, thinking, stream: true })));
    const chunk = z.looseObject({
      choices: z.array(z.looseObject({ delta: z.looseObject({ reasoning_content: z.string().optional() }) })),
    });
    const deltas = events.flatMap((event) => chunk.safeParse(event).data?.choices.map(({ delta }) => delta) ?? []);
    expect(deltas.map((delta) => delta.reasoning_content ?? '').join('')).toBe(`florn?${BLOCK}17.`);
    expect(deltas.filter((delta) => 'forced' in delta)).toEqual([
      expect.objectContaining({ reasoning_content: expect.stringContaining('| A florn is 17.'), forced: true }),
    ]);
  });

  it('samples of a vote share one search, and each has its own passages', async () => {
    const retriever = new ScriptedRetriever(['A florn is 17.']);
    const two = [thinks('\nflorn?', 0.1), thinks('\nflorn?', 0.1), thinks('17.', 0.9), thinks('17.', 0.9)];
    const { app, model } = scriptedApp([...two, answers('\n17'), answers('\n17')], { retriever });
    const response = await app.request(path, chat({ retrieval, thinking, n: 2, vote: true }));
    expect(response.status).toBe(200);
    expect(retriever.queries).toHaveLength(1);
    const withBlock = model.requests.filter(({ promptIds }) => decode(promptIds).endsWith(BLOCK));
    expect(withBlock).toHaveLength(2);
  });

  it('a call that breaks after the passages goes on behind them, and they are not searched again', async () => {
    const retriever = new ScriptedRetriever(['A florn is 17.']);
    const broken: ScriptedSegment = { ...thinks('17', 0.9), fails: new StreamBrokenError('broke') };
    const { ends: _, ...breaks } = broken;
    const { app, model } = scriptedApp([thinks('\nflorn?', 0.1), breaks, thinks('.', 0.9), answers('\n17')], {
      retriever,
    });
    const body = completion.parse(await (await app.request(path, chat({ retrieval, thinking }))).json());
    expect(body.choices[0]?.message.reasoning_content).toBe(`florn?${BLOCK}17.`);
    expect(decode(model.requests[2]?.promptIds ?? []).endsWith(`${BLOCK}17`)).toBe(true);
    expect(retriever.queries).toHaveLength(1);
  });

  it('a fallback goes on behind the passages, from one search', async () => {
    const retriever = new ScriptedRetriever(['A florn is 17.']);
    const gone: ScriptedSegment = { says: '', fails: new ModelUnavailableError('gone') };
    const own = scriptedModel('scripted', [thinks('\nflorn?', 0.1), gone, gone, gone]);
    const script = new ScriptedModel([thinks('17.', 0.9), answers('\n17')]);
    const spare = new ServedModel(own.settings, script, own.tokenizer);
    const breaker = () => new CircuitBreaker(() => 0);
    own.failover = {
      breaker: breaker(),
      hedgeAfterMs: undefined,
      fallbacks: [{ name: 'spare', model: spare, breaker: breaker(), cannot: [] }],
    };
    const { app } = scriptedApp([], { retriever, models: [own] });
    const body = completion.parse(await (await app.request(path, chat({ retrieval, thinking }))).json());
    expect(body.budget_forcing).toMatchObject({
      failover: { upstream: 'spare', moves: [{ to: 'spare' }] },
      retrieval: { when: 'unsure', tokens: BLOCK.length },
    });
    expect(body.choices[0]?.message.reasoning_content).toBe(`florn?${BLOCK}17.`);
    const prompt = decode(script.requests[0]?.promptIds ?? []);
    expect(prompt.split(BLOCK)).toHaveLength(2);
    expect(retriever.queries).toHaveLength(1);
  });

  it('a search that fails is reported and logged without the query, and the model answers', async () => {
    const retriever = new ScriptedRetriever([], new Error('The index is away.'));
    const { app, log } = scriptedApp([thinks('\nflorn?', 0.1), answers('\n17')], { retriever });
    const body = completion.parse(
      await (await app.request(path, chat({ retrieval: { ...retrieval, query: 'my secret' }, thinking }))).json(),
    );
    expect(body.budget_forcing?.retrieval).toMatchObject({ tokens: 0, passages: [], failure: 'internal_error' });
    expect(log.find(({ message }) => message === 'search failed')).toMatchObject({ level: 'error' });
    expect(JSON.stringify(log)).not.toContain('my secret');
  });

  it('a search that never ends is cut by the deadline', async () => {
    const retriever = new ScriptedRetriever(['A florn is 17.']);
    retriever.search = async () => await new Promise(() => {});
    const { app } = scriptedApp([thinks('\nflorn?', 0.1), answers('\n17')], { retriever });
    const response = await app.request(path, chat({ retrieval, thinking: { ...thinking, deadline_ms: 400 } }));
    expect(await response.json()).toMatchObject({
      choices: [{ message: { content: 'Final Answer:\n17' } }],
      budget_forcing: { end_reason: 'deadline' },
    });
  });

  it('the window has room for the passages before the request is admitted', async () => {
    const { app } = scriptedApp(unsureThenSure, { retriever: new ScriptedRetriever(['A florn is 17.']) });
    const ask = async (tokens: number) => {
      const response = await app.request(path, chat({ retrieval: { ...retrieval, max_tokens: tokens }, thinking }));
      return [response.status, JSON.stringify(await response.json())];
    };
    const message = (text: string) => [400, expect.stringContaining(text)];
    expect(await ask(4_020)).toEqual(message('up to 4020 tokens of passages (retrieval.max_tokens)'));
    expect(await ask(4_090)).toEqual(message('retrieval.max_tokens (4090) leaves no room for a conversation'));
  });

  it.each([
    [{ thinking: {} }, 'thinking.unsure_below is required'],
    [{ thinking: { ...thinking, max_tokens: 0 } }, 'the request does not think'],
    [
      {
        thinking,
        messages: [
          { role: 'user', content: 'x' },
          { role: 'assistant', content: '17' },
        ],
      },
      'the last message begins the answer',
    ],
    [{ thinking, messages: [{ role: 'user', content: ' ' }] }, 'There is nothing to look up'],
  ])('a request that cannot be unsure is refused: %j', async (body, message) => {
    const { app } = scriptedApp(unsureThenSure, { retriever: new ScriptedRetriever(['x']) });
    const response = await app.request(path, chat({ retrieval, ...body }));
    expect(response.status).toBe(400);
    expect(JSON.stringify(await response.json())).toContain(message);
  });

  it('the ledger has the passages in the prompt, by themselves, and the search', async () => {
    const at = 1_700_000_000;
    for (const [when, script] of [
      ['unsure', unsureThenSure],
      ['before', [thinks('17.', 0.9), answers('\n17')]],
    ] as const) {
      const ledger = new Ledger(new MemoryTable(), () => at);
      const { app } = scriptedApp(script, { ledger, retriever: new ScriptedRetriever(['A florn is 17.']) });
      const body = completion.parse(
        await (await app.request(path, chat({ retrieval: { ...retrieval, when }, thinking }))).json(),
      );
      const records = [];
      for await (const record of ledger.records([dayOf(at)])) records.push(record);
      const retrieved = body.budget_forcing?.retrieval?.tokens;
      expect(retrieved).toBeGreaterThan(50);
      expect(records).toMatchObject([{ prompt: body.usage.prompt_tokens, retrieved, searches: 1 }]);
      const usage = await (await app.request('/v1/usage?from=2023-11-14&to=2023-11-15')).json();
      expect(usage).toMatchObject({ data: [{ retrieved_tokens: retrieved, searches: 1 }] });
    }
  });
});
