import { describe, expect, it } from 'vitest';
import { MemoryObjects } from '../../../lambda/storage/memory-objects.ts';
import { chat as askScripted, scriptedApp } from '../scripted-world.ts';
import { type AnswerPath, answers, bodies, feedbackWorld, idOf, thinks } from './feedback-world.ts';

const paths = Object.keys(bodies) as AnswerPath[];
const everyPath = paths.flatMap((path) => [
  [path, {}] as const,
  [path, { stream: true }] as const,
  [path, { n: 2, vote: true }] as const,
  [path, { n: 2, vote: true, stream: true }] as const,
]);
const chat = '/v1/chat/completions';

describe.each([...everyPath, [chat, { n: 2 }] as const, [chat, { n: 2, stream: true }] as const])(
  'POST %s %j',
  (path, fields) => {
    const body = { ...bodies[path], ...fields };
    // Samples take turns at the script.
    const script = 'n' in fields ? [thinks, thinks, answers, answers] : [thinks, answers];

    it('is stored if the deployment and the key allow it, and says so', async () => {
      const objects = new MemoryObjects();
      const world = await feedbackWorld({ objects, script });
      const response = await world.send('POST', path, body);
      expect(response.headers.get('x-budgetforce-store')).toBe('true');
      const id = await idOf(response);
      expect(objects.names).toEqual([`generations/${world.consents.record.id}/${id}.json`]);
      expect(await world.store.content(world.consents.record.id, id)).toMatchObject({
        id,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'How many?' },
        ],
        model: 'scripted',
        outcome: 'done',
        samples: [{ thinking: '1 + 1 = 2.', answer: 'Two.' }, ...('n' in fields ? [{ answer: 'Two.' }] : [])],
      });
    });

    it.each<readonly [string, Record<string, unknown>]>([
      ['retention.feedbackDays is 0', { days: 0 }],
      ['the key does not allow it', { key: 'refuses' }],
      ['it is an admin key, which has no consent', { key: 'admin' }],
      ['the header refuses', { headers: { 'x-budgetforce-store': 'false' } }],
      ['the header refuses in capitals', { headers: { 'X-Budgetforce-Store': 'False' } }],
      ['the body refuses', { fields: { store: false } }],
      ['the body refuses in another way', { fields: { store: 'no' } }],
    ])('is not stored if %s', async (_reason, { days = 30, key, headers = {}, fields: further = {} }) => {
      const objects = new MemoryObjects();
      const world = await feedbackWorld({ objects, script, days: Number(days) });
      const used = key === 'refuses' ? world.refuses.key : key === 'admin' ? 'admin' : world.consents.key;
      const response = await world.send('POST', path, { ...body, ...Object(further) }, used, Object(headers));
      expect(response.status).toBe(200);
      expect(response.headers.get('x-budgetforce-store')).toBeNull();
      const id = await idOf(response);
      expect(objects.names).toEqual([]);
      for (const { record } of [world.consents, world.refuses])
        expect(await world.store.find(record.id, id)).toBeUndefined();
      expect(await world.store.find('admin', id)).toBeUndefined();
    });
  },
);

describe('a request that may be stored', () => {
  it('a raw completion is never stored', async () => {
    const objects = new MemoryObjects();
    const world = await feedbackWorld({ objects });
    for (const stream of [false, true]) {
      const response = await world.send('POST', '/v1/completions', { model: 'scripted', prompt: 'x', stream });
      expect(response.status).toBe(200);
      expect(response.headers.get('x-budgetforce-store')).toBeNull();
      await response.text();
    }
    expect(objects.names).toEqual([]);
  });

  it('a count of tokens is never stored', async () => {
    const objects = new MemoryObjects();
    const world = await feedbackWorld({ objects });
    await world.send('POST', '/v1/messages/count_tokens', { model: 'scripted', messages: bodies[chat].messages });
    expect(objects.names).toEqual([]);
  });

  it('without authentication, nothing is stored', async () => {
    const objects = new MemoryObjects();
    const { app } = scriptedApp([thinks, answers], { feedback: (await feedbackWorld({ objects })).store });
    const response = await app.request(chat, askScripted(bodies[chat]));
    expect(response.status).toBe(200);
    expect(objects.names).toEqual([]);
  });

  it.each(['no', '0', 'yes', ''])('the header %j is refused, since it may be a refusal', async (value) => {
    const world = await feedbackWorld();
    const response = await world.send('POST', chat, bodies[chat], undefined, { 'x-budgetforce-store': value });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { param: 'x-budgetforce-store', message: expect.stringContaining('Send false') },
    });
    expect(world.model.requests).toEqual([]);
  });

  it('the header true does not replace the consent of the key', async () => {
    const objects = new MemoryObjects();
    const world = await feedbackWorld({ objects });
    const headers = { 'x-budgetforce-store': 'true' };
    await (await world.send('POST', chat, { ...bodies[chat], store: true }, world.refuses.key, headers)).text();
    expect(objects.names).toEqual([]);
  });

  it('a stored request no longer has its user among the ignored fields, and one that is not stored has', async () => {
    const world = await feedbackWorld();
    for (const path of paths) {
      const stored = await world.send('POST', path, bodies[path]);
      expect(stored.headers.get('x-budgetforce-ignored')).toBeNull();
      await stored.text();
      const not = await world.send('POST', path, bodies[path], world.refuses.key);
      expect(not.headers.get('x-budgetforce-ignored')).toBe(path === '/v1/messages' ? 'metadata' : 'user');
      await not.text();
    }
  });

  it('the log has no word of a stored conversation and of its feedback', async () => {
    const world = await feedbackWorld();
    for (const path of paths) {
      const id = await idOf(await world.send('POST', path, bodies[path]));
      const correction = { id, metric: 'correction', value: { answer: 'It is three.' }, comment: 'Bad sum' };
      expect((await world.send('POST', '/v1/feedback', correction)).status).toBe(200);
    }
    expect((await world.send('DELETE', '/v1/admin/feedback?user=ann', undefined, 'admin')).status).toBe(200);
    const log = JSON.stringify(world.log);
    for (const word of ['How many', '1 + 1', 'Two', 'three', 'Bad sum', 'ann"']) expect(log).not.toContain(word);
  });
});
