import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import type { AppDependencies } from '../../../lambda/context.ts';
import { dayOf, Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { ModelRejectedError } from '../../../lambda/upstream/errors.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, type ScriptedSegment, scriptedApp, scriptedModel } from '../scripted-world.ts';

const path = '/v1/chat/completions';
const UNIX_TIME = 1_700_000_000;

/** An app over a script, and the usage record of its only request once it is settled. */
function countedApp(script: readonly ScriptedSegment[], changes: Partial<AppDependencies> = {}) {
  const ledger = new Ledger(new MemoryTable(), () => UNIX_TIME);
  const settled = async () =>
    await vi.waitFor(async (): Promise<UsageRecord> => {
      for await (const record of ledger.records([dayOf(UNIX_TIME)])) if (record.status === 'settled') return record;
      throw new Error('The request is not settled.');
    });
  return { ...scriptedApp(script, { ledger, ...changes }), settled };
}

describe('The ledger of a request whose answer is not complete', () => {
  it('a client that leaves in the thinking is billed for what was sampled', async () => {
    const { app, settled } = countedApp([{ says: 'abcde', hangs: true }]);
    const response = await app.request(path, chat({ stream: true }));
    const reader = response.body?.getReader();
    for (let frames = 0; frames < 6; frames++) await reader?.read();
    await reader?.cancel();
    expect(await settled()).toMatchObject({ thinking: 0, answer: 0, aborted: 5, prompt: expect.any(Number) });
  });

  it('a client that leaves in the answer is billed for thinking and answer', async () => {
    const { app, settled } = countedApp([
      { says: 'abc', ends: IM_START },
      { says: 'fo', hangs: true },
    ]);
    const response = await app.request(path, chat({ stream: true }));
    const reader = response.body?.getReader();
    for (let frames = 0; frames < 6; frames++) await reader?.read();
    await reader?.cancel();
    expect(await settled()).toMatchObject({ thinking: 0, answer: 0, aborted: 5, forced: 7 });
  });

  it('samples that are aborted because another fails are billed, and so is the one that failed', async () => {
    const { app, settled } = countedApp([
      { says: 'abcde', hangs: true },
      { says: 'ab', fails: new ModelRejectedError('no') },
    ]);
    const response = await app.request(path, chat({ n: 2 }));
    await response.text();
    // The two tokens of the sample that failed, and at least one of the other.
    const { aborted, thinking, answer } = await settled();
    expect(aborted).toBeGreaterThanOrEqual(3);
    expect({ thinking, answer }).toEqual({ thinking: 0, answer: 0 });
  });

  it('a request that fails in the answer after its thought is billed for both', async () => {
    const { app, settled } = countedApp([
      { says: 'abc', ends: IM_START },
      { says: 'fo', fails: new ModelRejectedError('no') },
    ]);
    await (await app.request(path, chat({}))).text();
    expect(await settled()).toMatchObject({ thinking: 0, answer: 0, aborted: 5 });
  });

  it('GET /v1/usage has the aborted tokens apart, with their dollars', async () => {
    const script = [{ says: 'abc', fails: new ModelRejectedError('no') }];
    const dollarsPerMillionTokens = { prompt: 0, completion: 1_000_000 };
    const { app, settled } = countedApp([], {
      models: [scriptedModel('scripted', script, { dollarsPerMillionTokens })],
    });
    await (await app.request(path, chat({}))).text();
    await settled();
    const usage = z
      .looseObject({ data: z.array(z.looseObject({})) })
      .parse(await (await app.request('/v1/usage?from=2023-11-14&to=2023-11-14')).json());
    expect(usage.data).toMatchObject([
      { requests: 1, thinking_tokens: 0, aborted_tokens: 3, probe_tokens: 0, dollars: 3 },
    ]);
  });
});

describe('The ledger of a vote', () => {
  it('all samples are billed, and the response says how many tokens each part of the bill has', async () => {
    const answers = (text: string) => ({ says: text, ends: IM_END });
    const { app, settled } = countedApp([answers(' 4'), answers(' 5.0'), answers(' the answer is 5')]);
    const response = await app.request(path, chat({ n: 3, vote: true, thinking: { max_tokens: 0 } }));
    const { usage, budget_forcing } = z
      .looseObject({
        usage: z.looseObject({ completion_tokens: z.int() }),
        budget_forcing: z.looseObject({ vote: z.looseObject({ other_tokens: z.int(), aborted_tokens: z.int() }) }),
      })
      .parse(await response.json());
    const { thinking, answer, aborted } = await settled();
    expect(thinking + answer).toBe(usage.completion_tokens + budget_forcing.vote.other_tokens);
    expect(aborted).toBe(budget_forcing.vote.aborted_tokens);
  });
});
