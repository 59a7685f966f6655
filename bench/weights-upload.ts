/**
 * Compares `budgetforce weights` with a plain copy of the same file to the same server by AWS's SDK: 32 MiB parts, four at once, without
 * hashes or a manifest. The server runs in another process and keeps nothing. Run: npx node bench/weights-upload.ts [--megabytes 512]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { bringWeights } from '../cli/weights/bring-weights.ts';
import { Bucket } from '../cli/weights/bucket.ts';
import { folderFiles } from '../cli/weights/folder-files.ts';
import { cutIntoParts, USUAL_PART_BYTES } from '../cli/weights/parts.ts';

const ROUNDS = 5;
const PARALLEL = 4;
const { values } = parseArgs({ options: { megabytes: { type: 'string', default: '512' } } });
const bytes = Number(values.megabytes) * 1e6;
if (!Number.isSafeInteger(bytes) || bytes < 1e6) throw new Error('--megabytes must be a whole number above 0.');

const folder = await mkdtemp(join(tmpdir(), 'weights-bench-'));
const sink = fork(join(import.meta.dirname, 's3-sink.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
try {
  const [port] = z.tuple([z.number(), z.unknown()]).parse(await once(sink, 'message'));
  const s3 = new S3Client({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    forcePathStyle: true,
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
  });
  const bucket = new Bucket(s3, 'models');
  await writeFile(join(folder, 'config.json'), '{}');
  await writeFile(join(folder, 'tokenizer.json'), '{}');
  await writeFile(join(folder, 'model.safetensors'), Buffer.alloc(bytes, 'weights'));
  const ratios: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const plain = await seconds(async () => await plainCopy(join(folder, 'model.safetensors'), bucket));
    const ours = await seconds(async () => {
      const signal = new AbortController().signal;
      await bringWeights(await folderFiles(folder), bucket, `round-${round}/`, { onProgress: () => undefined, signal });
    });
    ratios.push(plain / ours);
    const rate = (time: number): string => `${(bytes / 1e6 / time).toFixed(0)} MB/s`;
    console.log(
      `round ${round}: plain copy ${rate(plain)}, budgetforce weights ${rate(ours)}, ${((plain / ours) * 100).toFixed(0)} %`,
    );
  }
  const median = ratios.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
  console.log(`median: ${(median * 100).toFixed(0)} % of the rate of a plain copy`);
} finally {
  sink.kill();
  await rm(folder, { recursive: true });
}

async function plainCopy(path: string, bucket: Bucket): Promise<void> {
  const key = 'plain/model.safetensors';
  const id = await bucket.begin(key);
  const signal = new AbortController().signal;
  const sending = new Set<Promise<unknown>>();
  let number = 0;
  for await (const part of cutIntoParts(createReadStream(path, { highWaterMark: 1 << 20 }), USUAL_PART_BYTES)) {
    number++;
    if (sending.size >= PARALLEL) await Promise.race(sending);
    const sent = bucket
      .putPart(key, id, { number, body: part, crc32: undefined }, signal)
      .finally(() => sending.delete(sent));
    sending.add(sent);
  }
  await Promise.all(sending);
  await bucket.complete(key, id, []);
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}
