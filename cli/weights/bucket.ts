import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  PutObjectCommand,
  paginateListParts,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { isUnauthenticated, toAwsError } from '../aws/aws-error.ts';
import { findBucket } from '../aws/find-bucket.ts';
import { UsageError } from '../usage-error.ts';

/** A part that S3 has. */
export interface StoredPart {
  readonly number: number;
  readonly etag: string;
  /** CRC-32 of its bytes, in Base64, as S3 has it. `undefined`: the upload was begun without checksums. */
  readonly crc32: string | undefined;
}

/** The place in a bucket to which weights go. */
export class Bucket {
  readonly #s3: S3Client;
  readonly name: string;

  constructor(s3: S3Client, name: string) {
    this.#s3 = s3;
    this.name = name;
  }

  /**
   * Checks that the bucket can be written, and is in the region.
   *
   * @throws {UsageError}
   */
  async check(region: string): Promise<void> {
    const state = await findBucket(this.#s3, this.name, region).catch((cause: unknown) => {
      if (!isUnauthenticated(toAwsError(cause))) throw cause;
      throw new UsageError(
        'There are no valid credentials for AWS. Run aws configure sso, then export AWS_PROFILE=<its profile>.',
      );
    });
    if (state.kind === 'missing') {
      throw new UsageError(
        `The bucket ${this.name} does not exist. Make it: aws s3 mb s3://${this.name} --region ${region}`,
      );
    }
    if (state.kind === 'denied')
      throw new UsageError(`The bucket ${this.name} refuses these credentials, or is of another account.`);
    if (state.kind === 'elsewhere') throw this.#elsewhere(state.home ?? 'another region', region);
  }

  #elsewhere(home: string, region: string): UsageError {
    return new UsageError(
      `The bucket ${this.name} is in ${home}, but the config's region is ${region}, and SageMaker reads weights from its own region only. Give a bucket in ${region}.`,
    );
  }

  /** Size of an object. `undefined` if there is none. */
  async sizeOf(key: string): Promise<number | undefined> {
    try {
      return (await this.#s3.send(new HeadObjectCommand({ Bucket: this.name, Key: key }))).ContentLength;
    } catch (cause) {
      if (toAwsError(cause).status === 404) return undefined;
      throw cause;
    }
  }

  /** Text of an object. `undefined` if there is none. */
  async text(key: string): Promise<string | undefined> {
    try {
      const { Body: body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.name, Key: key }));
      return await body?.transformToString();
    } catch (cause) {
      const { name, status } = toAwsError(cause);
      if (name === 'NoSuchKey' || status === 404) return undefined;
      throw cause;
    }
  }

  async put(key: string, body: Buffer | string): Promise<void> {
    await this.#s3.send(new PutObjectCommand({ Bucket: this.name, Key: key, Body: body }));
  }

  /** The newest upload of an object that was interrupted, with its parts. */
  async unfinished(
    key: string,
  ): Promise<{ readonly id: string; readonly parts: ReadonlyMap<number, StoredPart> } | undefined> {
    const uploads: { readonly id: string; readonly at: number }[] = [];
    let marker: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | undefined = {};
    while (marker !== undefined) {
      const input = { Bucket: this.name, Prefix: key, ...marker };
      const page: ListMultipartUploadsCommandOutput = await this.#s3.send(new ListMultipartUploadsCommand(input));
      for (const { Key: found, UploadId: id, Initiated: at } of page.Uploads ?? []) {
        if (found === key && id !== undefined) uploads.push({ id, at: at?.getTime() ?? 0 });
      }
      const { IsTruncated: more, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
      marker =
        more === true && KeyMarker !== undefined && UploadIdMarker !== undefined
          ? { KeyMarker, UploadIdMarker }
          : undefined;
    }
    const newest = uploads.toSorted((a, b) => b.at - a.at)[0];
    if (newest === undefined) return undefined;
    const parts = new Map<number, StoredPart>();
    for await (const { Parts: page = [] } of paginateListParts(
      { client: this.#s3 },
      { Bucket: this.name, Key: key, UploadId: newest.id },
    )) {
      for (const { PartNumber: number = 0, ETag: etag = '', ChecksumCRC32: crc32 } of page)
        parts.set(number, { number, etag, crc32 });
    }
    return { id: newest.id, parts };
  }

  /** Begins an upload in parts. S3 checks and keeps the checksum of each, and wants them all at the end. */
  async begin(key: string): Promise<string> {
    const input = { Bucket: this.name, Key: key, ChecksumAlgorithm: 'CRC32' } as const;
    const { UploadId: id } = await this.#s3.send(new CreateMultipartUploadCommand(input));
    if (id === undefined) throw new Error(`S3 began no upload of ${key}.`);
    return id;
  }

  /** @param crc32 of the part, in Base64. If `undefined`, the client computes it. */
  async putPart(
    key: string,
    id: string,
    { number, body, crc32 }: { readonly number: number; readonly body: Buffer; readonly crc32: string | undefined },
    signal: AbortSignal,
  ): Promise<StoredPart> {
    const checksum = crc32 === undefined ? ({ ChecksumAlgorithm: 'CRC32' } as const) : { ChecksumCRC32: crc32 };
    const part = { UploadId: id, PartNumber: number, Body: body, ...checksum };
    const sent = await this.#s3.send(new UploadPartCommand({ Bucket: this.name, Key: key, ...part }), {
      abortSignal: signal,
    });
    return { number, etag: sent.ETag ?? '', crc32: sent.ChecksumCRC32 };
  }

  async complete(key: string, id: string, parts: readonly StoredPart[]): Promise<void> {
    const sorted = parts.toSorted((a, b) => a.number - b.number);
    const MultipartUpload = {
      Parts: sorted.map(({ number, etag, crc32 }) => ({ PartNumber: number, ETag: etag, ChecksumCRC32: crc32 })),
    };
    await this.#s3.send(
      new CompleteMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: id, MultipartUpload }),
    );
  }

  async abandon(key: string, id: string): Promise<void> {
    await this.#s3.send(new AbortMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: id }));
  }
}
