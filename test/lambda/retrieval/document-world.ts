import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import type { Embedder, PassageIndex } from '../../../lambda/retrieval/passage-index.ts';
import { createCutDocument } from '../../../lambda/retrieval/read/read-document.ts';
import { FileStore } from '../../../lambda/retrieval/stores/file-store.ts';
import { VectorStores, type VectorStoresOptions } from '../../../lambda/retrieval/stores/vector-stores.ts';
import type { Documents } from '../../../lambda/retrieval/sync/documents.ts';
import { MemoryDocuments } from '../../../lambda/retrieval/sync/memory-documents.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { EmbeddedIndex } from '../../../local/retrieval/embedded-index.ts';
import { openaiOver } from '../openai-over.ts';
import { type ScriptedSegment, scriptedApp } from '../scripted-world.ts';

export const NOW = 1_700_000_000;

export interface DocumentParts {
  readonly table?: MemoryTable;
  readonly documents?: Documents;
  readonly index?: PassageIndex;
  readonly embedder?: Embedder;
  readonly options?: Partial<VectorStoresOptions>;
  /** What the model says. */
  readonly script?: readonly ScriptedSegment[];
}

/** A folder that is removed at the end of the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'budgetforce-documents-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Parts of an app that keeps documents, each of which may be replaced. */
export function documentParts({
  table = new MemoryTable(),
  documents = new MemoryDocuments(),
  ...parts
}: DocumentParts = {}) {
  const clock = { now: NOW };
  let ids = 0;
  const shared = { unixTime: () => clock.now, newId: () => `${String(++ids).padStart(6, '0')}` };
  const files = new FileStore(table, documents, shared, 30);
  const index = parts.index ?? new EmbeddedIndex(temporaryFolder(), parts.embedder);
  const stores = new VectorStores({
    ...{ table, documents, files, index, ...shared },
    ingestion: { cut: createCutDocument(undefined), run: async (work) => await work() },
    ...parts.options,
  });
  return { clock, table, documents, index, files, stores };
}

/** An app that keeps documents, with `openai`'s client of two keys. */
export async function documentWorld(given: DocumentParts = {}) {
  const parts = documentParts(given);
  const keys = new KeyStore(parts.table, () => parts.clock.now);
  const { app, log, model } = scriptedApp(given.script ?? [], {
    keyHashes: async () => [hashKey('admin')],
    keys,
    unixTime: () => parts.clock.now,
    documents: { files: parts.files, stores: parts.stores },
    retriever: parts.stores,
  });
  const [one, two] = [await keys.create('one', {}), await keys.create('two', {})];
  const clientOf = (apiKey: string) => openaiOver(app, apiKey);
  return { ...parts, app, log, model, keys, one, two, client: clientOf(one.key), other: clientOf(two.key), clientOf };
}

export const textFile = (name: string, text: string) => new File([text], name);
