import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { docsCommand } from '../../../cli/commands/docs.ts';
import { documentWorld, temporaryFolder } from '../../lambda/retrieval/document-world.ts';
import { commandRunner, serveUntilEnd } from '../over-http.ts';

/** The command against an app over HTTP, and a folder with documents. */
async function docsWorld() {
  const world = await documentWorld();
  const url = await serveUntilEnd(world.app);
  const run = commandRunner((argv) => docsCommand.run([...argv, '--base-url', url, '--api-key', world.one.key]));
  const folder = temporaryFolder();
  const write = (name: string, text: string) => {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  write('coins.md', '# Coins\n\nA florn is worth 17.');
  write('old/drib.txt', 'A drib is worth 5.');
  write('.hidden/secret.md', 'A secret.');
  write('node_modules/a/readme.md', 'Not mine.');
  write('picture.png', 'no document');
  return { ...world, run, folder, write };
}

describe('budgetforce docs', () => {
  it('adds what is new, replaces what changed, skips the rest, and removes what is gone if asked', async () => {
    const { run, folder, write } = await docsWorld();
    const add = async (...more: string[]) => {
      const { code, out } = await run('add', folder, '--json', ...more);
      const { added, replaced, unchanged, removed, failed } = JSON.parse(out);
      return { code, added, replaced, unchanged, removed, failed };
    };
    const nothing = { added: [], replaced: [], unchanged: [], removed: [], failed: [], code: 0 };
    expect(await add()).toEqual({ ...nothing, added: ['coins.md', 'old/drib.txt'] });
    expect(await add()).toEqual({ ...nothing, unchanged: ['coins.md', 'old/drib.txt'] });
    write('coins.md', '# Coins\n\nA florn is worth 18.');
    expect(await add()).toEqual({ ...nothing, replaced: ['coins.md'], unchanged: ['old/drib.txt'] });
    const found = await run('search', 'What is a florn worth?', '--max-results', '1');
    expect(found.out).toContain('A florn is worth 18.');
    expect((await run('search', 'florn 17', '--json')).out).not.toContain('17.');
    rmSync(join(folder, 'old'), { recursive: true });
    expect(await add()).toEqual({ ...nothing, unchanged: ['coins.md'] });
    expect((await run('list')).out).toContain('old/drib.txt');
    expect(await add('--prune')).toEqual({ ...nothing, unchanged: ['coins.md'], removed: ['old/drib.txt'] });
    expect((await run('list')).out).toMatch(/^file-\d+ {2}coins\.md\n$/);
    expect((await run('remove', 'coins.md')).out).toBe('coins.md: removed\n');
    expect((await run('list')).out).toBe('documents is empty.\n');
  });

  it('names a document that cannot be read, keeps the one before, and ends with 1', async () => {
    const { run, folder, write, client } = await docsWorld();
    write('a.pdf', '%PDF-1.7 broken');
    write('empty.md', '');
    write('large.txt', 'x'.repeat(4_000_000));
    const { code, out, err } = await run('add', folder);
    expect(code).toBe(1);
    expect(out).toContain('2 added, 0 replaced, 0 unchanged, 0 removed, 3 failed');
    expect(out).toMatch(/FAILED a\.pdf cannot .*\.\n/);
    expect(out).toContain('FAILED empty.md: It is empty.');
    expect(out).toContain('FAILED large.txt: It has 4.0 MB, and a request may have 3.9. Split the document.');
    expect(err).toContain('[2/5] coins.md: added');
    expect((await client.files.list()).data.map(({ filename }) => filename).toSorted()).toEqual([
      'coins.md',
      'drib.txt',
    ]);
  });

  it('says what is wrong with its arguments', async () => {
    const { run, folder } = await docsWorld();
    await expect(run('add')).rejects.toThrow('docs add takes a folder or a file.');
    await expect(run('add', '/nowhere')).rejects.toThrow('/nowhere does not exist.');
    await expect(run('add', join(folder, 'picture.png'))).rejects.toThrow(
      'picture.png has no document. Documents end in .md',
    );
    await expect(run('search', 'two', 'words')).rejects.toThrow('Quote a query.');
    await expect(run('list', '--store', 'none')).rejects.toThrow(
      'There is no vector store with the name none. budgetforce docs add',
    );
    await run('add', folder);
    await expect(run('remove', 'none.md')).rejects.toThrow('documents has no document none.md.');
    await expect(run('search', 'x', '--max-results', '51')).rejects.toThrow('--max-results');
  });
});
