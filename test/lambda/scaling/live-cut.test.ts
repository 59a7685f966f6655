import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import type { AdmissionGate } from '../../../lambda/scaling/admission-gate.ts';
import type { AdmittedRequest } from '../../../lambda/scaling/admitted-request.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { TokenLogprob } from '../../../lambda/upstream/segment-model.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, scriptedApp } from '../scripted-world.ts';
import { loadWorld, request, smallCopies } from './load-world.ts';

// Only the snapshots of the load use timers.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Fills the copy with requests that are not elastic, above the pressure at which running thoughts are cut to their floor. */
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

/** An answer whose thought has 300 of its 800 tokens when the load rises. */
async function cutAnswer(body: Readonly<Record<string, unknown>> = {}, logprobs: readonly TokenLogprob[] = []) {
  const world = loadWorld(1);
  const ledger = new Ledger(new MemoryTable(), () => 1_700_000_000);
  const { app, model, log } = scriptedApp(
    [
      { says: 'x'.repeat(300), hangs: true, logprobs },
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
  for (let snapshots = 0; snapshots < 4; snapshots++) {
    world.clock.now += 2;
    await vi.advanceTimersByTimeAsync(2_000);
  }
  const text = await pending;
  return { ...world, text, model, log, ledger };
}

describe('A running thought when the load rises', () => {
  it('a cut thought ends with the reason "load", and the answer continues from the whole thought', async () => {
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
    // The call was aborted, and the prompt of the answer contains every token of the thought.
    expect(model.aborted).toBe(1);
    expect(model.requests[1]?.promptIds.filter((id) => id === 'x'.charCodeAt(0))).toHaveLength(300);
  });

  it('a cut thought is counted in the usage and in the record of its key', async () => {
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

  it('a client that streams receives the whole text of a cut thought', async () => {
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

  it('a cut thought is counted in the metrics of the log line', async () => {
    const { log } = await cutAnswer();
    expect(log.filter(({ message }) => message === 'generation')).toMatchObject([
      { outcome: 'done', endReason: 'load', LoadCuts: 1, UsedThinkingTokens: 300, Failures: 0 },
    ]);
  });

  it('a cut thought frees its unused tokens, and its whole reservation at the end', async () => {
    const { autoscaler, clock } = await cutAnswer();
    const [lease] = (await autoscaler.scaling.leaseStore.all()).filter(({ elastic }) => elastic);
    expect(lease).toMatchObject({ usedThinking: 300, endedAt: clock.now });
    expect((await autoscaler.scaling.snapshot()).load).toMatchObject({ requests: 6, committedTokens: 6 * 900 });
  });
});

describe('An elastic thought', () => {
  it('is measured, so that the surest can be cut first, and its lease says how sure it is', async () => {
    const logprobs = Array.from({ length: 300 }, (_, at) => ({
      token: 'x',
      logprob: at === 7 ? Math.log(0.25) : 0,
      top: [],
    }));
    const { autoscaler, model } = await cutAnswer({}, logprobs);
    expect(model.requests[0]?.topLogprobs).toBe(0);
    const [lease] = (await autoscaler.scaling.leaseStore.all()).filter(({ elastic }) => elastic);
    expect(lease?.confidence).toBeCloseTo(0.25);
  });

  it('that may not shrink is not measured', async () => {
    const { autoscaler } = loadWorld(1);
    const { app, model } = scriptedApp(
      [
        { says: 'xx', ends: IM_START },
        { says: '\nTwo.', ends: IM_END },
      ],
      {
        loads: new Map([['scripted', autoscaler]]),
      },
    );
    await app.request('/v1/chat/completions', chat({ thinking: { max_tokens: 100, elastic: false } }));
    expect(model.requests[0]).not.toHaveProperty('topLogprobs');
  });

  it('of a server without log-probabilities runs as before', async () => {
    const { autoscaler } = loadWorld(1);
    const { app } = scriptedApp(
      [
        { says: 'xx', ends: IM_START },
        { says: '\nTwo.', ends: IM_END },
      ],
      {
        loads: new Map([['scripted', autoscaler]]),
      },
    );
    const response = await app.request('/v1/chat/completions', chat({ thinking: { max_tokens: 100, elastic: true } }));
    const body: unknown = await response.json();
    expect(body).toMatchObject({ budget_forcing: { thinking_tokens: 2 } });
    expect(body).not.toHaveProperty('budget_forcing.gates_off');
  });
});

interface Thoughts extends Partial<ReturnType<typeof request>> {
  /** Thinking tokens of each sample. */
  readonly tokens: readonly number[];
  /** Confidence of each sample. @default - not measured */
  readonly confidence?: number;
}

/** Admitted requests with running thoughts. */
async function worldOfThoughts(thoughts: Readonly<Record<string, Thoughts>>) {
  const world = loadWorld(1, { settings: { ...smallCopies, maxRequests: 64 } });
  const admittedRequests: AdmittedRequest[] = [];
  for (const [name, { tokens, confidence, ...changes }] of Object.entries(thoughts)) {
    const admission = await world.autoscaler.gate.admit(request(name, { samples: tokens.length, ...changes }));
    tokens.forEach((thinking, index) => {
      admission.admitted.count(index, { thinking, answer: 0, confidence });
    });
    admission.admitted.begin();
    admittedRequests.push(admission.admitted);
  }
  /** Which samples are cut after a few snapshots. */
  const cuts = async () => {
    for (let snapshots = 0; snapshots < 4; snapshots++) {
      world.clock.now += 3;
      await vi.advanceTimersByTimeAsync(3_000);
    }
    return admittedRequests.map((one, index) =>
      (Object.values(thoughts)[index]?.tokens ?? []).map((_, sample) => one.cutOf(sample)?.aborted ?? false),
    );
  };
  return { ...world, cuts };
}

describe('Several running thoughts', () => {
  it('no thought is cut if the endpoint has room', async () => {
    const { cuts } = await worldOfThoughts({ a: { tokens: [700] }, b: { tokens: [100] } });
    expect(await cuts()).toEqual([[false], [false]]);
  });

  it('only elastic thoughts above their floor are cut', async () => {
    const { cuts, autoscaler } = await worldOfThoughts({
      long: { tokens: [700] },
      short: { tokens: [49] },
      stiff: { tokens: [700], elastic: false },
    });
    await fill(autoscaler.gate, 7);
    expect(await cuts()).toEqual([[true], [false], [false]]);
  });

  it('the longest thoughts are cut first, and no more than necessary', async () => {
    const { cuts, autoscaler } = await worldOfThoughts({
      short: { tokens: [250] },
      longest: { tokens: [360] },
      long: { tokens: [330] },
    });
    // At this pressure the grant is 312 tokens, and two thoughts are longer. The tokens that the longest one frees let the other
    // continue.
    await fill(autoscaler.gate, 2);
    expect(await cuts()).toEqual([[false], [true], [false]]);
  });

  it('of two equally long thoughts the surer one is cut, in whichever order they came', async () => {
    for (const [first, second] of [
      [0.2, 0.9],
      [0.9, 0.2],
    ] as const) {
      const { cuts, autoscaler } = await worldOfThoughts({
        short: { tokens: [250] },
        one: { tokens: [345], confidence: first },
        other: { tokens: [345], confidence: second },
      });
      await fill(autoscaler.gate, 2);
      expect(await cuts()).toEqual([[false], [first > second], [second > first]]);
    }
  });

  it('each sample of a request has its own floor', async () => {
    const { cuts, autoscaler } = await worldOfThoughts({ pair: { tokens: [700, 20], minTokens: 50 } });
    await fill(autoscaler.gate, 7);
    expect(await cuts()).toEqual([[true, false]]);
  });
});
