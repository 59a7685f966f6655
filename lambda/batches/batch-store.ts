import { ApiError } from '../errors/api-error.ts';
import { inParallel } from '../in-parallel.ts';
import { ChangedObjectError, type Documents } from '../retrieval/sync/documents.ts';
import type { ItemTable } from '../storage/table.ts';
import {
  type BatchRecord,
  type BatchStatus,
  batchRecordSchema,
  isFinal,
  type LineRecord,
  lineRecordSchema,
} from './records.ts';

/** OpenAI's only completion window, in seconds. */
const WINDOW_SECONDS = 86_400;
/** Most batches of a key that have not ended. */
const MAX_OPEN = 100;
/** Attempts of a change whose conditional writes fail because of other changes. */
const MAX_ATTEMPTS = 20;
/** Time after which an entry of the queue without a batch is of a process that died, in seconds. */
const ORPHAN_SECONDS = 60;
/** Lines that are deleted at once: one after the other, 50,000 would take longer than a function has. */
const DELETED_AT_ONCE = 16;

export interface BatchStoreOptions {
  readonly table: ItemTable;
  readonly documents: Documents;
  /** Unix time, in seconds. */
  readonly unixTime: () => number;
  readonly newId: () => string;
  /** How long batches are kept, in days. */
  readonly days: number;
}

/** A batch that has not ended. */
export interface QueueEntry {
  readonly sk: string;
  readonly key: string;
  readonly id: string;
}

/**
 * Batches of keys, and the results of their lines.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `BATCHES#key` | id of the batch | `BatchRecord` |
 * | `BATCHQUEUE` | time of creation`#`key`#`id | a batch that has not ended |
 * | `BATCHLINES#batch` | index of the line, six digits | `LineRecord` |
 *
 * The result of a line is the object `batches/batch/line`. It is written once: of two workers that run a line, the first writes it, and the
 * second finds it there. The object is written before the item, so a line without an item is looked up before it runs again.
 */
export class BatchStore {
  readonly #options: BatchStoreOptions;
  readonly #table: ItemTable;
  readonly #documents: Documents;

  constructor(options: BatchStoreOptions) {
    this.#options = options;
    this.#table = options.table;
    this.#documents = options.documents;
  }

  /** @throws {ApiError} 429 if the key has as many open batches as it may have */
  async create(
    key: string,
    fields: Pick<BatchRecord, 'endpoint' | 'inputFileId' | 'metadata' | 'outputSeconds'>,
  ): Promise<BatchRecord> {
    let open = 0;
    for await (const entry of this.queue()) if (entry.key === key) open++;
    if (open >= MAX_OPEN) {
      throw new ApiError(429, `The key has ${MAX_OPEN} batches that have not ended, the most that it may have.`, {
        code: 'too_many_batches',
      });
    }
    const created = this.#options.unixTime();
    const record: BatchRecord = {
      id: `batch_${this.#options.newId()}`,
      key,
      ...fields,
      status: 'validating',
      created,
      expires: created + WINDOW_SECONDS,
      entered: {},
      counts: { total: 0, completed: 0, failed: 0 },
    };
    // The entry is written first: a batch without one would never run.
    await this.#table.put({ pk: QUEUE, sk: `${created}#${key}#${record.id}` });
    await this.#table.putIfVersion(this.#item(record), undefined);
    return { ...record, version: 1 };
  }

  async find(key: string, id: string): Promise<BatchRecord | undefined> {
    const item = await this.#table.get(partition(key), id);
    return item === undefined ? undefined : batchRecordSchema.parse(item);
  }

  /** @throws {ApiError} 404 if the key has no such batch */
  async require(key: string, id: string): Promise<BatchRecord> {
    const found = await this.find(key, id);
    if (found !== undefined) return found;
    throw new ApiError(404, `No batch of this key has the id ${JSON.stringify(id.slice(0, 64))}.`, {
      code: 'batch_not_found',
      param: 'batch_id',
    });
  }

  async *list(key: string): AsyncGenerator<BatchRecord> {
    for await (const item of this.#table.query(partition(key), '', { consistent: true })) {
      yield batchRecordSchema.parse(item);
    }
  }

  /** Asks the worker to end a batch. A batch that has ended stays as it is. @throws {ApiError} 404, or 409 if it has ended */
  async cancel(key: string, id: string): Promise<BatchRecord> {
    await this.require(key, id);
    const changed = await this.change(key, id, (record) => {
      if (record.status === 'cancelling') return record;
      if (isFinal(record.status) || record.status === 'finalizing') return undefined;
      // A batch that waits for copies ends at once.
      const { after: _, ...rest } = enter(record, 'cancelling', this.#options.unixTime());
      return rest;
    });
    if (changed !== undefined) return changed;
    const { status } = await this.require(key, id);
    throw new ApiError(
      409,
      `The batch is ${status}. Only a batch that is validating or in progress can be cancelled.`,
      {
        code: 'batch_ended',
      },
    );
  }

  /**
   * Changes a batch by a conditional write on its version.
   *
   * @param change returns the changed record, or `undefined` to leave it
   * @returns the record as written; `undefined` if it was left, or does not exist
   * @throws {ApiError} 503 if other changes keep coming first
   */
  async change(
    key: string,
    id: string,
    change: (record: BatchRecord) => BatchRecord | undefined,
  ): Promise<BatchRecord | undefined> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await this.find(key, id);
      const next = before && change(before);
      if (before === undefined || next === undefined) return undefined;
      const version = before.version;
      if (await this.#table.putIfVersion(this.#item(next), version)) return { ...next, version: (version ?? 0) + 1 };
    }
    throw new ApiError(503, `Batch ${id} is being changed. Retry the request.`, {
      code: 'batch_changed',
      headers: { 'retry-after': '1' },
    });
  }

  /** Batches that have not ended, the oldest first. */
  async *queue(): AsyncGenerator<QueueEntry> {
    for await (const { sk } of this.#table.query(QUEUE, '', { consistent: true })) {
      const [, key = '', id = ''] = String(sk).split('#');
      yield { sk: String(sk), key, id };
    }
  }

  /** Removes an entry whose batch has ended, or was never written. */
  async dequeue({ sk }: QueueEntry): Promise<void> {
    await this.#table.delete(QUEUE, sk);
  }

  /** Whether the process that wrote an entry without a batch is dead. */
  isOrphan({ sk }: QueueEntry): boolean {
    return Number(sk.slice(0, sk.indexOf('#'))) + ORPHAN_SECONDS < this.#options.unixTime();
  }

  /** What is known of the lines of a batch, by their index. */
  async lines(id: string): Promise<ReadonlyMap<number, LineRecord>> {
    const found = new Map<number, LineRecord>();
    for await (const item of this.#table.query(linesOf(id), '', { consistent: true })) {
      found.set(Number(item['sk']), lineRecordSchema.parse(item));
    }
    return found;
  }

  async putLine(id: string, index: number, line: LineRecord): Promise<void> {
    await this.#table.put({ pk: linesOf(id), sk: lineName(index), ...line, ttl: this.#ttl() });
  }

  /** The result of a line, as JSON text without a line break. `undefined` if there is none. */
  async result(id: string, index: number): Promise<Uint8Array | undefined> {
    return (await this.#documents.get(resultName(id, index)))?.bytes;
  }

  /** Writes the result of a line, if there is none. Returns whether it was written. */
  async putResult(id: string, index: number, text: string): Promise<boolean> {
    try {
      await this.#documents.putIfUnchanged(resultName(id, index), text, undefined);
      return true;
    } catch (error) {
      if (error instanceof ChangedObjectError) return false;
      throw error;
    }
  }

  /** Deletes what is known of the lines of a batch, whose files have their results. */
  async deleteLines(id: string, total: number): Promise<void> {
    await inParallel([...Array(total).keys()], DELETED_AT_ONCE, async (index) => {
      await this.#documents.delete(resultName(id, index));
      await this.#table.delete(linesOf(id), lineName(index));
    });
  }

  /** Deletes all batches of a key. A worker that runs one stops at its next write. */
  async deleteAll(key: string): Promise<void> {
    for await (const entry of this.queue()) if (entry.key === key) await this.dequeue(entry);
    for await (const { id, counts } of this.list(key)) {
      await this.#table.delete(partition(key), id);
      await this.deleteLines(id, counts.total);
    }
  }

  #item(record: BatchRecord) {
    return { pk: partition(record.key), sk: record.id, ...record, ttl: this.#ttl() };
  }

  #ttl(): number {
    return this.#options.unixTime() + this.#options.days * 86_400;
  }
}

/** The record in a new status, with its time. */
export function enter(record: BatchRecord, status: BatchStatus, now: number): BatchRecord {
  return { ...record, status, entered: { ...record.entered, [status]: now } };
}

const QUEUE = 'BATCHQUEUE';
const partition = (key: string) => `BATCHES#${key}`;
const linesOf = (id: string) => `BATCHLINES#${id}`;
const lineName = (index: number) => String(index).padStart(6, '0');
const resultName = (id: string, index: number) => `batches/${id}/${lineName(index)}`;
