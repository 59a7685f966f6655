import { isDeepStrictEqual } from 'node:util';
import { ApiError, invalidRequest } from '../../errors/api-error.ts';
import type { Item, ItemKey, ItemTable } from '../../storage/table.ts';
import type { FoundPassage } from '../passage.ts';
import type { IndexQuery, PassageIndex } from '../passage-index.ts';
import type { Retriever, RetrieverQuery } from '../retriever.ts';
import { ChangedObjectError, type Documents } from '../sync/documents.ts';
import {
  type FileState,
  fileStateName,
  fileStateSchema,
  type StoreFile as SyncedFile,
  storeFileName,
} from '../sync/store-file.ts';
import { type SyncParts, syncStoreFile } from '../sync/sync-store-file.ts';
import { type FileStore, fileObjectName } from './file-store.ts';
import {
  type Batch,
  batchSchema,
  type Chunking,
  countFiles,
  type FileRecord,
  type StoreFile,
  type StoreFileRecord,
  type StoreRecord,
  storeFileSchema,
  storeRecordSchema,
  toStoreFileItem,
} from './records.ts';

/** Most stores of a key. */
const MAX_STORES = 1_000;
/** Most files of a store. */
const MAX_STORE_FILES = 10_000;
const DAY_SECONDS = 86_400;
/** Time after which a use of a store is written down again, in seconds: its expiry counts in days. */
const ACTIVE_SECONDS = 3_600;
/** Attempts of a change that other changes make fail. */
const MAX_ATTEMPTS = 20;

/** Ingestion in the process of the API. */
export interface LocalIngestion {
  /** Reads documents and cuts them. */
  readonly cut: SyncParts['cut'];
  /** Runs an ingestion: until the request may end, or beside it. */
  readonly run: (work: () => Promise<void>) => Promise<void>;
}

export interface VectorStoresOptions {
  readonly table: ItemTable;
  readonly documents: Documents;
  readonly index: PassageIndex;
  readonly files: FileStore;
  readonly unixTime: () => number;
  readonly newId: () => string;
  /** What ingests files in this process. If omitted, the events of the bucket start ingestions, in a function of their own. */
  readonly ingestion?: LocalIngestion | undefined;
}

/** What a new store may be given. */
export type NewStore = Partial<Pick<StoreRecord, 'name' | 'description' | 'metadata' | 'expiresAfterDays'>>;

/** A file that a store is asked to take. */
export interface Attachment {
  readonly fileId: string;
  /** If omitted, those that the file has in the store, or none. */
  readonly attributes?: StoreFileRecord['attributes'] | undefined;
  readonly chunking: Chunking;
  readonly batch?: string;
}

/**
 * Stores of documents, each of one key, and the ingestion of files into them.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `STORES#key` | id of the store | `StoreRecord` |
 * | `STOREFILES#store` | id of the file | `StoreFileRecord` |
 * | `STOREBATCHES#store` | id of the batch | `Batch` |
 * | `INGEST` | key`#`store`#`file | an ingestion in this process that has not ended |
 *
 * A file is brought into a store by writing an object that says so, and taken out by deleting it (sync/store-file.ts). What makes the index
 * follow is `syncStoreFile`: in this process, or in a function that the events of the bucket call. The entry of an ingestion in this process
 * is written first and deleted last, so that one that was left is found and repeated (`resume`).
 */
export class VectorStores implements Retriever {
  readonly #options: VectorStoresOptions;
  readonly #table: ItemTable;
  readonly #index: PassageIndex;

  constructor(options: VectorStoresOptions) {
    this.#options = options;
    this.#table = options.table;
    this.#index = options.index;
  }

  /** @throws {ApiError} 400 if the key has as many stores as it may have */
  async create(key: string, { name = '', metadata = {}, ...rest }: NewStore): Promise<StoreRecord> {
    let count = 0;
    for await (const _ of this.list(key)) count++;
    if (count >= MAX_STORES) {
      throw new ApiError(400, `The key has ${MAX_STORES} stores, the most that it may have. Delete some first.`, {
        code: 'too_many_stores',
      });
    }
    const created = this.#options.unixTime();
    const { description, expiresAfterDays } = rest;
    const record: StoreRecord = {
      id: `vs_${this.#options.newId()}`,
      ...{ name, metadata, created, lastActive: created },
      ...(description === undefined ? {} : { description }),
      ...(expiresAfterDays === undefined ? {} : { expiresAfterDays }),
    };
    await this.#table.putIfVersion({ ...storeKey(key, record.id), ...record }, undefined);
    return record;
  }

  /** @throws {ApiError} 404 if the key has no such store */
  async require(key: string, id: string): Promise<StoreRecord> {
    const found = await this.#find(key, id);
    if (found === undefined) throw unknownStore(id);
    return found;
  }

  /** All stores of a key, in the order of their ids. Those that are expired are deleted on the way. */
  async *list(key: string): AsyncGenerator<StoreRecord> {
    for await (const item of this.#table.query(storesOf(key), '', { consistent: true })) {
      const record = storeRecordSchema.parse(item);
      if (!this.#isExpired(record)) yield record;
      else await this.#remove(key, record.id);
    }
  }

  /** Changes a store. `null` for `expiresAfterDays` keeps it for ever. @throws {ApiError} 404 */
  async change(
    key: string,
    id: string,
    change: Partial<Pick<StoreRecord, 'name' | 'metadata' | 'lastActive'>> & {
      readonly expiresAfterDays?: number | null;
    },
  ): Promise<StoreRecord> {
    return await this.#retry(async () => {
      const { expiresAfterDays: before, version, ...record } = await this.require(key, id);
      const { expiresAfterDays = before, ...fields } = change;
      const next = { ...record, ...fields, ...(expiresAfterDays == null ? {} : { expiresAfterDays }) };
      return (await this.#table.putIfVersion({ ...storeKey(key, id), ...next }, version)) ? next : undefined;
    });
  }

  /** Deletes a store with its passages. Its files stay. @throws {ApiError} 404 */
  async delete(key: string, id: string): Promise<void> {
    await this.require(key, id);
    await this.#remove(key, id);
  }

  /** Files of a store, in the order of their ids. @throws {ApiError} 404 */
  async files(key: string, storeId: string): Promise<readonly StoreFile[]> {
    await this.require(key, storeId);
    return await this.#filesOf(storeId);
  }

  /** @throws {ApiError} 404 if the key has no such store, or the store no such file */
  async requireFile(key: string, storeId: string, fileId: string): Promise<StoreFile> {
    await this.require(key, storeId);
    const item = await this.#table.get(filesOf(storeId), fileId);
    if (item === undefined) throw fileNotInStore(fileId, storeId);
    return await this.#withState(storeId, storeFileSchema.parse(item));
  }

  /**
   * Takes files into a store. A file that it has already, with the same attributes and chunks, is left as it is; any other is read again.
   *
   * @returns the files as they are when the request ends: ingested, or `in_progress`
   * @throws {ApiError} 404 for an unknown store or file, before any is taken; 400 if the store would have too many
   */
  async attach(key: string, storeId: string, attachments: readonly Attachment[]): Promise<readonly StoreFile[]> {
    await this.require(key, storeId);
    const files: FileRecord[] = [];
    for (const { fileId } of attachments) files.push(await this.#options.files.require(key, fileId));
    const known = new Map((await this.#filesOf(storeId)).map((file) => [file.fileId, file]));
    const size = new Set([...known.keys(), ...attachments.map(({ fileId }) => fileId)]).size;
    if (size > MAX_STORE_FILES) {
      throw invalidRequest('file_ids', `The store would have ${size} files. It may have ${MAX_STORE_FILES}.`);
    }
    const begun: string[] = [];
    for (const [at, { fileId, attributes: given, chunking, batch }] of attachments.entries()) {
      const before = known.get(fileId);
      const attributes = given ?? before?.attributes ?? {};
      if (before?.status === 'completed' && isDeepStrictEqual({ ...before, attributes, chunking }, before)) {
        // It can be searched as it is asked for. To read it again, or to cancel that, would only take it away for a while.
        if (batch !== undefined) await this.#changeFile(storeId, fileId, { batch });
        continue;
      }
      begun.push(fileId);
      const record: StoreFileRecord = {
        fileId,
        filename: files[at]?.filename ?? '',
        ...{ attributes, chunking, request: this.#options.newId() },
        created: this.#options.unixTime(),
        ...(batch === undefined ? {} : { batch }),
      };
      await this.#begin(key, storeId, fileId);
      await this.#putFile(storeId, record);
      await this.#options.documents.put(storeFileName(storeId, fileId), JSON.stringify(toSynced(key, record)));
    }
    await this.#ingestAll(begun.map((fileId) => ({ key, storeId, fileId })));
    const now = new Map((await this.#filesOf(storeId)).map((file) => [file.fileId, file]));
    return attachments.flatMap(({ fileId }) => now.get(fileId) ?? []);
  }

  /** Replaces the attributes of a file in a store. @throws {ApiError} 404 */
  async setAttributes(
    key: string,
    storeId: string,
    fileId: string,
    attributes: StoreFileRecord['attributes'],
  ): Promise<StoreFile> {
    await this.require(key, storeId);
    await this.#begin(key, storeId, fileId);
    // Until the passages have them, the file is in progress again: a search still goes by the old ones.
    const again = { request: this.#options.newId(), settled: undefined };
    const changed = await this.#changeFile(storeId, fileId, { attributes, ...again });
    if (changed === undefined) throw fileNotInStore(fileId, storeId);
    await this.#options.documents.put(storeFileName(storeId, fileId), JSON.stringify(toSynced(key, changed)));
    await this.#ingestAll([{ key, storeId, fileId }]);
    return await this.requireFile(key, storeId, fileId);
  }

  /** Takes a file out of a store. The file stays. @throws {ApiError} 404 */
  async detach(key: string, storeId: string, fileId: string): Promise<void> {
    await this.requireFile(key, storeId, fileId);
    await this.#detach(key, storeId, fileId);
  }

  /** Deletes a file of a key, and takes it out of all stores. @throws {ApiError} 404 */
  async deleteFile(key: string, fileId: string): Promise<void> {
    await this.#options.files.require(key, fileId);
    for await (const { id } of this.list(key)) {
      if ((await this.#table.get(filesOf(id), fileId)) !== undefined) await this.#detach(key, id, fileId);
    }
    await this.#options.files.delete(key, fileId);
  }

  /** Deletes all stores and files of a key. */
  async deleteAll(key: string): Promise<void> {
    for await (const item of this.#table.query(storesOf(key), '', { consistent: true })) {
      await this.#remove(key, String(item['sk']));
    }
    await this.#options.files.deleteAll(key);
  }

  /** Takes several files into a store as a batch. @throws as `attach` */
  async createBatch(key: string, storeId: string, attachments: readonly Attachment[]): Promise<Batch> {
    await this.require(key, storeId);
    const batch: Batch = {
      id: `vsfb_${this.#options.newId()}`,
      created: this.#options.unixTime(),
      fileIds: attachments.map(({ fileId }) => fileId),
    };
    for (const { fileId } of attachments) await this.#options.files.require(key, fileId);
    await this.#table.put({ pk: batchesOf(storeId), sk: batch.id, ...batch });
    await this.attach(
      key,
      storeId,
      attachments.map((attachment) => ({ ...attachment, batch: batch.id })),
    );
    return batch;
  }

  /** @throws {ApiError} 404 */
  async requireBatch(
    key: string,
    storeId: string,
    batchId: string,
  ): Promise<{ readonly batch: Batch; readonly files: readonly StoreFile[] }> {
    await this.require(key, storeId);
    const item = await this.#table.get(batchesOf(storeId), batchId);
    if (item === undefined) throw unknownBatch(batchId);
    const files = (await this.#filesOf(storeId)).filter(({ batch }) => batch === batchId);
    return { batch: batchSchema.parse(item), files };
  }

  /** Cancels what of a batch has not begun. @throws {ApiError} 404 */
  async cancelBatch(key: string, storeId: string, batchId: string): Promise<void> {
    const { batch, files } = await this.requireBatch(key, storeId, batchId);
    await this.#table.put({ pk: batchesOf(storeId), sk: batchId, ...batch, cancelled: true });
    for (const { fileId, status } of files) {
      if (status !== 'in_progress') continue;
      await this.#changeFile(storeId, fileId, { cancelled: true });
      await this.#options.documents.delete(storeFileName(storeId, fileId));
      await this.#ingestAll([{ key, storeId, fileId }]);
    }
  }

  /** Files of a store by their states, and the bytes of its passages. */
  async counts(storeId: string) {
    const files = await this.#filesOf(storeId);
    const usageBytes = files.reduce((sum, file) => sum + file.usageBytes, 0);
    return { counts: countFiles(files), usageBytes };
  }

  /** Texts of the passages of a file in a store, in its order. @throws {ApiError} 404; 400 if it has none, because it is not read yet or cannot be */
  async passages(key: string, storeId: string, fileId: string): Promise<readonly string[]> {
    const { status, error } = await this.requireFile(key, storeId, fileId);
    if (status !== 'completed') {
      const why =
        status === 'in_progress' ? 'The file is being read. Ask again when its status is completed.' : undefined;
      throw invalidRequest('file', error?.message ?? why ?? 'The file was cancelled before it was read. Add it again.');
    }
    const state = await this.#stateOf(storeId, fileId);
    return (await this.#index.get(storeId, state?.passages ?? [])).map(({ text }) => text);
  }

  async checkStores({ key, stores }: Pick<RetrieverQuery, 'key' | 'stores'>): Promise<void> {
    for (const id of stores) await this.require(key, id);
  }

  async search({
    key,
    stores,
    text,
    maxResults,
    scoreThreshold,
    filter,
    hybrid,
  }: RetrieverQuery): Promise<readonly FoundPassage[]> {
    const records: StoreRecord[] = [];
    for (const id of stores) records.push(await this.require(key, id));
    const query: IndexQuery = {
      text,
      limit: maxResults,
      ...(filter === undefined ? {} : { filter }),
      ...(hybrid === undefined ? {} : { hybrid }),
    };
    const found = await Promise.all(records.map(async ({ id }) => await this.#index.search(id, query)));
    for (const { id, lastActive, expiresAfterDays } of records) {
      const now = this.#options.unixTime();
      // A store that never expires needs no write for each search.
      if (expiresAfterDays !== undefined && lastActive < now - ACTIVE_SECONDS) {
        await this.change(key, id, { lastActive: now }).catch(() => undefined);
      }
    }
    return found
      .flat()
      .filter(({ score }) => score >= scoreThreshold)
      .toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
      .slice(0, maxResults);
  }

  /** Repeats ingestions that a process left. Call it when a process starts, if no other one ingests. */
  async resume(): Promise<void> {
    const left: Ingestion[] = [];
    for await (const item of this.#table.query(INGEST, '', { consistent: true })) {
      const [key = '', storeId = '', fileId = ''] = String(item['sk']).split('#');
      left.push({ key, storeId, fileId });
      await this.#repeat({ key, storeId, fileId });
    }
    await this.#ingestAll(left);
  }

  /** Writes what a process may not have written any more: the object that says that a file is in a store, or is not. */
  async #repeat({ key, storeId, fileId }: Ingestion): Promise<void> {
    const { documents } = this.#options;
    const item = await this.#table.get(filesOf(storeId), fileId);
    const record = item === undefined ? undefined : storeFileSchema.parse(item);
    if (record === undefined || record.cancelled === true) await documents.delete(storeFileName(storeId, fileId));
    else await documents.put(storeFileName(storeId, fileId), JSON.stringify(toSynced(key, record)));
  }

  /** Writes down an ingestion of this process before anything that it follows from. */
  async #begin(key: string, storeId: string, fileId: string): Promise<void> {
    if (this.#options.ingestion !== undefined)
      await this.#table.put({ pk: INGEST, sk: entryOf({ key, storeId, fileId }) });
  }

  async #ingestAll(ingestions: readonly Ingestion[]): Promise<void> {
    if (ingestions.length === 0) return;
    const { ingestion: local } = this.#options;
    await local?.run(async () => {
      for (const ingestion of ingestions) await this.#ingest(ingestion, local.cut);
    });
  }

  /** Makes the index follow what is written of a file in a store, and deletes the entry. */
  async #ingest({ key, storeId, fileId }: Ingestion, cut: SyncParts['cut']): Promise<void> {
    const { documents, index } = this.#options;
    await this.#retry(async () => {
      try {
        await syncStoreFile({ documents, index, cut }, storeId, fileId);
        return true;
      } catch (error) {
        if (error instanceof ChangedObjectError) return undefined;
        throw error;
      }
    });
    await this.#table.delete(INGEST, entryOf({ key, storeId, fileId }));
  }

  async #detach(key: string, storeId: string, fileId: string): Promise<void> {
    await this.#begin(key, storeId, fileId);
    await this.#table.delete(filesOf(storeId), fileId);
    await this.#options.documents.delete(storeFileName(storeId, fileId));
    await this.#ingestAll([{ key, storeId, fileId }]);
  }

  async #remove(key: string, id: string): Promise<void> {
    await this.#table.delete(storesOf(key), id);
    for await (const item of this.#table.query(filesOf(id), '', { consistent: true })) {
      await this.#detach(key, id, String(item['sk']));
    }
    for await (const item of this.#table.query(batchesOf(id), '', { consistent: true })) {
      await this.#table.delete(batchesOf(id), String(item['sk']));
    }
    if (this.#options.ingestion !== undefined) await this.#index.removeStore(id);
  }

  async #find(key: string, id: string): Promise<StoreRecord | undefined> {
    const item = await this.#table.get(storesOf(key), id);
    const record = item === undefined ? undefined : storeRecordSchema.parse(item);
    return record === undefined || this.#isExpired(record) ? undefined : record;
  }

  #isExpired({ lastActive, expiresAfterDays }: StoreRecord): boolean {
    return expiresAfterDays !== undefined && lastActive + expiresAfterDays * DAY_SECONDS <= this.#options.unixTime();
  }

  async #filesOf(storeId: string): Promise<readonly StoreFile[]> {
    const files: StoreFile[] = [];
    for await (const item of this.#table.query(filesOf(storeId), '', { consistent: true })) {
      files.push(await this.#withState(storeId, storeFileSchema.parse(item)));
    }
    return files;
  }

  async #withState(storeId: string, record: StoreFileRecord): Promise<StoreFile> {
    const none = { usageBytes: 0, passages: 0 };
    if (record.cancelled === true) return { ...record, ...none, status: 'cancelled' };
    if (record.settled !== undefined) return { ...record, ...record.settled };
    const state = await this.#stateOf(storeId, record.fileId);
    // The state of an earlier request says nothing about this one.
    if (state === undefined || state.request !== record.request || state.status === 'in_progress') {
      return { ...record, ...none, status: 'in_progress' };
    }
    const settled: NonNullable<StoreFileRecord['settled']> =
      state.status === 'failed'
        ? { ...none, status: 'failed', error: { code: 'invalid_file', message: state.error ?? 'It cannot be read.' } }
        : { status: 'completed', usageBytes: state.textBytes, passages: state.passages.length };
    const { version, ...rest } = record;
    // Spares the next reader the object. If the record has changed meanwhile, the next reader looks itself.
    await this.#table.putIfVersion(
      { ...fileKey(storeId, record.fileId), ...toStoreFileItem({ ...rest, settled }) },
      version,
    );
    return { ...record, ...settled };
  }

  async #stateOf(storeId: string, fileId: string): Promise<FileState | undefined> {
    const stored = await this.#options.documents.get(fileStateName(storeId, fileId));
    return stored && fileStateSchema.parse(JSON.parse(Buffer.from(stored.bytes).toString('utf8')));
  }

  /** Changes what is written of a file in a store. @returns the file, or `undefined` if the store has none of this id */
  async #changeFile(
    storeId: string,
    fileId: string,
    change: Partial<StoreFileRecord>,
  ): Promise<StoreFileRecord | undefined> {
    const { changed } = await this.#retry(async () => {
      const item = await this.#table.get(filesOf(storeId), fileId);
      if (item === undefined) return { changed: undefined };
      const { version, ...file } = storeFileSchema.parse(item);
      const next = { ...file, ...change };
      const written = await this.#table.putIfVersion(
        { ...fileKey(storeId, fileId), ...toStoreFileItem(next) },
        version,
      );
      return written ? { changed: next } : undefined;
    });
    return changed;
  }

  /** Writes a file of a store, whatever is there. */
  async #putFile(storeId: string, file: StoreFileRecord): Promise<void> {
    await this.#retry(async () => {
      const before = await this.#table.get(filesOf(storeId), file.fileId);
      const item: Item & ItemKey = { ...fileKey(storeId, file.fileId), ...toStoreFileItem(file) };
      const version = before === undefined ? undefined : Number(before['version']);
      return (await this.#table.putIfVersion(item, version)) ? file : undefined;
    });
  }

  async #retry<Result>(attempt: () => Promise<Result | undefined>): Promise<Result> {
    for (let count = 0; count < MAX_ATTEMPTS; count++) {
      const result = await attempt();
      if (result !== undefined) return result;
    }
    throw new ApiError(409, 'The store is being changed by other requests. Retry the request.', {
      code: 'store_changed',
      headers: { 'retry-after': '1' },
    });
  }
}

function unknownStore(id: string): ApiError {
  return new ApiError(
    404,
    `No vector store of this key has the id ${JSON.stringify(id.slice(0, 64))}. It is unknown, expired or deleted. GET /v1/vector_stores lists the stores.`,
    { code: 'vector_store_not_found', param: 'vector_store_id' },
  );
}

function fileNotInStore(fileId: string, storeId: string): ApiError {
  return new ApiError(
    404,
    `The vector store ${storeId} has no file with the id ${JSON.stringify(fileId.slice(0, 64))}. GET /v1/vector_stores/${storeId}/files lists its files.`,
    { code: 'file_not_found', param: 'file_id' },
  );
}

function unknownBatch(id: string): ApiError {
  return new ApiError(404, `The vector store has no file batch with the id ${JSON.stringify(id.slice(0, 64))}.`, {
    code: 'file_batch_not_found',
    param: 'batch_id',
  });
}

interface Ingestion {
  readonly key: string;
  readonly storeId: string;
  readonly fileId: string;
}

const entryOf = ({ key, storeId, fileId }: Ingestion) => `${key}#${storeId}#${fileId}`;

/** What the ingestion is told of a file in a store. */
function toSynced(key: string, { fileId, filename, attributes, chunking, request }: StoreFileRecord): SyncedFile {
  return { filename, object: fileObjectName(key, fileId), attributes, request, ...chunking };
}

const INGEST = 'INGEST';
const storesOf = (key: string) => `STORES#${key}`;
const filesOf = (store: string) => `STOREFILES#${store}`;
const batchesOf = (store: string) => `STOREBATCHES#${store}`;
const storeKey = (key: string, id: string) => ({ pk: storesOf(key), sk: id });
const fileKey = (store: string, file: string) => ({ pk: filesOf(store), sk: file });
