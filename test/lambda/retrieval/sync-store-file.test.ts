import { beforeEach, describe, expect, it } from 'vitest';
import { chunkBlocks } from '../../../lambda/retrieval/chunk-blocks.ts';
import type { Passage } from '../../../lambda/retrieval/passage.ts';
import type { PassageIndex } from '../../../lambda/retrieval/passage-index.ts';
import { readDocument } from '../../../lambda/retrieval/read/read-document.ts';
import { ChangedObjectError } from '../../../lambda/retrieval/sync/documents.ts';
import { fileStateName, type StoreFile, storeFileName } from '../../../lambda/retrieval/sync/store-file.ts';
import { type SyncParts, syncStoreFile } from '../../../lambda/retrieval/sync/sync-store-file.ts';

class Killed extends Error {}

/** A bucket and an index in memory. After `stopAfter` operations that write, each further one fails, as if the function was killed. */
class World {
  readonly objects = new Map<string, { bytes: Uint8Array; version: string }>();
  readonly passages = new Map<string, Passage>();
  put = 0;
  writes = 0;
  stopAfter = Number.POSITIVE_INFINITY;

  write(name: string, text: string): void {
    this.objects.set(name, { bytes: new TextEncoder().encode(text), version: String(Math.random()) });
  }

  #step(): void {
    this.writes += 1;
    if (this.writes > this.stopAfter) throw new Killed();
  }

  get parts(): SyncParts {
    const index: PassageIndex = {
      put: async (storeId, passages) => {
        // Half of a batch may be written when the function is killed.
        for (const passage of passages) {
          this.#step();
          this.put += 1;
          this.passages.set(`${storeId}/${passage.id}`, passage);
        }
      },
      remove: async (storeId, ids) => {
        for (const id of ids) {
          this.#step();
          this.passages.delete(`${storeId}/${id}`);
        }
      },
      setAttributes: async (storeId, ids, attributes) => {
        for (const id of ids) {
          this.#step();
          const passage = this.passages.get(`${storeId}/${id}`);
          if (passage !== undefined) this.passages.set(`${storeId}/${id}`, { ...passage, attributes });
        }
      },
      get: async () => [],
      search: async () => [],
      removeStore: async () => {},
    };
    return {
      index,
      cut: async (bytes, filename, chunking) =>
        chunkBlocks(await readDocument(bytes, filename), {
          ...chunking,
          count: (text) => text.split(/\s+/).length,
        }),
      documents: {
        get: async (name) => this.objects.get(name),
        putIfUnchanged: async (name, text, version) => {
          this.#step();
          if (this.objects.get(name)?.version !== version) throw new ChangedObjectError(name);
          this.write(name, text);
          return this.objects.get(name)?.version ?? '';
        },
        delete: async (name) => {
          this.#step();
          this.objects.delete(name);
        },
      },
    };
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

const file: StoreFile = {
  filename: 'a.md',
  object: 'files/file-1',
  attributes: { year: 2024 },
  maxTokens: 16,
  overlapTokens: 0,
  request: '1',
};
const sections = (names: readonly string[]) => names.map((name) => `# ${name}\n\nText of ${name}.\n`).join('\n');
const link = (changes: Partial<StoreFile> = {}) =>
  world.write(storeFileName('vs_1', 'file-1'), JSON.stringify({ ...file, ...changes }));
const sync = async () => await syncStoreFile(world.parts, 'vs_1', 'file-1');
const texts = () => [...world.passages.values()].map(({ text }) => text).sort();

describe('syncStoreFile', () => {
  it('writes the passages of a document, and does nothing if it is called again', async () => {
    world.write(file.object, sections(['One', 'Two']));
    link();
    await expect(sync()).resolves.toMatchObject({ status: 'completed' });
    expect(texts()).toEqual(['Text of One.', 'Text of Two.']);
    expect([...world.passages.values()][0]).toMatchObject({
      filename: 'a.md',
      titlePath: ['One'],
      attributes: { year: 2024 },
    });
    const { writes } = world;
    await sync();
    expect(world.writes).toBe(writes);
  });

  it('writes only what a new version of the document changes, and removes what it lacks', async () => {
    world.write(file.object, sections(['One', 'Two', 'Three']));
    link();
    await sync();
    expect(world.put).toBe(3);
    world.write(file.object, sections(['One', 'New', 'Three']));
    await sync();
    expect(world.put).toBe(4);
    expect(texts()).toEqual(['Text of New.', 'Text of One.', 'Text of Three.']);
  });

  it('changes attributes without writing passages again', async () => {
    world.write(file.object, sections(['One']));
    link();
    await sync();
    link({ attributes: { year: 2025 } });
    await sync();
    expect(world.put).toBe(1);
    expect([...world.passages.values()][0]?.attributes).toEqual({ year: 2025 });
  });

  it('follows a new name of the file', async () => {
    world.write(file.object, sections(['One']));
    link();
    await sync();
    link({ filename: 'b.md' });
    await sync();
    expect([...world.passages.values()].map(({ filename }) => filename)).toEqual(['b.md']);
  });

  it('removes the passages and the state of a file that is no longer in the store', async () => {
    world.write(file.object, sections(['One', 'Two']));
    link();
    await sync();
    world.objects.delete(storeFileName('vs_1', 'file-1'));
    await expect(sync()).resolves.toBeUndefined();
    expect(world.passages.size).toBe(0);
    expect([...world.objects.keys()]).toEqual([file.object]);
    await expect(sync()).resolves.toBeUndefined();
  });

  it.each([
    ['a document that cannot be read', 'a\0b', 'a.md has NUL characters'],
    ['a document that was deleted', undefined, 'a.md was deleted.'],
  ])('says what is wrong with %s, and keeps nothing of an older version', async (_, text, sentence) => {
    world.write(file.object, sections(['One']));
    link();
    await sync();
    if (text === undefined) world.objects.delete(file.object);
    else world.write(file.object, text);
    await expect(sync()).resolves.toMatchObject({ status: 'failed', error: expect.stringContaining(sentence) });
    expect(world.passages.size).toBe(0);
  });

  it('stops if another run is at work on the same file', async () => {
    world.write(file.object, sections(['One']));
    link();
    const { parts } = world;
    const { cut } = parts;
    const late: SyncParts = {
      ...parts,
      cut: async (...input) => {
        await sync();
        return await cut(...input);
      },
    };
    await expect(syncStoreFile(late, 'vs_1', 'file-1')).rejects.toThrow(ChangedObjectError);
    expect(texts()).toEqual(['Text of One.']);
  });

  it('loses and doubles nothing, wherever it is killed', async () => {
    for (let stopAfter = 0; ; stopAfter += 1) {
      world = new World();
      world.write(file.object, sections(['One', 'Two', 'Three']));
      link();
      await sync();
      world.write(file.object, sections(['Zero', 'Two', 'Four', 'Five']));
      link({ attributes: { year: 2025 } });
      world.writes = 0;
      world.stopAfter = stopAfter;
      const killed = await sync().then(
        () => false,
        (error: unknown) => error instanceof Killed,
      );
      // Between the two runs, the document changes once more.
      world.stopAfter = Number.POSITIVE_INFINITY;
      world.write(file.object, sections(['Two', 'Five', 'Six']));
      await sync();
      expect(texts(), `killed after ${stopAfter} writes`).toEqual(['Text of Five.', 'Text of Six.', 'Text of Two.']);
      for (const { attributes } of world.passages.values()) expect(attributes).toEqual({ year: 2025 });
      const state = JSON.parse(new TextDecoder().decode(world.objects.get(fileStateName('vs_1', 'file-1'))?.bytes));
      expect(state.passages.toSorted()).toEqual(
        [...world.passages.keys()].map((key) => key.slice('vs_1/'.length)).sort(),
      );
      if (!killed) {
        expect(stopAfter).toBe(8);
        break;
      }
    }
  });
});
