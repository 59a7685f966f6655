import { DeleteObjectCommand, GetObjectCommand, NoSuchKey, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { type ObjectStore, ObjectsUnavailableError } from './objects.ts';

/** Time limit of an operation with its retries, in milliseconds. An object of a few hundred kilobytes takes about 50. */
const OPERATION_MS = 5_000;
/** Time limits of one attempt, in milliseconds. */
const ATTEMPT = { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true } as const;

/**
 * Objects in an S3 bucket. S3 writes an object as a whole, and a read after a write sees it. The bucket encrypts and expires them.
 *
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
 */
export class Bucket implements ObjectStore {
  readonly #client: S3Client;
  readonly #name: string;

  /** The default client takes credentials, region and endpoint URL from the environment. */
  constructor(name: string, client = new S3Client({ requestHandler: ATTEMPT, maxAttempts: 3 })) {
    this.#name = name;
    this.#client = client;
  }

  async put(name: string, text: string): Promise<void> {
    const command = new PutObjectCommand({
      Bucket: this.#name,
      Key: name,
      Body: text,
      ContentType: 'application/json',
    });
    await inTime('put', async (limit) => await this.#client.send(command, limit));
  }

  async get(name: string): Promise<string | undefined> {
    const command = new GetObjectCommand({ Bucket: this.#name, Key: name });
    return await inTime('get', async (limit) => {
      try {
        return await (await this.#client.send(command, limit)).Body?.transformToString();
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }
    });
  }

  async delete(name: string): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: this.#name, Key: name });
    await inTime('delete', async (limit) => await this.#client.send(command, limit));
  }
}

async function inTime<Result>(
  operation: string,
  run: (limit: { readonly abortSignal: AbortSignal }) => Promise<Result>,
): Promise<Result> {
  try {
    return await run({ abortSignal: AbortSignal.timeout(OPERATION_MS) });
  } catch (error) {
    throw new ObjectsUnavailableError(operation, error);
  }
}
