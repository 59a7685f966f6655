import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Shutdown } from '../../../lambda/generation/shutdown.ts';
import { MemoryObjects } from '../../../lambda/storage/memory-objects.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { NoCapacityError } from '../../../lambda/upstream/errors.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { type AnswerPath, answers, bodies, feedbackWorld, idOf, thinks } from './feedback-world.ts';

const chat = '/v1/chat/completions';
const lastEvents: readonly (readonly [AnswerPath, string])[] = [
  [chat, '"finish_reason":"stop"'],
  ['/v1/responses', 'response.completed'],
  ['/v1/messages', 'message_delta'],
];

/** Reads a stream up to the frame that has `text`, and returns all that was read, with the reader. */
async function readUntil(response: Response, text: string) {
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error('The response has no body.');
  const decoder = new TextDecoder();
  let read = '';
  while (!read.includes(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`The stream ended without ${text}: ${read}`);
    read += decoder.decode(value, { stream: true });
  }
  return { read, reader };
}

describe('the record of a generation', () => {
  it.each(lastEvents)('of %s is written before the last event', async (path, last) => {
    const objects = new MemoryObjects();
    const world = await feedbackWorld({ objects });
    const response = await world.send('POST', path, { ...bodies[path], stream: true });
    const { read, reader } = await readUntil(response, last);
    const id = await idOf(new Response(read));
    expect(await world.store.find(world.consents.record.id, id)).toMatchObject({ id });
    await reader.cancel();
    expect(objects.names).toHaveLength(1);
  });

  it.each(lastEvents.map(([path]) => path))('of %s is written if the client leaves in the thought', async (path) => {
    // Messages shows thinking only if it is enabled.
    const shown = path === '/v1/messages' ? { thinking: { type: 'enabled', budget_tokens: 50 } } : {};
    const world = await feedbackWorld({ script: [{ says: '\n1 + 1', hangs: true }] });
    const response = await world.send('POST', path, { ...bodies[path], ...shown, stream: true });
    const { read, reader } = await readUntil(response, '"+"');
    const id = await idOf(new Response(read));
    await reader.cancel();
    const content = await world.store.content(world.consents.record.id, id);
    expect(content).toMatchObject({ outcome: 'aborted', samples: [{ answer: '' }] });
    expect(content?.samples[0]?.thinking).toMatch(/^1 \+/);
    expect(content?.samples[0]).not.toHaveProperty('account');
  });

  it('has a failed answer, and nothing of a request that failed before its first token', async () => {
    const fails = new NoCapacityError('The endpoint has no copy.');
    const world = await feedbackWorld({
      script: [thinks, { says: '\nTw', fails }, { says: '', fails }, { says: '', fails }, { says: '', fails }],
    });
    const id = await idOf(await world.send('POST', chat, { ...bodies[chat], stream: true }));
    expect(await world.store.content(world.consents.record.id, id)).toMatchObject({
      outcome: 'failed',
      samples: [{ thinking: '1 + 1 = 2.', answer: 'Tw' }],
    });
    const objects = new MemoryObjects();
    const dead = await feedbackWorld({ objects, script: Array.from({ length: 9 }, () => ({ says: '', fails })) });
    expect((await dead.send('POST', chat, bodies[chat])).status).toBe(503);
    expect(objects.names).toEqual([]);
  });

  it('is written before a shutdown is over', async () => {
    const shutdown = new Shutdown();
    const objects = new MemoryObjects();
    const slow = Object.assign(objects, {});
    const put = objects.put.bind(objects);
    slow.put = async (name, text) => {
      await sleep(30);
      await put(name, text);
    };
    const script = [
      { says: '\n1 + 1', hangs: true },
      { says: '\nTw', hangs: true },
    ];
    const world = await feedbackWorld({ objects: slow, script, changes: { shutdown } });
    const pending = Promise.resolve(world.send('POST', chat, { ...bodies[chat], stream: true })).then(
      async (response) => await response.text(),
    );
    while (shutdown.running === 0) await new Promise(setImmediate);
    await sleep(20);
    shutdown.begin();
    await sleep(20);
    await shutdown.end();
    expect(objects.names).toHaveLength(1);
    await pending;
  });

  it('has the samples of a vote, its winner, and what was forced', async () => {
    const world = await feedbackWorld({
      script: [
        { says: '\n1 + 1', ends: IM_START },
        { says: ' is 2.', ends: IM_START },
        { says: '\nTwo.', ends: IM_END },
      ],
    });
    const body = { ...bodies[chat], thinking: { waits: 1 } };
    const id = await idOf(await world.send('POST', chat, body));
    const content = await world.store.content(world.consents.record.id, id);
    const [sample] = content?.samples ?? [];
    const [wait] = sample?.forced.thinking ?? [];
    expect(sample?.thinking.slice(wait?.at, (wait?.at ?? 0) + (wait?.length ?? 0))).toBe('Wait');
    expect(sample?.account).toMatchObject({ waits: 1, end_reason: 'model', finish_reason: 'stop' });
    expect(content).toMatchObject({ policy: 'fixed', budget: { waits: 1 } });

    const voted = await feedbackWorld({
      script: [thinks, thinks, thinks, answers, { says: '\nThree.', ends: IM_END }, answers],
    });
    const votedId = await idOf(await voted.send('POST', chat, { ...bodies[chat], n: 3, vote: true }));
    const all = await voted.store.content(voted.consents.record.id, votedId);
    expect(all?.policy).toBe('vote');
    expect(all?.samples.map(({ answer }) => answer).toSorted()).toEqual(['Three.', 'Two.', 'Two.']);
    expect(all?.samples.find(({ index }) => index === all.winner)?.answer).toBe('Two.');
    expect(all?.samples.every(({ account }) => account?.thinking_tokens === 11)).toBe(true);
  });

  it('has the thinking even if the client excludes it', async () => {
    const world = await feedbackWorld();
    const id = await idOf(await world.send('POST', chat, { ...bodies[chat], reasoning: { exclude: true } }));
    const content = await world.store.content(world.consents.record.id, id);
    expect(content?.samples[0]?.thinking).toBe('1 + 1 = 2.');
  });

  it('has the tools, and the calls as the model wrote them', async () => {
    const says = '\n<tool_call>\n{"name": "look", "arguments": {"at": 1}}\n</tool_call>';
    const world = await feedbackWorld({ script: [thinks, { says, ends: IM_END }] });
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];
    const id = await idOf(await world.send('POST', chat, { ...bodies[chat], tools }));
    expect(await world.store.content(world.consents.record.id, id)).toMatchObject({
      tools: [{ name: 'look', parameters: { type: 'object' } }],
      samples: [{ answer: says.trim() }],
    });
  });

  it.each(['content', 'pointer', 'index of the user'])(
    'that fails at the %s leaves no half, and the answer comes',
    async (part) => {
      const objects = new MemoryObjects();
      const table = new MemoryTable();
      const put = table.put.bind(table);
      if (part === 'content') objects.put = async () => await Promise.reject(new Error('no bucket'));
      table.put = async (item) => {
        if (part === 'pointer' && item.pk.startsWith('STORED#')) throw new Error('no table');
        if (part === 'index of the user' && item.pk.startsWith('STOREDUSER#')) throw new Error('no table');
        await put(item);
      };
      const world = await feedbackWorld({ objects, table });
      const response = await world.send('POST', chat, bodies[chat]);
      expect(response.status).toBe(200);
      const id = await idOf(response);
      const key = world.consents.record.id;
      expect(await world.store.find(key, id)).toBeUndefined();
      expect(await world.store.content(key, id)).toBeUndefined();
      const thumbs = await world.send('POST', '/v1/feedback', { id, metric: 'thumbs', value: true });
      expect(thumbs.status).toBe(404);
      expect(world.log).toContainEqual(expect.objectContaining({ level: 'error', message: 'generation not stored' }));
      expect(JSON.stringify(world.log)).not.toContain('1 + 1');
    },
  );

  it('of the same id is one', async () => {
    const objects = new MemoryObjects();
    const world = await feedbackWorld({ objects, changes: { newId: () => 'same' } });
    for (let time = 0; time < 3; time++) await idOf(await world.send('POST', chat, bodies[chat]));
    expect(objects.names).toHaveLength(1);
    expect(await world.store.deleteAll({ key: world.consents.record.id })).toBe(1);
  });
});
