import { BatchStore } from '../../../lambda/batches/batch-store.ts';
import { BatchWorker } from '../../../lambda/batches/batch-worker.ts';
import type { RunLine } from '../../../lambda/batches/run-line.ts';
import type { WorkerOptions } from '../../../lambda/batches/worker-options.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import type { Caller } from '../../../lambda/keys/key-record.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import { FileStore } from '../../../lambda/retrieval/stores/file-store.ts';
import type { Documents } from '../../../lambda/retrieval/sync/documents.ts';
import { MemoryDocuments } from '../../../lambda/retrieval/sync/memory-documents.ts';
import { batchRulesSchema } from '../../../lambda/settings/batch-settings.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { ItemTable } from '../../../lambda/storage/table.ts';
import type { EndEvent } from '../../../lambda/webhooks/event.ts';
import { openaiOver } from '../openai-over.ts';
import { type ScriptedSegment, scriptedApp } from '../scripted-world.ts';

const NOW = 1_700_000_000;
export const ENDPOINT = '/v1/chat/completions';

/** A line of an input file. */
export const inputLine = (customId: string, fields: object = {}, body: object = {}) =>
  JSON.stringify({
    ...{ custom_id: customId, method: 'POST', url: ENDPOINT, ...fields },
    body: { model: 'scripted', messages: [{ role: 'user', content: `Question ${customId}` }], ...body },
  });

/** Answers each line with its own question, at once. */
export const echoLine: RunLine = async ({ body, origin }) => ({
  kind: 'response',
  status: 200,
  requestId: origin.requestId,
  body: JSON.stringify({ echo: JSON.parse(body).messages[0].content }),
});

/** Stores of batches in memory. A killed worker is simulated by another one over the same stores. */
export function batchWorld() {
  const clock = { now: NOW };
  const [table, documents] = [new MemoryTable(), new MemoryDocuments()];
  let ids = 0;
  const newId = () => String(++ids).padStart(6, '0');
  const unixTime = () => clock.now;
  const storesOver = (items: ItemTable, objects: Documents) => ({
    store: new BatchStore({ table: items, documents: objects, unixTime, newId, days: 30 }),
    files: new FileStore(items, objects, { unixTime, newId }, 30),
  });
  const { store, files } = storesOver(table, documents);
  const log: Record<string, unknown>[] = [];
  const events: (EndEvent & { readonly key: string })[] = [];
  const optionsFor = (run: RunLine, changes: Partial<WorkerOptions> = {}): WorkerOptions => ({
    ...{ store, files, run, unixTime, newId },
    callerOf: async (id): Promise<Caller> => ({ id, admin: false, limits: {} }),
    rules: batchRulesSchema.parse({}),
    webhooks: { notify: async (key, event) => void events.push({ key, ...event }) },
    // Waits pass at once.
    async sleep(ms) {
      clock.now += Math.ceil(ms / 1_000);
      await new Promise((resolve) => setImmediate(resolve));
    },
    log: (level, message, fields) => log.push({ level, message, ...fields }),
    ...changes,
  });
  const work = async (run: RunLine, changes: Partial<WorkerOptions> = {}, startUntil?: number) =>
    await new BatchWorker(optionsFor(run, changes)).work({ startUntil, signal: new AbortController().signal });
  const create = async (lines: readonly string[], key = 'key_1') => {
    const content = Buffer.from(lines.join('\n'));
    const file = await files.create(key, { filename: 'input.jsonl', purpose: 'batch', content });
    return await store.create(key, { endpoint: ENDPOINT, inputFileId: file.id });
  };
  const textOf = async (id: string | undefined, key = 'key_1') => {
    if (id === undefined) return [];
    const record = await files.require(key, id);
    const parts: Uint8Array[] = [];
    for await (const part of files.read(key, record)) parts.push(part);
    const text = Buffer.concat(parts).toString('utf8');
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  const ended = async (id: string, key = 'key_1') => {
    const batch = await store.require(key, id);
    return { batch, output: await textOf(batch.outputFileId, key), errors: await textOf(batch.errorFileId, key) };
  };
  return { clock, table, documents, store, files, storesOver, log, events, optionsFor, work, create, ended };
}

/** An app with batches over a scripted model, and `openai`'s client of a key. */
export async function batchApp(script: readonly ScriptedSegment[]) {
  const world = batchWorld();
  const unixTime = () => world.clock.now;
  const [keys, ledger] = [new KeyStore(world.table, unixTime), new Ledger(world.table, unixTime)];
  const { app, model, log } = scriptedApp(script, {
    keyHashes: async () => [hashKey('admin')],
    ...{ keys, ledger, unixTime, files: world.files, batches: { store: world.store } },
  });
  const clientOf = (apiKey: string) => openaiOver(app, apiKey);
  return { ...world, app, model, log, keys, ledger, clientOf };
}
