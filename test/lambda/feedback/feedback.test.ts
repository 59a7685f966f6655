import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Feedback } from '../../../lambda/feedback/feedback.ts';
import { FeedbackStore } from '../../../lambda/feedback/feedback-store.ts';
import { bandOf, thinkingBands } from '../../../lambda/feedback/good-answers-metric.ts';
import { MemoryObjects } from '../../../lambda/storage/memory-objects.ts';
import { embeddedTable } from '../storage/embedded-table.ts';
import { type AnswerPath, ask, bodies, feedbackWorld, NOW, TODAY } from './feedback-world.ts';

const values = {
  thumbs: true,
  correct: false,
  score: 0.75,
  preferred: undefined,
  correction: { answer: 'Three.' },
} as const;
const path = '/v1/feedback';

/** All feedback of today. */
async function given(store: FeedbackStore) {
  const found = [];
  for await (const { metric, value, ...rest } of store.feedback([TODAY])) {
    found.push({ metric, value, ...(await store.texts({ metric, value, ...rest })) });
  }
  return found;
}

describe('POST /v1/feedback', () => {
  it.each(Object.keys(bodies) as AnswerPath[])('takes every metric of an answer of %s', async (asked) => {
    const world = await feedbackWorld();
    const [id, over] = [await ask(world, {}, undefined, asked), await ask(world, {}, undefined, asked)];
    for (const [metric, value] of Object.entries({ ...values, preferred: { over } })) {
      const response = await world.send('POST', path, { id, metric, value });
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ object: 'feedback', id, metric, created: NOW });
    }
    expect(await given(world.store)).toEqual([
      { metric: 'correct', value: false },
      { metric: 'correction', value: undefined, correction: 'Three.' },
      { metric: 'preferred', value: { over } },
      { metric: 'score', value: 0.75 },
      { metric: 'thumbs', value: true },
    ]);
  });

  it('replaces feedback of the same id and metric, with its texts', async () => {
    const objects = new MemoryObjects();
    const world = await feedbackWorld({ objects });
    const id = await ask(world);
    await world.send('POST', path, { id, metric: 'thumbs', value: true, comment: 'Nice', tags: { page: 'help' } });
    await world.send('POST', path, { id, metric: 'thumbs', value: false, comment: 'On second thought, no' });
    expect(await given(world.store)).toEqual([{ metric: 'thumbs', value: false, comment: 'On second thought, no' }]);
    expect(objects.names.filter((name) => name.startsWith('feedback/'))).toHaveLength(1);
    await world.send('POST', path, { id, metric: 'thumbs', value: true });
    expect(await given(world.store)).toEqual([{ metric: 'thumbs', value: true }]);
    expect(objects.names).toEqual([`generations/${world.consents.record.id}/${id}.json`]);
  });

  it('keeps the words of clients out of the table', async () => {
    const world = await feedbackWorld();
    const id = await ask(world);
    await world.send('POST', path, { id, metric: 'correction', value: { answer: 'Secret' }, comment: 'Secret' });
    for (const partition of [`STORED#${world.consents.record.id}`, `FEEDBACK#${TODAY}`]) {
      for await (const item of world.table.query(partition)) {
        expect(JSON.stringify(item)).not.toMatch(/Secret|How many|1 \+ 1|Two|ann/);
      }
    }
  });

  it('answers 404 for an unknown id and for that of another key, in the same words', async () => {
    const world = await feedbackWorld();
    const id = await ask(world);
    const answered = async (asked: string, key: string) => {
      const response = await world.send('POST', path, { id: asked, metric: 'thumbs', value: true }, key);
      return { status: response.status, text: (await response.text()).replaceAll(asked, 'ID') };
    };
    const unknown = await answered('chatcmpl-0', world.other.key);
    expect(unknown.status).toBe(404);
    expect(unknown.text).toContain('response_not_found');
    for (const key of [world.other.key, world.refuses.key, 'admin']) expect(await answered(id, key)).toEqual(unknown);
    expect(await given(world.store)).toEqual([]);
  });

  it('compares only with an answer of the same key, and not with itself', async () => {
    const world = await feedbackWorld();
    const id = await ask(world);
    const foreign = await ask(world, {}, world.other.key);
    const prefer = async (over: string) => await world.send('POST', path, { id, metric: 'preferred', value: { over } });
    expect((await prefer(foreign)).status).toBe(404);
    expect(await (await prefer(foreign)).json()).toMatchObject({ error: { param: 'value.over' } });
    expect((await prefer(id)).status).toBe(400);
    expect(await given(world.store)).toEqual([]);
  });

  it('answers 404 when the answer is expired', async () => {
    const world = await feedbackWorld({ days: 1 });
    const id = await ask(world);
    world.clock.now += 86_399;
    expect((await world.send('POST', path, { id, metric: 'thumbs', value: true })).status).toBe(200);
    expect(await given(world.store)).toHaveLength(1);
    world.clock.now += 1;
    expect((await world.send('POST', path, { id, metric: 'thumbs', value: true })).status).toBe(404);
    expect(await given(world.store)).toEqual([]);
    expect(await world.store.content(world.consents.record.id, id)).toBeUndefined();
  });

  it('answers 404 if the deployment stores none, and says what to set', async () => {
    const world = await feedbackWorld({ days: 0 });
    const response = await world.send('POST', path, { id: 'chatcmpl-0', metric: 'thumbs', value: true });
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('retention.feedbackDays');
  });

  it.each<readonly [string, string, unknown]>([
    ['metric', 'one of thumbs, correct, score, preferred, correction; received "stars"', { metric: 'stars', value: 5 }],
    ['metric', 'received nothing', { value: true }],
    [
      'value',
      'must be a boolean; received 1. A thumbs has for instance "value": true.',
      { metric: 'thumbs', value: 1 },
    ],
    ['value', 'must be a boolean; received "yes"', { metric: 'correct', value: 'yes' }],
    ['value', 'is missing: give a number. A score has for instance "value": 0.75.', { metric: 'score' }],
    ['value', 'must be at most 1; received 7', { metric: 'score', value: 7 }],
    ['value', 'must be at least 0', { metric: 'score', value: -0.1 }],
    ['value', 'must be an object; received true', { metric: 'preferred', value: true }],
    ['value.over', 'is missing', { metric: 'preferred', value: {} }],
    ['value', 'must be an object', { metric: 'correction', value: 'Three.' }],
    ['value.answer', 'at least 1 character', { metric: 'correction', value: { answer: '' } }],
    ['value.text', 'not supported', { metric: 'correction', value: { answer: 'Three.', text: 'Three.' } }],
    ['comment', 'must be a string', { metric: 'thumbs', value: true, comment: 5 }],
    ['tags.page', 'must be a string', { metric: 'thumbs', value: true, tags: { page: 5 } }],
    [
      'tags',
      'at most 16 tags',
      { metric: 'thumbs', value: true, tags: Object.fromEntries([...'abcdefghijklmnopq'].map((name) => [name, ''])) },
    ],
    ['rating', 'not supported', { metric: 'thumbs', value: true, rating: 1 }],
    ['id', 'is missing', { id: undefined, metric: 'thumbs', value: true }],
  ])('refuses a body with a 400 that names %s: %s', async (param, message, body) => {
    const world = await feedbackWorld();
    const id = await ask(world);
    const response = await world.send('POST', path, Object.assign({ id }, body));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param, message: expect.stringContaining(message) } });
    expect(await given(world.store)).toEqual([]);
  });

  it('takes 16 KB, and refuses more with 413', async () => {
    const world = await feedbackWorld();
    const id = await ask(world);
    const empty = { id, metric: 'correction', value: { answer: '' } };
    const { length } = JSON.stringify(empty);
    // Letters of two bytes, so that characters and bytes differ.
    const bodyOf = (bytes: number) => ({ ...empty, value: { answer: 'ä'.repeat((bytes - length) / 2) } });
    const exact = 16_384 - ((16_384 - length) % 2);
    expect((await world.send('POST', path, bodyOf(exact))).status).toBe(200);
    const large = await world.send('POST', path, bodyOf(exact + 2));
    expect(large.status).toBe(413);
    expect(await large.text()).toContain('16384');
  });

  it('writes how good the answer is as a metric, by the band of its thinking, and not of a comparison', async () => {
    const world = await feedbackWorld();
    const id = await ask(world);
    const over = await ask(world);
    for (const [metric, value] of Object.entries({ ...values, preferred: { over } }))
      await world.send('POST', path, { id, metric, value });
    const lines = world.log.filter(({ message }) => message === 'feedback');
    expect(lines.map(({ metric, GoodAnswers }) => [metric, GoodAnswers])).toEqual([
      ['thumbs', 1],
      ['correct', 0],
      ['score', 0.75],
      ['preferred', undefined],
      ['correction', undefined],
    ]);
    expect(lines[0]).toMatchObject({
      Model: 'scripted',
      Thinking: '1-256',
      _aws: {
        CloudWatchMetrics: [
          {
            Dimensions: [
              ['Endpoint', 'Model'],
              ['Endpoint', 'Model', 'Thinking'],
            ],
          },
        ],
      },
    });
    expect(lines[3]).not.toHaveProperty('_aws');
  });

  it('knows the band of every number of thinking tokens', () => {
    expect([0, 1, 256, 257, 1_024, 1_025, 4_096, 4_097, 16_384, 16_385].map(bandOf)).toEqual([
      '0',
      '1-256',
      '1-256',
      '257-1024',
      '257-1024',
      '1025-4096',
      '1025-4096',
      '4097-16384',
      '4097-16384',
      '16384+',
    ]);
    expect(new Set(thinkingBands).size).toBe(6);
  });
});

describe('many at once, on the embedded table', { timeout: 300_000 }, () => {
  let world: Awaited<ReturnType<typeof embeddedTable>>;
  beforeAll(async () => {
    world = await embeddedTable();
  }, 60_000);
  afterAll(async () => {
    await world.close();
  });

  it('10,000 feedbacks at once are all stored, each once', async () => {
    const store = new FeedbackStore(world.table, new MemoryObjects(), () => NOW, 30);
    const ids = Array.from({ length: 2_000 }, (_, index) => `chatcmpl-${index}`);
    const generation = {
      key: 'key_1',
      model: 'm',
      budget: { min_tokens: 0, max_tokens: 10, waits: 0 },
      policy: 'fixed',
      user: undefined,
      content: { messages: [], model: 'm', outcome: 'done' as const, samples: [] },
    };
    await inParallel(ids, 50, async (id) => await store.store({ ...generation, id }));
    const feedbacks = ids.flatMap((id, index): Feedback[] => [
      { id, metric: 'thumbs', value: index % 2 === 0 },
      { id, metric: 'correct', value: true },
      { id, metric: 'score', value: index / 2_000 },
      { id, metric: 'correction', value: { answer: String(index) } },
      // The same again: it replaces.
      { id, metric: 'thumbs', value: index % 2 === 0 },
    ]);
    expect(feedbacks).toHaveLength(10_000);
    await inParallel(feedbacks, 50, async (feedback) => await store.give('key_1', feedback));
    const found = new Map<string, unknown>();
    let count = 0;
    for await (const feedback of store.feedback([TODAY])) {
      const { correction } = await store.texts(feedback);
      found.set(`${feedback.id} ${feedback.metric}`, correction ?? feedback.value);
      count++;
    }
    expect(count).toBe(8_000);
    expect(found).toEqual(
      new Map(
        feedbacks.map(({ id, metric, value }) => [`${id} ${metric}`, metric === 'correction' ? value.answer : value]),
      ),
    );
  });

  it('feedback of the same id and metric at once is one, and its texts are those of the last one', async () => {
    const objects = new MemoryObjects();
    const store = new FeedbackStore(world.table, objects, () => NOW + 86_400, 30);
    await store.store({
      id: 'chatcmpl-one',
      key: 'key_2',
      model: 'm',
      budget: { min_tokens: 0, max_tokens: 10, waits: 0 },
      policy: 'fixed',
      user: undefined,
      content: { messages: [], model: 'm', outcome: 'done', samples: [] },
    });
    await inParallel(
      Array.from({ length: 20 }, (_, index) => String(index)),
      10,
      async (comment) => await store.give('key_2', { id: 'chatcmpl-one', metric: 'thumbs', value: true, comment }),
    );
    const found = [];
    for await (const feedback of store.feedback(['2023-11-15'])) found.push(feedback);
    expect(found).toHaveLength(1);
    expect(objects.names.filter((name) => name.startsWith('feedback/'))).toEqual([found[0]?.object]);
  });
});

/** Runs a task for each entry, `width` at a time. */
async function inParallel<T>(
  entries: readonly T[],
  width: number,
  task: (entry: T) => Promise<unknown>,
): Promise<void> {
  const left = entries.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const entry of left) await task(entry);
    }),
  );
}
