import { mkdtemp, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { detectDialect } from '../../evaluate/against/dialects.ts';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { evaluate } from '../../evaluate/evaluate.ts';
import type { Prices } from '../../evaluate/prices.ts';
import { startLocal } from '../../local/start-local.ts';
import { budgetforceAnswer, publishedModels, scriptedApi } from './scripted-api.ts';

const questions = [1, 2, 3, 4].map((number) => ({
  id: `q${number}`,
  question: `What is ${number}?`,
  answer: String(number),
}));
const prices: Prices = {
  dollarsPerMillionTokens: 1,
  dollarsPerHour: 2,
  againstPrice: { input: 3, output: 15 },
};

let folder: string;
let own: Awaited<ReturnType<typeof scriptedApi>>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'against-'));
  own = await scriptedApi(budgetforceAnswer, publishedModels);
});
afterEach(async () => {
  own.close();
  await rm(folder, { recursive: true });
});

async function compare(
  url: string,
  options: { model?: string; dialect?: 'openai' | 'anthropic'; extra?: Record<string, unknown> } = {},
) {
  const { model = 'closed', dialect = 'openai', extra = { effort: 'high' } } = options;
  const { against } = await evaluate({
    api: { baseUrl: own.url, model: 'm', apiKey: undefined, temperature: undefined },
    target: 't',
    questions,
    conditions: conditionsOf({ budgets: [25], waits: [], samples: 1, baselineBudgets: [] }),
    seeds: 1,
    against: { url, model, dialect, apiKey: 'secret', extra },
    concurrency: 1,
    ...prices,
    out: folder,
    signal: new AbortController().signal,
  });
  if (against === undefined) throw new Error('There is no comparison.');
  return against;
}

const json = (response: ServerResponse, body: unknown) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
};
/** Right for even numbers. */
const textFor = (content: string) =>
  (Number(/\d+/.exec(content)?.[0]) % 2 === 0 ? /\d+/.exec(content)?.[0] : '99') ?? '';

describe('--against', () => {
  it("asks OpenAI's dialect the same questions, and reports accuracy, dollars and break-even", async () => {
    const other = await scriptedApi(({ body }, response) =>
      json(response, {
        choices: [{ message: { content: textFor(body.messages[0].content) }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 100, completion_tokens: 40, completion_tokens_details: { reasoning_tokens: 30 } },
      }),
    );
    const found = await compare(other.url);
    expect(other.received.map(({ body }) => body.messages[0].content)).toEqual(
      questions.map(({ question }) => question),
    );
    expect(other.received[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer secret' },
      body: { model: 'closed', effort: 'high' },
    });
    // 100 input tokens at $3 and 40 output tokens at $15 per million; half of the answers are right.
    const perAnswer = (100 * 3 + 40 * 15) / 1e6;
    expect(found).toMatchObject({ accuracy: { right: 2, of: 4 }, inputTokens: 100, outputTokens: 40, notes: [] });
    expect(found.dollarsPerAnswer).toBeCloseTo(perAnswer, 12);
    expect(found.dollarsPerRightAnswer).toBeCloseTo(2 * perAnswer, 12);
    // The budget gets 1 and 2 right, the other API 2 and 4.
    const pair = found.pairs.find(({ condition }) => condition === 'budget-25');
    expect(pair?.gain?.share).toBe(0);
    expect(pair?.breakEvenRequestsPerDay?.perAnswer).toBeCloseTo(48 / perAnswer, 6);
    expect(pair?.breakEvenRequestsPerDay?.perRightAnswer).toBeCloseTo(48 / perAnswer, 6);
    await compare(other.url);
    expect(other.received).toHaveLength(4);
    other.close();
  });

  it("reads a stream of Anthropic's dialect", async () => {
    const other = await scriptedApi(({ body }, response) => {
      const event = (data: object) => response.write(`event: x\ndata: ${JSON.stringify(data)}\n\n`);
      event({
        type: 'message_start',
        message: { content: [], usage: { input_tokens: 90, cache_read_input_tokens: 10 } },
      });
      event({ type: 'content_block_delta', delta: { type: 'thinking_delta', thinking: 'hm' } });
      event({ type: 'content_block_delta', delta: { type: 'text_delta', text: textFor(body.messages[0].content) } });
      event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 40 } });
      event({ type: 'message_stop' });
      response.end();
    });
    const found = await compare(other.url, { dialect: 'anthropic' });
    expect(other.received[0]).toMatchObject({ path: '/v1/messages', headers: { 'x-api-key': 'secret' } });
    expect(found).toMatchObject({ accuracy: { right: 2 }, inputTokens: 100, outputTokens: 40, notes: [] });
    other.close();
  });

  it('waits as Retry-After says, retries what is no answer, and states answers without usage or text', async () => {
    const other = await scriptedApi(({ body }, response, count) => {
      if (count === 1) return response.writeHead(429, { 'retry-after': '0' }).end('slow down');
      if (count === 2) return json(response, { hello: 1 });
      const refused = body.messages[0].content === 'What is 3?';
      return json(response, {
        choices: [{ message: { content: refused ? null : '2' }, finish_reason: refused ? 'content_filter' : 'stop' }],
        ...(count % 2 === 0 ? {} : { usage: { prompt_tokens: 1, completion_tokens: 1 } }),
      });
    });
    const { notes } = await compare(other.url);
    expect(notes).toEqual([
      '2 of 4 answers had no usage: tokens and dollars are means of the others.',
      '1 of 4 answers: The answer ended by content_filter.',
    ]);
    other.close();
  });

  it('says what to change if the API refuses', async () => {
    const status = async (code: number) => {
      const other = await scriptedApi((_, response) => response.writeHead(code).end('no'));
      await expect(compare(other.url)).rejects.toThrow(code === 401 ? '--against-key-env' : '--against-dialect');
      other.close();
    };
    await status(401);
    await status(404);
  });

  it('works with our own API in both dialects', async () => {
    const server = await startLocal({ port: 0, host: '127.0.0.1' });
    const { url, dialect } = detectDialect(`${server.url}/v1/messages`, 'budgetforce-tiny');
    expect(dialect).toBe('anthropic');
    for (const name of [dialect, 'openai'] as const) {
      const found = await compare(url, { model: 'budgetforce-tiny', dialect: name, extra: {} });
      expect(found.notes).toEqual([]);
      expect(found.outputTokens).toBeGreaterThan(1);
      await rm(folder, { recursive: true });
    }
    await server.close();
    folder = await mkdtemp(join(tmpdir(), 'against-'));
  }, 60_000);
});

describe('detectDialect', () => {
  it.each([
    ['https://api.openai.com/v1', 'gpt', 'openai', 'https://api.openai.com/v1'],
    ['https://api.anthropic.com', 'x', 'anthropic', 'https://api.anthropic.com/v1'],
    ['https://gateway.example/v1/', 'claude-x', 'anthropic', 'https://gateway.example/v1'],
    ['https://gateway.example/a/chat/completions', 'claude-x', 'openai', 'https://gateway.example/a'],
  ])('%s of model %s', (given, model, dialect, url) => {
    expect(detectDialect(given, model)).toEqual({ url, dialect });
  });
});
