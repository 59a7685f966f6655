import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { answers, ask, type FeedbackWorld, feedbackWorld, TODAY, thinks } from './feedback-world.ts';

const listSchema = z.object({
  data: z.array(z.looseObject({ id: z.string(), metric: z.string() })),
  counts: z.array(z.looseObject({ count: z.int() })).optional(),
  next: z.string().nullable(),
});

async function list(world: FeedbackWorld, query = '') {
  const response = await world.send('GET', `/v1/admin/feedback?${query}`, undefined, 'admin');
  expect(response.status).toBe(200);
  return listSchema.parse(await response.json());
}

/** Answers with two budgets, by two keys. */
async function judged() {
  const world = await feedbackWorld({ script: Array.from({ length: 9 }, () => [thinks, answers]).flat() });
  const give = async (id: string, metric: string, value: unknown, key = world.consents.key, more = {}) => {
    expect((await world.send('POST', '/v1/feedback', { id, metric, value, ...more }, key)).status).toBe(200);
  };
  const long = { thinking: { max_tokens: 500 } };
  const [a, b, c] = [await ask(world), await ask(world, long), await ask(world, long, world.other.key)];
  await give(a, 'thumbs', true, undefined, { comment: 'Nice', tags: { page: 'help' } });
  await give(b, 'thumbs', false);
  await give(c, 'thumbs', true, world.other.key);
  await give(b, 'score', 0.5);
  await give(b, 'preferred', { over: a });
  await give(a, 'correction', { answer: 'Three.' });
  return { world, a, b, c };
}

describe('GET /v1/admin/feedback', () => {
  it('lists feedback of all keys, with what clients wrote', async () => {
    const { world, a, b, c } = await judged();
    const { data, next } = await list(world);
    expect(next).toBeNull();
    expect(data.map(({ id, metric }) => `${id} ${metric}`).toSorted()).toEqual(
      [`${a} thumbs`, `${b} thumbs`, `${c} thumbs`, `${b} score`, `${b} preferred`, `${a} correction`].toSorted(),
    );
    expect(data.find(({ id, metric }) => id === a && metric === 'thumbs')).toEqual({
      id: a,
      key: world.consents.record.id,
      metric: 'thumbs',
      value: true,
      comment: 'Nice',
      tags: { page: 'help' },
      created: 1_700_000_000,
      model: 'scripted',
      budget: { min_tokens: 0, max_tokens: 200, waits: 0 },
      policy: 'fixed',
      thinking_tokens: 11,
      answer_tokens: 5,
    });
    expect(data.find(({ metric }) => metric === 'correction')).toMatchObject({ value: { answer: 'Three.' } });
  });

  it('counts by metric, model, budget and policy, with the share of good answers', async () => {
    const { world } = await judged();
    const budget = (max: number) => ({ min_tokens: 0, max_tokens: max, waits: 0 });
    const { counts } = await list(world);
    expect(counts).toHaveLength(5);
    expect(counts).toContainEqual({
      metric: 'thumbs',
      model: 'scripted',
      budget: budget(500),
      policy: 'fixed',
      count: 2,
      judged: 2,
      good: 1,
    });
    expect((await list(world, 'group_by=model')).counts).toEqual([
      { model: 'scripted', count: 6, judged: 4, good: 2.5 },
    ]);
    const byBudget = (await list(world, 'group_by=budget')).counts;
    expect(byBudget).toContainEqual({ budget: budget(200), count: 2, judged: 1, good: 1 });
    expect(byBudget).toContainEqual({ budget: budget(500), count: 4, judged: 3, good: 1.5 });
  });

  it('filters the list and the counts alike', async () => {
    const { world } = await judged();
    for (const [query, count] of [
      ['metric=thumbs', 3],
      ['model=scripted', 6],
      ['model=other', 0],
      ['max_tokens=500', 4],
      ['policy=fixed', 6],
      ['policy=vote', 0],
      [`key=${world.other.record.id}`, 1],
      ['metric=thumbs&max_tokens=500', 2],
      [`from=${TODAY}&to=${TODAY}`, 6],
      ['from=2023-11-01&to=2023-11-13', 0],
    ] as const) {
      const { data, counts = [] } = await list(world, query);
      expect(data, query).toHaveLength(count);
      expect(
        counts.reduce((sum, row) => sum + row.count, 0),
        query,
      ).toBe(count);
    }
  });

  it.each([1, 2, 3, 4, 5, 6])('pages of %i have all feedback once, with the counts on the first', async (size) => {
    const { world } = await judged();
    const seen: string[] = [];
    let after = '';
    for (let page = 0; ; page++) {
      const { data, next, counts } = await list(world, `limit=${size}${after}`);
      expect(data.length).toBeLessThanOrEqual(size);
      expect(counts === undefined).toBe(page > 0);
      seen.push(...data.map(({ id, metric }) => `${id} ${metric}`));
      if (next === null) break;
      after = `&after=${next}`;
    }
    expect(seen).toHaveLength(6);
    expect(new Set(seen).size).toBe(6);
  });

  it('names the policy of a vote', async () => {
    const world = await feedbackWorld({ script: [thinks, thinks, answers, answers] });
    const id = await ask(world, { n: 2, vote: true });
    await world.send('POST', '/v1/feedback', { id, metric: 'correct', value: true });
    expect((await list(world, 'group_by=policy')).counts).toEqual([{ policy: 'vote', count: 1, judged: 1, good: 1 }]);
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['metric=stars', 'metric'],
    ['from=yesterday', 'from'],
    ['from=2023-11-15&to=2023-11-14', 'from'],
    ['group_by=day', 'group_by'],
    ['after=nonsense', 'after'],
    ['max_tokens=many', 'max_tokens'],
    ['page=2', 'page'],
  ])('refuses ?%s with a 400 that names it', async (query, param) => {
    const world = await feedbackWorld();
    const response = await world.send('GET', `/v1/admin/feedback?${query}`, undefined, 'admin');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param } });
  });

  it('requires an admin key, and a deployment that stores', async () => {
    const world = await feedbackWorld();
    expect((await world.send('GET', '/v1/admin/feedback')).status).toBe(403);
    const off = await feedbackWorld({ days: 0 });
    expect((await off.send('GET', '/v1/admin/feedback', undefined, 'admin')).status).toBe(404);
  });
});
