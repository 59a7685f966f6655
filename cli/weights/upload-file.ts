import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import type { Bucket, StoredPart } from './bucket.ts';
import { cutIntoParts, partBytesOf } from './parts.ts';
import type { WeightFile } from './weight-files.ts';

/** Parts that are sent at once. With the one that is read, they are what is held in memory. */
const PARALLEL = 4;

export interface UploadOptions {
  readonly signal: AbortSignal;
  /** @default 32 MiB */
  readonly usualPartBytes?: number | undefined;
}

/** Called with the bytes that are done, and whether they were there already. */
export type OnBytes = (bytes: number, stored: boolean) => void;

/**
 * Brings a file into a bucket, and returns its SHA-256. Parts of an interrupted upload are kept: the file is read again from its start,
 * because the hash needs every byte, but no part is sent twice unless it has changed. The object appears only when all of it is right.
 *
 * @throws {Error} if the file has another size or hash than its source says. Its upload is then removed.
 */
export async function uploadFile(
  file: WeightFile,
  key: string,
  bucket: Bucket,
  { onBytes, signal, usualPartBytes }: UploadOptions & { readonly onBytes: OnBytes },
): Promise<string> {
  const partBytes = partBytesOf(file.bytes, usualPartBytes);
  const unfinished = file.bytes > partBytes ? await bucket.unfinished(key) : undefined;
  const hash = createHash('sha256');
  const stored: StoredPart[] = [];
  const sending = new Set<Promise<void>>();
  let failure: unknown;
  let id = unfinished?.id;
  let number = 0;
  let read = 0;
  let whole: Buffer | undefined;
  try {
    for await (const part of cutIntoParts(await file.open(signal), partBytes)) {
      number++;
      read += part.length;
      hash.update(part);
      const known = unfinished?.parts.get(number);
      const crc32 = checksumOf(part);
      if (known !== undefined && crc32 !== undefined && known.crc32 === crc32) {
        stored.push(known);
        onBytes(part.length, true);
        continue;
      }
      if (file.bytes <= partBytes) {
        whole = part;
        continue;
      }
      id ??= await bucket.begin(key);
      if (sending.size >= PARALLEL) await Promise.race(sending);
      if (failure !== undefined) break;
      const sent = bucket
        .putPart(key, id, { number, body: part, crc32 }, signal)
        .then((done) => {
          stored.push(done);
          onBytes(part.length, false);
        })
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => sending.delete(sent));
      sending.add(sent);
    }
  } finally {
    // Also if reading fails: what is on its way arrives, and is not sent again.
    await Promise.all(sending);
  }
  if (failure !== undefined) throw failure;
  const sha256 = hash.digest('hex');
  const wrong = wrongBy(file, read, sha256);
  if (wrong !== undefined) {
    if (id !== undefined) await bucket.abandon(key, id);
    throw new Error(`${file.name} is broken: ${wrong}. Nothing of it was kept; run the command again.`);
  }
  if (id !== undefined) {
    await bucket.complete(key, id, stored);
  } else {
    await bucket.put(key, whole ?? Buffer.alloc(0));
    onBytes(read, false);
  }
  return sha256;
}

/** CRC-32 as S3 writes it. `undefined` if this Node.js (before 20.15 and 22.2) cannot compute it: then parts are sent again. */
function checksumOf(part: Buffer): string | undefined {
  if (typeof zlib.crc32 !== 'function') return undefined;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(zlib.crc32(part));
  return bytes.toString('base64');
}

function wrongBy(file: WeightFile, bytes: number, sha256: string): string | undefined {
  if (bytes !== file.bytes) return `it should have ${file.bytes} bytes, but ${bytes} came`;
  if (file.sha256 !== undefined && file.sha256 !== sha256)
    return `its SHA-256 should be ${file.sha256}, but is ${sha256}`;
  return undefined;
}
