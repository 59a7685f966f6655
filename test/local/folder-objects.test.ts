import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FeedbackStore } from '../../lambda/feedback/feedback-store.ts';
import { MemoryTable } from '../../lambda/storage/memory-table.ts';
import { expireContent } from '../../local/expire-content.ts';
import { FolderObjects } from '../../local/folder-objects.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'objects-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const namesIn = async (objects: FolderObjects) => {
  const names = [];
  for await (const { name } of objects.list()) names.push(name);
  return names.toSorted();
};

describe('objects in a folder', () => {
  it('are written, replaced, read and deleted', async () => {
    const objects = new FolderObjects(folder);
    expect(await objects.get('a/b.json')).toBeUndefined();
    await objects.put('a/b.json', 'one');
    await objects.put('a/b.json', 'zwei ä');
    expect(await objects.get('a/b.json')).toBe('zwei ä');
    expect(await namesIn(objects)).toEqual(['a/b.json']);
    await objects.delete('a/b.json');
    await objects.delete('a/b.json');
    expect(await objects.get('a/b.json')).toBeUndefined();
  });

  it('may be read by their user only', async () => {
    await new FolderObjects(folder).put('a/b.json', 'one');
    expect((await stat(join(folder, 'a/b.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'a'))).mode & 0o777).toBe(0o700);
  });

  it.each(['../x', '/etc/x', 'a/../../x', '.'])('do not leave the folder: %s', async (name) => {
    await expect(new FolderObjects(folder).put(name, '')).rejects.toThrow('is not in the folder');
  });

  it('fail as a store that is unavailable, without a rest', async () => {
    await writeFile(join(folder, 'a'), 'a file where a folder should be');
    await expect(new FolderObjects(folder).put('a/b.json', '')).rejects.toThrow('The store of content is unavailable');
    expect(await namesIn(new FolderObjects(folder))).toEqual(['a']);
  });

  it('are whole if their process is killed while it writes', async () => {
    const text = 'x'.repeat(200_000);
    const writes = `
      import { FolderObjects } from ${JSON.stringify(resolve('local/folder-objects.ts'))};
      const objects = new FolderObjects(${JSON.stringify(folder)});
      const text = 'x'.repeat(${text.length});
      for (let n = 0; ; n++) { await objects.put('g/' + n + '.json', text); if (n === 5) console.log('begun'); }`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', writes], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'close');
    const objects = new FolderObjects(folder);
    const whole = (await namesIn(objects)).filter((name) => name.endsWith('.json'));
    expect(whole.length).toBeGreaterThan(5);
    for (const name of whole) expect(await readFile(join(folder, name), 'utf8')).toBe(text);
  });
});

describe('expired content', () => {
  it('is deleted with its feedback, as are objects without a pointer; the rest stays', async () => {
    const objects = new FolderObjects(folder);
    const table = new MemoryTable();
    const now = 1_700_000_000;
    const clock = { now: now - 31 * 86_400 };
    const store = new FeedbackStore(table, objects, () => clock.now, 30);
    const generation = {
      key: 'key_1',
      model: 'm',
      budget: { min_tokens: 0, max_tokens: 1, waits: 0 },
      policy: 'fixed',
      user: 'ann',
      content: { messages: [], model: 'm', outcome: 'done' as const, samples: [] },
    };
    await store.store({ ...generation, id: 'old' });
    await store.give('key_1', { id: 'old', metric: 'thumbs', value: true, comment: 'Nice' });
    await objects.put('generations/key_1/lost.json', '{}');
    await objects.put('generations/key_1/half.json.tmp', '{');
    for await (const { name } of objects.list()) await utimes(join(folder, name), clock.now, clock.now);
    clock.now = now;
    await store.store({ ...generation, id: 'new' });
    await utimes(join(folder, 'generations/key_1/new.json'), now, now);
    await expireContent(objects, { feedback: { store, days: 30 } }, now * 1_000);
    expect(await namesIn(objects)).toEqual(['generations/key_1/new.json']);
    expect(await table.get('STORED#key_1', 'old')).toBeUndefined();
    expect(await store.content('key_1', 'new')).toMatchObject({ id: 'new' });
    const left = [];
    for await (const item of table.query('FEEDBACK#2023-10-14')) left.push(item);
    expect(left).toEqual([]);
  });
});
