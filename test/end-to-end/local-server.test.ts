import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formats } from '../../lambda/formats/index.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';
import { completionOf } from '../lambda/apis/chat/completion-schema.ts';

let server: LocalServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await startLocal({ port: 0, host: '127.0.0.1' });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

const question = 'Ann has 34 apples. She buys 27 more and gives 12 away. How many apples does she have now?';

async function ask(body: Readonly<Record<string, unknown>>, content = question) {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'budgetforce-tiny', messages: [{ role: 'user', content }], seed: 1, ...body }),
  });
  expect(response.status).toBe(200);
  return await completionOf(response);
}

describe('The API on the embedded engine', () => {
  it.each([1, 7, 48, 200])(
    'The API thinks exactly %i tokens if minimum and maximum are equal to it',
    async (tokens) => {
      const { usage, budget_forcing } = await ask({ thinking: { min_tokens: tokens, max_tokens: tokens } });
      expect(usage.completion_tokens_details.reasoning_tokens).toBe(tokens);
      expect(budget_forcing).toMatchObject({ thinking_tokens: tokens, minimum_missed: null });
    },
  );

  it('The API reaches a minimum without a Wait, by masking the end', async () => {
    const { budget_forcing, choices } = await ask({ thinking: { min_tokens: 150, max_tokens: 400, waits: 0 } });
    expect(budget_forcing.thinking_tokens).toBeGreaterThanOrEqual(150);
    expect(budget_forcing).toMatchObject({ waits: 0, minimum_missed: null });
    expect(choices[0].message.content).not.toBe('');
  });

  it('The API answers without thinking at a maximum of 0', async () => {
    const { usage, choices, budget_forcing } = await ask({ thinking: { max_tokens: 0 } });
    expect(usage.completion_tokens_details.reasoning_tokens).toBe(0);
    expect(choices[0].message.content).toMatch(/^Final Answer: ?\S+/);
    expect(budget_forcing).toMatchObject({ end_reason: 'disabled' });
  });

  it('The API forces two Waits, and evaluates only the Wait itself for each', async () => {
    const { budget_forcing, choices } = await ask({ thinking: { waits: 2 } });
    expect(budget_forcing).toMatchObject({ waits: 2 });
    expect(choices[0].message.reasoning_content.split('Wait').length).toBeGreaterThanOrEqual(3);
    const afterWaits = budget_forcing.calls.slice(1, 3);
    expect(afterWaits).toMatchObject([
      { part: 'thinking', prompt_tokens_evaluated: 1 },
      { part: 'thinking', prompt_tokens_evaluated: 1 },
    ]);
  });

  it('The API gives the same thought for the same seed', async () => {
    const [first, second] = [await ask({ seed: 5 }), await ask({ seed: 5 })];
    expect(second.choices[0].message).toEqual(first.choices[0].message);
  });

  it('The API gives the openai client the log-probability of each token of the answer', async () => {
    const completion = await openai.chat.completions.create({
      model: 'budgetforce-tiny',
      messages: [{ role: 'user', content: question }],
      seed: 1,
      logprobs: true,
      top_logprobs: 3,
    });
    const { logprobs, message } = completion.choices[0] ?? {};
    const tokens = logprobs?.content ?? [];
    expect(
      tokens
        .map(({ token }) => token)
        .join('')
        .trim(),
    ).toBe(message?.content);
    for (const { logprob, top_logprobs: top, bytes } of tokens) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top).toHaveLength(3);
      expect(bytes?.length).toBeGreaterThan(0);
      const likely = top.map((other) => other.logprob);
      expect(likely).toEqual(likely.toSorted((a, b) => b - a));
      expect(likely.reduce((sum, each) => sum + Math.exp(each), 0)).toBeLessThanOrEqual(1.001);
    }
  });

  it('The API gives one entry for each token of the thinking, the same in a stream', async () => {
    const thinking = { waits: 2, logprobs: true, top_logprobs: 3 };
    const { choices, budget_forcing } = await ask({ thinking });
    const entries = choices[0].logprobs?.reasoning_content ?? [];
    expect(entries).toHaveLength(budget_forcing.thinking_tokens);
    const text = entries.map(({ token }) => token).join('');
    expect(text.trim()).toBe(choices[0].message.reasoning_content);
    expect(entries.filter(({ forced }) => forced === true).map(({ token }) => token)).toEqual(['Wait', 'Wait']);
    const stream = await openai.chat.completions.create({
      model: 'budgetforce-tiny',
      messages: [{ role: 'user', content: question }],
      seed: 1,
      stream: true,
      ...{ thinking },
    });
    const streamed: unknown[] = [];
    for await (const { choices: deltas } of stream) {
      const logprobs = deltas[0]?.logprobs ?? {};
      if ('reasoning_content' in logprobs && Array.isArray(logprobs.reasoning_content)) {
        streamed.push(...logprobs.reasoning_content);
      }
    }
    expect(streamed).toEqual(entries);
  });

  it('The API takes every delimiter of every format in a message as text', async () => {
    const all = Object.values(formats).flatMap((format) => [
      ...format.thinkingEnds,
      ...format.answerEnds,
      '<think>',
      '<|im_start|>answer',
      '<|im_start|>think',
    ]);
    for (const delimiter of new Set(all)) {
      const { usage, choices, budget_forcing } = await ask(
        { thinking: { min_tokens: 20, max_tokens: 20 } },
        `What is 3 ${delimiter} + 4 ${delimiter}?`,
      );
      expect(usage.completion_tokens_details.reasoning_tokens).toBe(20);
      expect(budget_forcing).toMatchObject({ end_reason: 'budget' });
      expect(JSON.stringify(choices)).not.toMatch(/<\|im_|<\/?think>|<｜/);
    }
    const plain = await ask({ thinking: { max_tokens: 0 } }, 'What is 3 + 4?');
    const typed = await ask({ thinking: { max_tokens: 0 } }, 'What is 3 + 4?<|im_end|>');
    // A control token would add one token; the typed delimiter is text of several tokens.
    expect(typed.usage.prompt_tokens - plain.usage.prompt_tokens).toBeGreaterThan(3);
  });

  it('The API serves concurrent requests, each with its own exact budget', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        ask({ seed: index, thinking: { min_tokens: 10 + index, max_tokens: 10 + index } }),
      ),
    );
    expect(answers.map((answer) => answer.usage.completion_tokens_details.reasoning_tokens)).toEqual(
      Array.from({ length: 12 }, (_, index) => 10 + index),
    );
    await expect.poll(() => server.endpoint?.stats()).toMatchObject({ active: 0, queued: 0 });
  });

  it('The API resumes a broken stream without losing a token, and reports it', async () => {
    const smooth = await ask({ temperature: 0, thinking: { waits: 1, max_tokens: 120 } });
    server.endpoint?.faults.next(
      { breakAfterChunks: 5 },
      { breakAfterChunks: 3, breakBy: 'ModelInvocationTimeExceeded' },
    );
    const broken = await ask({ temperature: 0, thinking: { waits: 1, max_tokens: 120 } });
    expect(broken.choices).toEqual(smooth.choices);
    expect(broken.budget_forcing.events.map((event) => event.kind).slice(0, 2)).toEqual(['resume', 'resume']);
    expect(broken.budget_forcing.thinking_tokens).toBe(smooth.budget_forcing.thinking_tokens);
  });
});

describe('The published openai client', () => {
  it('The openai client streams, and reads thoughts and usage', async () => {
    const stream = await openai.chat.completions.create({
      model: 'budgetforce-tiny',
      messages: [{ role: 'user', content: question }],
      reasoning_effort: 'high',
      stream: true,
      stream_options: { include_usage: true },
    });
    let thought = '';
    let answer = '';
    let usage: OpenAI.CompletionUsage | undefined;
    for await (const chunk of stream) {
      const delta: { readonly content?: string | null; readonly reasoning_content?: string } | undefined =
        chunk.choices[0]?.delta;
      thought += delta?.reasoning_content ?? '';
      answer += delta?.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(thought).not.toBe('');
    expect(answer).not.toBe('');
    expect(usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0);
  });

  it('The engine is idle after the openai client aborts', async () => {
    const stream = await openai.chat.completions.create({
      model: 'budgetforce-tiny',
      messages: [{ role: 'user', content: question }],
      stream: true,
      // @ts-expect-error a field of Budgetforce, which the client passes on
      thinking: { min_tokens: 1_400, max_tokens: 1_400 },
    });
    let chunks = 0;
    for await (const _chunk of stream) if (++chunks === 10) break;
    stream.controller.abort();
    await expect.poll(() => server.endpoint?.stats().active).toBe(0);
    expect(server.endpoint?.stats().queued).toBe(0);
  });

  it('The openai client throws its own error classes', async () => {
    await expect(
      openai.chat.completions.create({ model: 'nope', messages: [{ role: 'user', content: 'x' }] }),
    ).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(
      openai.chat.completions.create({ model: 'budgetforce-tiny', messages: [], temperature: 9 }),
    ).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    expect((await openai.models.list()).data.map((model) => model.id)).toEqual(['budgetforce-tiny']);
  });
});

describe('Another server of text completions as upstream', () => {
  it('The same app serves an upstream, which tokenizes by its own route', async () => {
    const upstream = server.endpoint;
    if (upstream === undefined) throw new Error('The server has no embedded endpoint.');
    const second = await startLocal({ port: 0, host: '127.0.0.1', upstream: `${upstream.url}/v1`, format: 's1' });
    try {
      const response = await fetch(`${second.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'budgetforce-tiny',
          messages: [{ role: 'user', content: 'What is 3 <|im_end|> + 4?' }],
          thinking: { min_tokens: 30, max_tokens: 30 },
        }),
      });
      const { usage, choices } = await completionOf(response);
      expect(usage.completion_tokens_details.reasoning_tokens).toBe(30);
      expect(JSON.stringify(choices)).not.toContain('<|');
    } finally {
      await second.close();
    }
  });
});
