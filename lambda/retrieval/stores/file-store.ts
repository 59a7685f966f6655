import { ApiError } from '../../errors/api-error.ts';
import type { ItemTable } from '../../storage/table.ts';
import type { Documents } from '../sync/documents.ts';
import { type FileRecord, type filePurposes, fileRecordSchema } from './records.ts';

/** Most files of a key. */
const MAX_FILES = 10_000;
const DAY_SECONDS = 86_400;

export type NewFile = Pick<FileRecord, 'filename'> & {
  readonly purpose: (typeof filePurposes)[number];
  readonly content: Uint8Array;
  /** Lifetime, in seconds. If omitted, that of the deployment. */
  readonly expiresSeconds?: number | undefined;
};

/**
 * Uploaded files of keys.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `FILES#key` | id of the file | `FileRecord` |
 *
 * The bytes are the object `files/key/id`; of a file with segments, the objects `files/key/id.0`, `files/key/id.1` and so on. They are written before the record and deleted after it, and readers follow
 * records only: a process that ends in between leaves nothing that can be read.
 */
export class FileStore {
  readonly #table: ItemTable;
  readonly #documents: Documents;
  readonly #unixTime: () => number;
  readonly #newId: () => string;
  readonly #keptSeconds: number;

  /** @param days how long files are kept, at most */
  constructor(
    table: ItemTable,
    documents: Documents,
    { unixTime, newId }: { readonly unixTime: () => number; readonly newId: () => string },
    days: number,
  ) {
    this.#table = table;
    this.#documents = documents;
    this.#unixTime = unixTime;
    this.#newId = newId;
    this.#keptSeconds = days * DAY_SECONDS;
  }

  /** @throws {ApiError} 400 if the key has as many files as it may have */
  async create(key: string, { filename, purpose, content, expiresSeconds }: NewFile): Promise<FileRecord> {
    let count = 0;
    for await (const _ of this.list(key)) {
      if (++count >= MAX_FILES) {
        throw new ApiError(400, `The key has ${MAX_FILES} files, the most that it may have. Delete some first.`, {
          code: 'too_many_files',
        });
      }
    }
    const created = this.#unixTime();
    const record: FileRecord = {
      id: `file-${this.#newId()}`,
      ...{ filename, purpose, created },
      bytes: content.length,
      expires: created + Math.min(this.#keptSeconds, expiresSeconds ?? this.#keptSeconds),
    };
    await this.#documents.put(fileObjectName(key, record.id), content);
    await this.#table.put({ pk: partition(key), sk: record.id, ...record, ttl: record.expires });
    return record;
  }

  /**
   * Writes a file of any size in segments. The same id and the same segments write the same file again.
   *
   * @returns the record, or `undefined` if there are no segments: then no file is written
   */
  async createInSegments(
    key: string,
    { id, filename, expiresSeconds = this.#keptSeconds }: SegmentedFile,
    segments: AsyncIterable<Uint8Array>,
  ): Promise<FileRecord | undefined> {
    let [count, bytes] = [0, 0];
    for await (const segment of segments) {
      await this.#documents.put(`${fileObjectName(key, id)}.${count++}`, segment);
      bytes += segment.length;
    }
    if (count === 0) return undefined;
    const created = this.#unixTime();
    const expires = created + Math.min(this.#keptSeconds, expiresSeconds);
    const record: FileRecord = { id, filename, purpose: 'batch_output', created, bytes, expires, segments: count };
    await this.#table.put({ pk: partition(key), sk: id, ...record, ttl: expires });
    return record;
  }

  /** Returns a file of a key, or `undefined` if there is none: it is unknown, expired, deleted or of another key. */
  async find(key: string, id: string): Promise<FileRecord | undefined> {
    const item = await this.#table.get(partition(key), id);
    return item === undefined ? undefined : this.#alive(fileRecordSchema.parse(item));
  }

  /** @throws {ApiError} 404 if the key has no such file */
  async require(key: string, id: string): Promise<FileRecord> {
    const found = await this.find(key, id);
    if (found === undefined) throw unknownFile(id);
    return found;
  }

  async content(key: string, id: string): Promise<Uint8Array | undefined> {
    return (await this.#documents.get(fileObjectName(key, id)))?.bytes;
  }

  /** The bytes of a file, one object after the other. */
  async *read(key: string, { id, segments }: FileRecord): AsyncGenerator<Uint8Array> {
    for (const name of objectNames(key, id, segments))
      yield (await this.#documents.get(name))?.bytes ?? new Uint8Array();
  }

  /** All files of a key, in the order of their ids. */
  async *list(key: string): AsyncGenerator<FileRecord> {
    for await (const item of this.#table.query(partition(key), '', { consistent: true })) {
      const record = this.#alive(fileRecordSchema.parse(item));
      if (record !== undefined) yield record;
    }
  }

  /** Deletes all files of a key. */
  async deleteAll(key: string): Promise<void> {
    for await (const { id } of this.list(key)) await this.delete(key, id);
  }

  async delete(key: string, id: string): Promise<void> {
    const item = await this.#table.get(partition(key), id);
    const { segments } = item === undefined ? {} : fileRecordSchema.parse(item);
    await this.#table.delete(partition(key), id);
    for (const name of objectNames(key, id, segments)) await this.#documents.delete(name);
  }

  #alive(record: FileRecord): FileRecord | undefined {
    // DynamoDB deletes expired items within days.
    return record.expires !== undefined && record.expires <= this.#unixTime() ? undefined : record;
  }
}

function unknownFile(id: string): ApiError {
  return new ApiError(
    404,
    `No file of this key has the id ${JSON.stringify(id.slice(0, 64))}. It is unknown, expired or deleted. GET /v1/files lists the files.`,
    { code: 'file_not_found', param: 'file_id' },
  );
}

const partition = (key: string) => `FILES#${key}`;

/** A file that is written in segments. */
export interface SegmentedFile {
  readonly id: string;
  readonly filename: string;
  /** Lifetime, in seconds. If omitted, that of the deployment. */
  readonly expiresSeconds?: number | undefined;
}

function objectNames(key: string, id: string, segments: number | undefined): readonly string[] {
  const name = fileObjectName(key, id);
  return segments === undefined ? [name] : Array.from({ length: segments }, (_, index) => `${name}.${index}`);
}

/** Name of the object with the bytes of a file. */
export const fileObjectName = (key: string, id: string) => `files/${key}/${id}`;
