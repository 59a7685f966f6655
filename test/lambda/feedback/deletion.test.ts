import { describe, expect, it } from 'vitest';
import type { FeedbackStore } from '../../../lambda/feedback/feedback-store.ts';
import { MemoryObjects } from '../../../lambda/storage/memory-objects.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { Item } from '../../../lambda/storage/table.ts';
import { ask, feedbackWorld, TODAY } from './feedback-world.ts';

const path = '/v1/feedback';

/** A table that can be asked for all it has of conversations. */
class OpenTable extends MemoryTable {
  readonly #partitions = new Set<string>();

  override async put(item: Item & { readonly pk: string; readonly sk: string }): Promise<void> {
    this.#partitions.add(item.pk);
    await super.put(item);
  }

  async stored(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const partition of this.#partitions) {
      if (!/^(STORED|STOREDUSER|FEEDBACK)#/.test(partition)) continue;
      for await (const { pk, sk } of this.query(partition)) found.push(`${pk} ${sk}`);
    }
    return found;
  }
}

async function world() {
  const table = new OpenTable();
  const objects = new MemoryObjects();
  return { ...(await feedbackWorld({ table, objects })), table, objects };
}

async function give(made: Awaited<ReturnType<typeof world>>, id: string, key?: string) {
  for (const body of [
    { id, metric: 'thumbs', value: true, comment: 'Nice' },
    { id, metric: 'correction', value: { answer: 'Three.' } },
  ])
    expect((await made.send('POST', path, body, key)).status).toBe(200);
}

async function countOf(store: FeedbackStore): Promise<number> {
  let count = 0;
  for await (const _ of store.feedback([TODAY])) count++;
  return count;
}

describe('DELETE /v1/feedback/{id}', () => {
  it('deletes the conversation and all feedback, and leaves nothing of it', async () => {
    const made = await world();
    const id = await ask(made);
    await give(made, id);
    const response = await made.send('DELETE', `${path}/${id}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ id, deleted: true });
    expect(made.objects.names).toEqual([]);
    expect(await made.table.stored()).toEqual([]);
    expect((await made.send('DELETE', `${path}/${id}`)).status).toBe(404);
    expect((await made.send('POST', path, { id, metric: 'thumbs', value: true })).status).toBe(404);
  });

  it('does not delete that of another key, which is as unknown as any', async () => {
    const made = await world();
    const id = await ask(made);
    for (const key of [made.other.key, made.refuses.key, 'admin']) {
      expect((await made.send('DELETE', `${path}/${id}`, undefined, key)).status).toBe(404);
    }
    expect(await made.store.content(made.consents.record.id, id)).toBeDefined();
  });

  it('deletes of two similar ids only the one', async () => {
    const made = await world();
    const generation = {
      key: made.consents.record.id,
      model: 'scripted',
      budget: { min_tokens: 0, max_tokens: 10, waits: 0 },
      policy: 'fixed',
      user: undefined,
      content: { messages: [], model: 'scripted', outcome: 'done' as const, samples: [] },
    };
    const [one, two] = ['chatcmpl-a', 'chatcmpl-ab'];
    await made.store.store({ ...generation, id: one });
    await made.store.store({ ...generation, id: two });
    await give(made, one);
    await give(made, two);
    await made.send('DELETE', `${path}/${one}`);
    expect(await countOf(made.store)).toBe(2);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'can be repeated if step %i fails, and nothing can be read in between',
    async (step) => {
      const made = await world();
      const id = await ask(made);
      await give(made, id);
      let steps = 0;
      const failing =
        <Arguments extends unknown[]>(run: (...given: Arguments) => Promise<void>) =>
        async (...given: Arguments) => {
          if (++steps === step) throw new Error('ended');
          await run(...given);
        };
      const { put, delete: remove } = made.table;
      const removeObject = made.objects.delete;
      made.table.put = failing(put.bind(made.table));
      made.table.delete = failing(remove.bind(made.table));
      made.objects.delete = failing(removeObject.bind(made.objects));
      const response = await made.send('DELETE', `${path}/${id}`);
      Object.assign(made.table, { put, delete: remove });
      Object.assign(made.objects, { delete: removeObject });
      expect(response.status).toBe(500);
      if (step > 1) {
        expect(await made.store.content(made.consents.record.id, id)).toBeUndefined();
        expect((await made.send('POST', path, { id, metric: 'thumbs', value: true })).status).toBe(404);
      }
      expect((await made.send('DELETE', `${path}/${id}`)).status).toBe(200);
      expect(await made.table.stored()).toEqual([]);
      expect(made.objects.names).toEqual([]);
    },
  );

  it('leaves no feedback that comes while it runs', async () => {
    for (let at = 0; at < 10; at++) {
      const made = await world();
      const id = await ask(made);
      await Promise.all([
        made.send('POST', path, { id, metric: 'correction', value: { answer: 'Three.' } }),
        (async () => {
          for (let turn = 0; turn < at; turn++) await Promise.resolve();
          await made.send('DELETE', `${path}/${id}`);
        })(),
        made.send('POST', path, { id, metric: 'thumbs', value: true, comment: 'Nice' }),
      ]);
      expect(await made.table.stored()).toEqual([]);
      expect(made.objects.names).toEqual([]);
    }
  });
});

describe('DELETE /v1/admin/feedback', () => {
  const admin = async (made: Awaited<ReturnType<typeof world>>, query: string) =>
    await made.send('DELETE', `/v1/admin/feedback?${query}`, undefined, 'admin');

  it('deletes everything of a key, and nothing of another', async () => {
    const made = await world();
    const own = [await ask(made), await ask(made), await ask(made, { user: 'bob' })];
    for (const id of own) await give(made, id);
    const foreign = await ask(made, {}, made.other.key);
    await give(made, foreign, made.other.key);
    const key = made.consents.record.id;
    expect(await (await admin(made, `key=${key}`)).json()).toEqual({ deleted: 3, key });
    expect(await (await admin(made, `key=${key}`)).json()).toEqual({ deleted: 0, key });
    expect(await made.store.content(made.other.record.id, foreign)).toBeDefined();
    expect(await countOf(made.store)).toBe(2);
    expect(made.objects.names).toHaveLength(3);
  });

  it('deletes everything of a user, over all keys or with one', async () => {
    const made = await world();
    await ask(made, { user: 'bob' });
    const kept = await ask(made, { user: 'bobby' });
    await ask(made, { user: 'bob' }, made.other.key);
    const without = await ask(made, { user: undefined });
    expect(await (await admin(made, `user=bob&key=${made.other.record.id}`)).json()).toMatchObject({ deleted: 1 });
    expect(await (await admin(made, 'user=bob')).json()).toEqual({ deleted: 1, user: 'bob' });
    const key = made.consents.record.id;
    for (const id of [kept, without]) expect(await made.store.content(key, id)).toBeDefined();
    expect(made.objects.names).toHaveLength(2);
  });

  it.each([
    ['/v1/responses', { user: 'bob' }],
    ['/v1/messages', { metadata: { user_id: 'bob' } }],
    ['/v1/chat/completions', { user: undefined, safety_identifier: 'bob' }],
  ] as const)('finds the user of %s', async (asked, fields) => {
    const made = await world();
    await ask(made, fields, undefined, asked);
    expect(await (await admin(made, 'user=bob')).json()).toMatchObject({ deleted: 1 });
    expect(await made.table.stored()).toEqual([]);
  });

  it('leaves nothing of a user whose generation is written while it runs', async () => {
    const made = await world();
    const put = made.table.put.bind(made.table);
    made.table.put = async (item) => {
      if (item.pk.startsWith('STORED#') && item['deleted'] === undefined) {
        made.table.put = put;
        await admin(made, 'user=ann');
      }
      await put(item);
    };
    await ask(made);
    expect(await made.table.stored()).toEqual([]);
    expect(made.objects.names).toEqual([]);
  });

  it('asks what to delete, and for an admin key', async () => {
    const made = await world();
    const id = await ask(made);
    for (const query of ['', 'key=', 'user=', 'id=x']) expect((await admin(made, query)).status).toBe(400);
    const key = made.consents.record.id;
    expect((await made.send('DELETE', `/v1/admin/feedback?key=${key}`)).status).toBe(403);
    expect(await made.store.content(key, id)).toBeDefined();
  });
});
