import {
  DeleteObjectCommand,
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { ChangedObjectError, type Documents, type StoredObject } from './documents.ts';

/** Objects of the bucket of documents, with writes that fail if another writer was there first. */
export class DocumentBucket implements Documents {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(bucket: string, client = new S3Client({ maxAttempts: 5 })) {
    this.#bucket = bucket;
    this.#client = client;
  }

  async get(name: string): Promise<StoredObject | undefined> {
    try {
      const { Body, ETag = '' } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: name }));
      return { bytes: (await Body?.transformToByteArray()) ?? new Uint8Array(), version: ETag };
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  async put(name: string, content: string | Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.#bucket, Key: name, Body: content }));
  }

  /**
   * Writes an object if it is still of a version, or still missing.
   *
   * @returns its new version
   * @throws {ChangedObjectError} if it is not
   */
  async putIfUnchanged(name: string, text: string, version: string | undefined): Promise<string> {
    try {
      const { ETag = '' } = await this.#client.send(
        new PutObjectCommand({
          Bucket: this.#bucket,
          Key: name,
          Body: text,
          ContentType: 'application/json',
          ...(version === undefined ? { IfNoneMatch: '*' } : { IfMatch: version }),
        }),
      );
      return ETag;
    } catch (error) {
      // 412 if the version differs, 409 if two writes run at once, 404 if the object was deleted.
      const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
      if (status === 412 || status === 409 || status === 404) {
        throw new ChangedObjectError(`${name} was changed by another writer.`, { cause: error });
      }
      throw error;
    }
  }

  async delete(name: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: name }));
  }
}
