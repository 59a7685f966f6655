import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { createCutDocument } from '../../../lambda/retrieval/read/read-document.ts';
import { FileStore } from '../../../lambda/retrieval/stores/file-store.ts';
import { VectorStores } from '../../../lambda/retrieval/stores/vector-stores.ts';
import { MemoryDocuments } from '../../../lambda/retrieval/sync/memory-documents.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { EmbeddedIndex } from '../../../local/retrieval/embedded-index.ts';
import { IM_END, IM_START } from '../../lambda/forcing/tiny-vocabulary.ts';
import { type ScriptedSegment, scriptedApp } from '../../lambda/scripted-world.ts';

/** More answers than a check asks for. */
const ANSWERS = 20;
const answer: readonly ScriptedSegment[] = [
  { says: '\nI read.', ends: IM_START },
  { says: '\nA florn is 17 coins [1].', ends: IM_END },
];

/** Serves an app that keeps documents, over a model that always cites the first passage. */
export async function serveDocuments(): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'budgetforce-clients-'));
  const [table, documents] = [new MemoryTable(), new MemoryDocuments()];
  const shared = {
    unixTime: () => Math.floor(Date.now() / 1_000),
    newId: () => crypto.randomUUID().replaceAll('-', ''),
  };
  const files = new FileStore(table, documents, shared, 30);
  const stores = new VectorStores({
    ...{ table, documents, files, index: new EmbeddedIndex(folder), ...shared },
    ingestion: { cut: createCutDocument(undefined), run: async (work) => await work() },
  });
  const { app } = scriptedApp(Array.from({ length: ANSWERS }, () => answer).flat(), {
    documents: { files, stores },
    retriever: stores,
  });
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
