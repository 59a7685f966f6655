import { ApiError } from '../../errors/api-error.ts';
import type { ItemTable } from '../../storage/table.ts';
import type { Documents } from '../sync/documents.ts';
import { type FileRecord, fileRecordSchema } from './records.ts';

/** Most files of a key. */
const MAX_FILES = 10_000;
const DAY_SECONDS = 86_400;

export type NewFile = Pick<FileRecord, 'filename' | 'purpose'> & {
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
 * The bytes are the object `files/key/id`. They are written before the record and deleted after it, and readers follow
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

  /** All files of a key, in the order of their ids. */
  async *list(key: string): AsyncGenerator<FileRecord> {
    for await (const item of this.#table.query(partition(key), '', { consistent: true })) {
      const record = this.#alive(fileRecordSchema.parse(item));
      if (record !== undefined) yield record;
    }
  }

  async delete(key: string, id: string): Promise<void> {
    await this.#table.delete(partition(key), id);
    await this.#documents.delete(fileObjectName(key, id));
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

/** Name of the object with the bytes of a file. */
export const fileObjectName = (key: string, id: string) => `files/${key}/${id}`;
