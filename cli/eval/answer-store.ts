import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';

/** Files of a folder in a bucket. */
export class AnswerStore {
  readonly #s3: S3Client;
  readonly #bucket: string;

  constructor(s3: S3Client, bucket: string) {
    this.#s3 = s3;
    this.#bucket = bucket;
  }

  /** Brings one object of any bucket into a file. */
  async download(uri: string, file: string): Promise<void> {
    const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
    const { Body: body } = await this.#s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, (await body?.transformToByteArray()) ?? new Uint8Array());
  }

  /** Brings all objects under a prefix into a folder. None is no error. */
  async restore(prefix: string, folder: string): Promise<void> {
    let token: string | undefined;
    do {
      const page = await this.#s3.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token }),
      );
      for (const { Key: key = '' } of page.Contents ?? []) {
        if (!key.endsWith('/')) {
          await this.download(`s3://${this.#bucket}/${key}`, join(folder, key.slice(prefix.length)));
        }
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  /**
   * Brings all objects under a prefix into a folder.
   *
   * @returns names of the folders in it, sorted
   */
  async restoreEach(prefix: string, folder: string): Promise<readonly string[]> {
    await mkdir(folder, { recursive: true });
    await this.restore(prefix, folder);
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .toSorted();
  }

  /** Writes all files of a folder under a prefix. */
  async store(folder: string, prefix: string): Promise<void> {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      await this.write(`${prefix}${relative(folder, file)}`, await readFile(file));
    }
  }

  async write(key: string, body: Uint8Array | string): Promise<void> {
    await this.#s3.send(new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: body }));
  }
}
