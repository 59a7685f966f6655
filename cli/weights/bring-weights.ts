import { createHash } from 'node:crypto';
import { UsageError } from '../usage-error.ts';
import type { Bucket } from './bucket.ts';
import { Manifest } from './manifest.ts';
import { type UploadOptions, uploadFile } from './upload-file.ts';
import { layoutProblem, servedFiles, type WeightFile } from './weight-files.ts';

/** What is done of all bytes. */
export interface Progress {
  readonly file: string;
  readonly doneBytes: number;
  /** Of those, the bytes that were in the bucket already. */
  readonly storedBytes: number;
  readonly totalBytes: number;
}

/** What was brought. */
export interface Brought {
  readonly uri: string;
  readonly files: number;
  readonly bytes: number;
  /** Files that were in the bucket already. */
  readonly kept: number;
}

const INDEX = 'model.safetensors.index.json';

/**
 * Brings the files of a model under a prefix of a bucket. Safe to run again at any point: complete files are compared by size and hash
 * and kept, and interrupted ones go on.
 *
 * @param prefix ends in a slash
 * @throws {UsageError} if the files are not a model in Hugging Face's layout.
 */
export async function bringWeights(
  all: readonly WeightFile[],
  bucket: Bucket,
  prefix: string,
  { onProgress, signal, usualPartBytes }: UploadOptions & { readonly onProgress: (progress: Progress) => void },
): Promise<Brought> {
  const files = servedFiles(all);
  const index = files.find(({ name }) => name === INDEX);
  const problem = layoutProblem(
    files.map(({ name }) => name),
    index && (await readText(index, signal)),
  );
  if (problem !== undefined) {
    throw new UsageError(
      `These are not the files of a model in Hugging Face's layout: ${problem}. Give a folder or a model with unpacked safetensors.`,
    );
  }
  const manifest = await Manifest.read(bucket, prefix);
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let doneBytes = 0;
  let storedBytes = 0;
  let kept = 0;
  for (const file of files) {
    const onBytes = (bytes: number, stored: boolean) => {
      doneBytes += bytes;
      if (stored) storedBytes += bytes;
      onProgress({ file: file.name, doneBytes, storedBytes, totalBytes });
    };
    const key = `${prefix}${file.name}`;
    if (await isThere(file, key, bucket, manifest, signal)) {
      kept++;
      onBytes(file.bytes, true);
      continue;
    }
    await manifest.add(file.name, file.bytes, await uploadFile(file, key, bucket, { onBytes, signal, usualPartBytes }));
  }
  return { uri: `s3://${bucket.name}/${prefix}`, files: files.length, bytes: totalBytes, kept };
}

/** Whether the bucket has the file, with its size and hash. */
async function isThere(
  file: WeightFile,
  key: string,
  bucket: Bucket,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<boolean> {
  const known = manifest.files[file.name];
  if (known === undefined || known.bytes !== file.bytes || (await bucket.sizeOf(key)) !== file.bytes) return false;
  return known.sha256 === (file.sha256 ?? (await hashOf(file, signal)));
}

async function hashOf(file: WeightFile, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of await file.open(signal)) hash.update(chunk);
  return hash.digest('hex');
}

async function readText(file: WeightFile, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await file.open(signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
