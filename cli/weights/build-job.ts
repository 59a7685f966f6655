import { S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { bringWeights } from './bring-weights.ts';
import { Bucket } from './bucket.ts';
import { hubFiles } from './hub-files.ts';
import { ProgressLine } from './progress-line.ts';

/**
 * The job of CodeBuild: brings one commit of a model of the hub into a bucket. Progress goes to the standard error, which is the log of
 * the build; the result is one JSON line on the standard output, which the build gives back.
 */
const environmentSchema = z.object({
  AWS_REGION: z.string(),
  BUCKET: z.string(),
  MODEL: z.string(),
  REVISION: z.string(),
  PREFIX: z.string().endsWith('/'),
});

try {
  const { AWS_REGION: region, BUCKET, MODEL, REVISION, PREFIX } = environmentSchema.parse(process.env);
  const { files, revision } = await hubFiles(MODEL, REVISION);
  const bucket = new Bucket(new S3Client({ region }), BUCKET);
  await bucket.check(region);
  const progress = new ProgressLine();
  const brought = await bringWeights(files, bucket, PREFIX, {
    onProgress: (state) => progress.show(state),
    signal: new AbortController().signal,
  });
  process.stdout.write(`${JSON.stringify({ ...brought, revision })}\n`);
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
