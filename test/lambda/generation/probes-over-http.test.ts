import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { chatChunkSchema, chatCompletionSchema } from '../../../lambda/apis/chat/response-schemas.ts';
import { dayOf, Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { ServedModel } from '../../../lambda/models/served-model.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { CompletionsModel } from '../../../lambda/upstream/completions-model.ts';
import { chat, scriptedApp, scriptedModel } from '../scripted-world.ts';
import { type ProbeScript, startCompletionsServer } from './completions-server.ts';

const UNIX_TIME = 1_700_000_000;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Six lines of 32 tokens. */
const THOUGHT = Array.from({ length: 6 }, (_, line) => `${String(line).repeat(31)}\n`).join('');
const says = (text: string): ProbeScript => ({ says: text, outcome: 'end' });

/** The app and its model server, each behind a port of this machine. */
async function world(...probes: readonly ProbeScript[]) {
  const model = await startCompletionsServer(THOUGHT, probes);
  const { settings, tokenizer } = scriptedModel('scripted', []);
  const segments = new CompletionsModel({ baseUrl: model.baseUrl, servedModelName: 'scripted' });
  const ledger = new Ledger(new MemoryTable(), () => UNIX_TIME);
  const { app } = scriptedApp([], { models: [new ServedModel(settings, segments, tokenizer)], ledger });
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(
    () => model.close(),
    () => server.close(),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat/completions`;
  const record = async () =>
    await vi.waitFor(
      async (): Promise<UsageRecord> => {
        for await (const found of ledger.records([dayOf(UNIX_TIME)])) if (found.status === 'settled') return found;
        throw new Error('The request is not settled.');
      },
      { interval: 5, timeout: 10_000 },
    );
  return { model, url, record };
}

const sure = { stop_when: 'sure', sure_above: 0.9, sure_probes: 2, waits: 0, max_tokens: 900 };
const ask = async (url: string, thinking: object, more: object = {}) =>
  await fetch(url, chat({ temperature: 1, thinking: { ...sure, ...thinking }, ...more }));

/** The texts and the account of a stream. */
async function streamed(response: Response) {
  const chunks = [...(await response.text()).matchAll(/^data: (\{.*\})$/gm)].map(([, data = '']) =>
    chatChunkSchema.parse(JSON.parse(data)),
  );
  const text = (part: 'reasoning_content' | 'content') =>
    chunks.map(({ choices }) => choices[0]?.delta[part] ?? '').join('');
  const report = chunks.findLast((chunk) => chunk.budget_forcing !== undefined)?.budget_forcing;
  const usage = chunks.findLast((chunk) => chunk.usage != null)?.usage;
  if (report === undefined) throw new Error('The stream has no account.');
  return { thought: text('reasoning_content'), answer: text('content'), report, usage };
}

describe('probes over HTTP', () => {
  it('in a stream end the thinking, are in no text, and are counted and billed apart', async () => {
    const { model, url, record } = await world(says('41'), says('42'), says('42'));
    const response = await ask(url, {}, { stream: true, stream_options: { include_usage: true } });
    const { thought, answer, report, usage } = await streamed(response);
    expect(thought).toBe(THOUGHT.slice(0, 96).trimEnd());
    expect(answer).toBe('Final Answer:\n42');
    expect(report).toMatchObject({
      end_reason: 'sure',
      thinking_tokens: 96,
      probes: { count: 3, tokens: 6 },
      calls: ['thinking', 'probe', 'thinking', 'probe', 'thinking', 'probe', 'answer'].map((part) => ({ part })),
    });
    expect(usage).toMatchObject({ completion_tokens: 96 + 3, completion_tokens_details: { reasoning_tokens: 96 } });
    expect(await record()).toMatchObject({ thinking: 96, answer: 3, probe: 6, aborted: 0 });
    expect(model.probedAt).toHaveLength(3);
  });

  it('give the same response without a stream', async () => {
    const { url, record } = await world(says('41'), says('42'), says('42'));
    const body = chatCompletionSchema.parse(await (await ask(url, {})).json());
    expect(body).toMatchObject({
      choices: [{ message: { reasoning_content: THOUGHT.slice(0, 96).trimEnd(), content: 'Final Answer:\n42' } }],
      usage: { completion_tokens: 99 },
      budget_forcing: { end_reason: 'sure', probes: { count: 3, tokens: 6 } },
    });
    expect(await record()).toMatchObject({ thinking: 96, probe: 6 });
  });

  it('never run below the minimum', async () => {
    const { model, url } = await world(says('42'));
    const { report, thought } = await streamed(await ask(url, { min_tokens: 100 }, { stream: true }));
    expect(report).toMatchObject({ end_reason: 'sure', thinking_tokens: 160, minimum_missed: null });
    expect(thought).toBe(THOUGHT.slice(0, 160).trimEnd());
    expect(report.events.filter(({ kind }) => kind === 'probe').map(({ at }) => at)).toEqual([128, 160]);
    expect(Math.min(...model.probedAt)).toBeGreaterThanOrEqual(128);
  });

  it('that never agree let the thinking end by itself, with nothing lost and nothing twice', async () => {
    const { model, url, record } = await world(says('1'), says('2'), says('3'), says('4'), says('5'), says('6'));
    const { thought, report } = await streamed(await ask(url, {}, { stream: true }));
    expect(thought).toBe(THOUGHT.trimEnd());
    expect(report).toMatchObject({ end_reason: 'model', thinking_tokens: THOUGHT.length });
    const { probe } = await record();
    expect(probe).toBe(report.probes?.tokens);
    expect(model.sent.probe).toBe((probe ?? 0) + (report.probes?.count ?? 0));
  });

  it('a deadline in mid-probe cuts the thinking, and the answer comes in time', async () => {
    const { model, url, record } = await world({ says: '42', outcome: 'hang' });
    // With a long answer allowed, half of the time is kept for it.
    const response = await ask(url, { deadline_ms: 3_000 }, { stream: true, max_completion_tokens: 3_000 });
    const { thought, answer, report } = await streamed(response);
    expect(thought).toBe(THOUGHT.slice(0, 32).trimEnd());
    expect(answer).toBe('Final Answer:\n42');
    expect(report).toMatchObject({ end_reason: 'deadline', thinking_tokens: 32, probes: { count: 1, tokens: 2 } });
    expect(report.sampled_tokens - report.discarded_tokens + report.forced_tokens).toBe(
      report.thinking_tokens + report.answer_tokens + report.delimiter_tokens + 2,
    );
    expect(await record()).toMatchObject({ thinking: 32, answer: 3, probe: 2 });
    expect(model.closed).toContain('probe');
  });

  it('a client that leaves in mid-probe closes the call, and what was sampled is billed', async () => {
    const { model, url, record } = await world({ says: '42', outcome: 'hang' });
    const leave = new AbortController();
    const response = await fetch(url, {
      ...chat({ stream: true, temperature: 1, thinking: sure }),
      signal: leave.signal,
    });
    const reader = response.body?.getReader();
    await reader?.read();
    await vi.waitFor(() => expect(model.sent.probe).toBe(2), { interval: 5, timeout: 5_000 });
    leave.abort();
    const { probe, ...bill } = await record();
    expect(bill).toMatchObject({ thinking: 0, answer: 0, aborted: 32 });
    // The last token may still be on its way to the app.
    expect([1, 2]).toContain(probe);
    await vi.waitFor(() => expect(model.closed).toContain('probe'), { interval: 5, timeout: 5_000 });
    expect(model.sent.answer).toBe(0);
  });

  it.each<[string, ProbeScript, number]>([
    ['breaks off', { says: '42', outcome: 'break' }, 2],
    ['is refused', { status: 500 }, 0],
  ])('a probe that %s is dropped, and the thinking goes on', async (_, broken, tokens) => {
    const { url, record } = await world(broken, says('42'), says('42'));
    const { thought, report } = await streamed(await ask(url, {}, { stream: true }));
    expect(thought).toBe(THOUGHT.slice(0, 96).trimEnd());
    expect(report).toMatchObject({ end_reason: 'sure', probes: { count: 3, tokens: tokens + 4 } });
    expect(report.calls[1]).toMatchObject({ part: 'probe', failure: expect.any(String) });
    expect(await record()).toMatchObject({ probe: tokens + 4 });
  });

  it('log-probabilities of the thinking have no entry of a probe', async () => {
    const { url } = await world(says('42'));
    const body = chatCompletionSchema.parse(await (await ask(url, { logprobs: true })).json());
    expect(body.budget_forcing).toMatchObject({ end_reason: 'sure', thinking_tokens: 64 });
    expect(body.choices[0]?.logprobs?.reasoning_content).toHaveLength(64);
  });
});
