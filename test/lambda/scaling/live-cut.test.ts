import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import type { AdmissionGate } from '../../../lambda/scaling/admission-gate.ts';
import type { AdmittedRequest } from '../../../lambda/scaling/admitted-request.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { IM_END } from '../forcing/tiny-vocabulary.ts';
import { chat, scriptedApp } from '../scripted-world.ts';
import { loadWorld, request, smallCopies } from './load-world.ts';

// Looks at the load go by timers; everything else of a request needs none.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Requests that may not shrink fill the one copy beyond the pressure from which thoughts under way are at their floor. */
async function fill(gate: AdmissionGate, requests = 6): Promise<void> {
  for (let index = 0; index < requests; index++) {
    await gate.admit(request(`stiff${index}`, { elastic: false, key: 'key_b' }));
  }
}

const answerSchema = z.object({
  choices: z.array(z.object({ finish_reason: z.string(), message: z.looseObject({ content: z.string() }) })),
  usage: z.object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    completion_tokens_details: z.object({ reasoning_tokens: z.int() }),
  }),
  budget_forcing: z.object({
    thinking_tokens: z.int(),
    answer_tokens: z.int(),
    end_reason: z.string(),
    minimum_missed: z.string().nullable(),
    load: z.object({ wanted: z.int(), granted: z.int(), set_by: z.string() }),
    calls: z.array(z.object({ part: z.string(), tokens: z.int(), failure: z.string().nullable() })),
  }),
});

/** An answer whose thought had 300 tokens when the load rose, and would have gone on to 800. */
async function cutAnswer(body: Readonly<Record<string, unknown>> = {}) {
  const world = loadWorld(1);
  const ledger = new Ledger(new MemoryTable(), () => 1_700_000_000);
  const { app, model, log } = scriptedApp(
    [
      { says: 'x'.repeat(300), hangs: true },
      { says: '\nTwo.', ends: IM_END },
    ],
    { loads: new Map([['scripted', world.autoscaler]]), ledger },
  );
  const thinking = { max_tokens: 800, min_tokens: 60, elastic: { floor_tokens: 100 } };
  const pending = Promise.resolve(app.request('/v1/chat/completions', chat({ thinking, ...body }))).then(
    async (response) => await response.text(),
  );
  await vi.waitFor(() => expect(model.requests).toHaveLength(1), { interval: 1 });
  await fill(world.autoscaler.gate);
  for (let looks = 0; looks < 4; looks++) {
    world.clock.now += 2;
    await vi.advanceTimersByTimeAsync(2_000);
  }
  const text = await pending;
  return { ...world, text, model, log, ledger };
}

describe('A thought under way, when the load rises', () => {
  it('ends with the reason "load", and the answer follows on all that was thought', async () => {
    const { text, model } = await cutAnswer();
    const { choices, budget_forcing: report } = answerSchema.parse(JSON.parse(text));
    expect(choices).toMatchObject([{ finish_reason: 'stop', message: { content: 'Final Answer:\nTwo.' } }]);
    expect(report).toMatchObject({
      thinking_tokens: 300,
      end_reason: 'load',
      minimum_missed: null,
      load: { wanted: 800, granted: 800, set_by: 'load' },
      calls: [
        { part: 'thinking', tokens: 300, failure: null },
        { part: 'answer', failure: null },
      ],
    });
    // The call was ended, and the answer's prompt has each token of the thought.
    expect(model.aborted).toBe(1);
    expect(model.requests[1]?.promptIds.filter((id) => id === 'x'.charCodeAt(0))).toHaveLength(300);
  });

  it('is in the usage as it was, and in the account of its key', async () => {
    const { text, ledger } = await cutAnswer();
    const { usage, budget_forcing: report } = answerSchema.parse(JSON.parse(text));
    expect(usage.completion_tokens_details.reasoning_tokens).toBe(300);
    expect(usage.completion_tokens).toBe(300 + report.answer_tokens);
    const records = [];
    for await (const record of ledger.records(['2023-11-14'])) records.push(record);
    expect(records).toMatchObject([
      { status: 'settled', prompt: usage.prompt_tokens, thinking: 300, answer: report.answer_tokens },
    ]);
  });

  it('gives no less text to a client that reads it as a stream', async () => {
    const { text } = await cutAnswer({ stream: true });
    const events = text.split('\n\n').flatMap((frame) => /^data: (\{.*)$/m.exec(frame)?.[1] ?? []);
    const deltaSchema = z.object({
      choices: z.array(z.object({ delta: z.looseObject({ reasoning_content: z.string().optional() }) })),
    });
    const thought = events
      .flatMap((event) => deltaSchema.safeParse(JSON.parse(event)).data?.choices ?? [])
      .map(({ delta }) => delta.reasoning_content ?? '')
      .join('');
    expect(thought).toBe('x'.repeat(300));
    expect(text).toContain('"end_reason":"load"');
    expect(text).toContain('data: [DONE]');
  });

  it('is counted by the metric, and by the line of the log', async () => {
    const { log } = await cutAnswer();
    expect(log.filter(({ message }) => message === 'generation')).toMatchObject([
      { outcome: 'done', endReason: 'load', LoadCuts: 1, UsedThinkingTokens: 300, Failures: 0 },
    ]);
  });

  it('frees what it will not use, and all of it at its end', async () => {
    const { autoscaler, clock } = await cutAnswer();
    const [lease] = (await autoscaler.scaling.leaseStore.all()).filter(({ elastic }) => elastic);
    expect(lease).toMatchObject({ usedThinking: 300, endedAt: clock.now });
    expect((await autoscaler.scaling.snapshot()).load).toMatchObject({ requests: 6, committedTokens: 6 * 900 });
  });
});

interface Thoughts extends Partial<ReturnType<typeof request>> {
  /** How long the thought of each sample is. */
  readonly tokens: readonly number[];
}

/** Requests of one world with thoughts under way. */
async function worldOfThoughts(thoughts: Readonly<Record<string, Thoughts>>) {
  const world = loadWorld(1, { settings: { ...smallCopies, maxRequests: 64 } });
  const admittedRequests: AdmittedRequest[] = [];
  for (const [name, { tokens, ...changes }] of Object.entries(thoughts)) {
    const admission = await world.autoscaler.gate.admit(request(name, { samples: tokens.length, ...changes }));
    tokens.forEach((thinking, index) => {
      admission.admitted.count(index, { thinking, answer: 0 });
    });
    admission.admitted.begin();
    admittedRequests.push(admission.admitted);
  }
  /** Which samples are cut, after the functions have looked a few times. */
  const cuts = async () => {
    for (let looks = 0; looks < 4; looks++) {
      world.clock.now += 3;
      await vi.advanceTimersByTimeAsync(3_000);
    }
    return admittedRequests.map((one, index) =>
      (Object.values(thoughts)[index]?.tokens ?? []).map((_, sample) => one.cutOf(sample)?.aborted ?? false),
    );
  };
  return { ...world, cuts };
}

describe('Of several thoughts under way', () => {
  it('none is cut on an endpoint with room', async () => {
    const { cuts } = await worldOfThoughts({ a: { tokens: [700] }, b: { tokens: [100] } });
    expect(await cuts()).toEqual([[false], [false]]);
  });

  it('only those are cut that may be, and not below their floor', async () => {
    const { cuts, autoscaler } = await worldOfThoughts({
      long: { tokens: [700] },
      short: { tokens: [49] },
      stiff: { tokens: [700], elastic: false },
    });
    await fill(autoscaler.gate, 7);
    expect(await cuts()).toEqual([[true], [false], [false]]);
  });

  it('the longest go first, and only as many as have to', async () => {
    const { cuts, autoscaler } = await worldOfThoughts({
      short: { tokens: [250] },
      longest: { tokens: [360] },
      long: { tokens: [330] },
    });
    // At this pressure 312 tokens would be granted: two thoughts are longer. What the longest frees lets the other go on.
    await fill(autoscaler.gate, 2);
    expect(await cuts()).toEqual([[false], [true], [false]]);
  });

  it('each sample of a request keeps its own floor', async () => {
    const { cuts, autoscaler } = await worldOfThoughts({ pair: { tokens: [700, 20], minTokens: 50 } });
    await fill(autoscaler.gate, 7);
    expect(await cuts()).toEqual([[true, false]]);
  });
});
