import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { dayOf, Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, eventsOf, type ScriptedSegment, scriptedApp } from '../scripted-world.ts';

const path = '/v1/chat/completions';
const UNIX_TIME = 1_700_000_000;
const answers = (text: string): ScriptedSegment => ({ says: text, ends: IM_END });
const hangs = (text: string): ScriptedSegment => ({ says: text, hangs: true });
const thinking = { max_tokens: 0 };

const voted = z.looseObject({
  choices: z.array(z.looseObject({ message: z.looseObject({ content: z.string() }) })),
  usage: z.looseObject({ completion_tokens: z.int() }),
  vote: z.looseObject({}),
  budget_forcing: z.looseObject({
    vote: z.looseObject({ other_tokens: z.int(), aborted_tokens: z.int(), started: z.int() }),
  }),
});

async function vote(script: readonly ScriptedSegment[], body: Readonly<Record<string, unknown>>) {
  const ledger = new Ledger(new MemoryTable(), () => UNIX_TIME);
  const made = scriptedApp(script, { ledger });
  const response = await made.app.request(path, chat({ vote: true, thinking, ...body }));
  const json = await response.json();
  const record = await vi.waitFor(async (): Promise<UsageRecord> => {
    for await (const found of ledger.records([dayOf(UNIX_TIME)])) if (found.status === 'settled') return found;
    throw new Error('The request is not settled.');
  });
  return { ...made, answer: voted.parse(json), record };
}

describe('A vote with vote_until', () => {
  it('starts as many samples as can reach the lead, and stops there', async () => {
    const { answer, model } = await vote([answers(' 5'), answers(' 5'), answers(' 4')], {
      n: 8,
      vote_until: { lead: 2 },
    });
    expect(model.requests).toHaveLength(2);
    expect(answer.choices[0]?.message.content).toContain('5');
    expect(answer.budget_forcing.vote).toMatchObject({
      requested: 8,
      started: 2,
      finished: 2,
      aborted: 0,
      decided_by: 'lead',
      counts: [{ answer: '5', votes: 2 }],
    });
    expect(answer.vote).toMatchObject({ finished: 2, of: 8 });
  });

  it('starts further samples as the votes come', async () => {
    const script = [answers(' 4'), answers(' 5'), answers(' 5'), answers(' 5')];
    const { answer, model } = await vote(script, { n: 8, vote_until: { lead: 2 } });
    expect(model.requests).toHaveLength(4);
    expect(answer.budget_forcing.vote).toMatchObject({ started: 4, finished: 4, decided_by: 'lead' });
  });

  it('aborts running samples, whose tokens are billed', async () => {
    const script = [answers(' 4'), answers(' 5'), answers(' 5'), answers(' 5'), hangs(' 77')];
    const { answer, record } = await vote(script, { n: 8, vote_until: { agree: 3 } });
    expect(answer.budget_forcing.vote).toMatchObject({ started: 5, finished: 4, aborted: 1, decided_by: 'agree' });
    expect(answer.budget_forcing.vote.aborted_tokens).toBeGreaterThan(0);
    expect(record.aborted).toBe(answer.budget_forcing.vote.aborted_tokens);
    expect(record.thinking + record.answer).toBe(
      answer.usage.completion_tokens + answer.budget_forcing.vote.other_tokens,
    );
  });

  it('is decided by the finished samples if the time is over', async () => {
    const script = [answers(' 4'), hangs(' 5')];
    const { answer, model } = await vote(script, {
      n: 8,
      vote_until: { lead: 2 },
      thinking: { max_tokens: 0, deadline_ms: 200 },
    });
    expect(model.requests).toHaveLength(2);
    expect(answer.choices[0]?.message.content).toContain('4');
    expect(answer.budget_forcing.vote).toMatchObject({ started: 2, decided_by: 'deadline' });
  });

  it('stops when the other samples can no longer change the winner', async () => {
    const script = [answers(' 5'), answers(' 5'), answers(' 5')];
    const { answer, model } = await vote(script, { n: 4, vote_until: { lead: 4 } });
    expect(model.requests.length).toBeLessThan(4);
    expect(answer.budget_forcing.vote).toMatchObject({ decided_by: 'certain' });
  });

  it('a stream has the state of the vote after each sample, then the winner', async () => {
    const { app } = scriptedApp([answers(' 5'), answers(' 5')]);
    const body = { n: 8, vote: true, thinking, vote_until: { agree: 2 }, stream: true };
    expect(await eventsOf(await app.request(path, chat(body)))).toMatchObject([
      { vote: { finished: 1, of: 8 } },
      { vote: { finished: 2, of: 8, counts: [{ answer: '5', votes: 2 }] } },
      { choices: [{ delta: { role: 'assistant' } }] },
      { choices: [{ delta: { content: expect.stringContaining('5') } }] },
      { budget_forcing: { vote: { started: 2, decided_by: 'agree' } } },
      '[DONE]',
    ]);
  });

  it('a sample keeps its seed, whichever wave it is in', async () => {
    const four = [answers(' 1'), answers(' 2'), answers(' 3'), answers(' 4')];
    const seeds = async (body: Readonly<Record<string, unknown>>) =>
      (await vote(four, { n: 4, seed: 7, ...body })).model.requests.map(({ sampling }) => sampling.seed);
    const all = await seeds({});
    expect(new Set(all).size).toBe(4);
    expect(await seeds({ vote_until: { agree: 2 } })).toEqual(all);
  });

  it('votes count as much as their samples are confident, if the request says so', async () => {
    const thought = (logprob: number): ScriptedSegment => ({
      says: 'ab',
      ends: IM_START,
      logprobs: Array.from({ length: 3 }, () => ({ token: 'a', logprob, top: [] })),
    });
    // Samples take turns, so the thoughts come first.
    const script = [thought(-3), thought(-3), thought(-0.01), answers('\n4'), answers('\n4'), answers('\n5')];
    const body = { n: 3, thinking: { max_tokens: 20 } };
    expect((await vote(script, body)).answer.choices[0]?.message.content).toBe('4');
    const weighted = await vote(script, { ...body, vote_weights: 'confidence' });
    expect(weighted.answer.choices[0]?.message.content).toBe('5');
    expect(weighted.answer.budget_forcing.vote['counts']).toEqual([
      { answer: '5', votes: 1, weight: Math.exp(-0.01) },
      { answer: '4', votes: 2, weight: 2 * Math.exp(-3) },
    ]);
  });

  it.each([
    [{ n: 4, vote_until: { lead: 2 } }, 'vote_until', 'vote: true'],
    [{ n: 4, vote_weights: 'confidence' }, 'vote_weights', 'vote: true'],
    [{ n: 4, vote: true, vote_until: { lead: 2, agree: 3 } }, 'vote_until.agree', 'Leave it out'],
    [{ n: 4, vote: true, vote_until: { lead: 5 } }, 'vote_until.lead', 'vote_until.lead (5) is greater than n (4)'],
    [{ n: 4, vote: true, vote_until: { agree: 5 } }, 'vote_until.agree', 'is greater than n (4)'],
    [{ n: 4, vote: true, vote_until: { lead: 0 } }, 'vote_until', ''],
    [{ n: 4, vote: true, vote_until: {} }, 'vote_until', ''],
    [{ n: 4, vote: true, vote_until: { lead: 2, agree: 2 } }, 'vote_until', ''],
  ])('%j is a 400 that names %s', async (body, param, message) => {
    const response = await scriptedApp([]).app.request(path, chat(body));
    expect(response.status).toBe(400);
    const { error } = z
      .object({ error: z.looseObject({ param: z.string(), message: z.string() }) })
      .parse(await response.json());
    expect(error.param).toContain(param);
    expect(error.message).toContain(message);
  });
});
