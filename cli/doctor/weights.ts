import { paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { hostedPart } from '../../lib/config.ts';
import { parseS3Uri } from '../../lib/serving/model-source.ts';
import { findBucket } from '../aws/find-bucket.ts';
import { missingFiles } from '../weights/weight-files.ts';
import type { AwsClients } from './aws-clients.ts';
import type { Check, Finding } from './finding.ts';
import { findEach } from './not-checked.ts';

const check = 'weights';

/** Whether the buckets of the weights are in the region and readable, and the prefixes hold a model in Hugging Face's layout. */
export const checkWeights: Check = async ({ config, clients }) => {
  const models = hostedPart(config)?.models ?? [];
  const find = async ({ id, source }: (typeof models)[number]): Promise<Finding> => {
    if (source.kind === 's3') return await bucketFinding(id, source.uri, clients);
    return {
      check,
      status: 'unchecked',
      text: `${id} comes from the Hugging Face hub, which the container asks when it starts.`,
    };
  };
  return await findEach(check, models, find, () => clients.region);
};

async function bucketFinding(id: string, uri: string, clients: AwsClients): Promise<Finding> {
  const { bucket, prefix } = parseS3Uri(uri);
  const problem = (text: string, fix?: string): Finding => ({ check, status: 'problem', text, fix });
  const { region } = clients;
  const state = await findBucket(clients.s3, bucket, region);
  if (state.kind === 'elsewhere') return problem(...elsewhere(id, bucket, state.home ?? 'another region', region));
  if (state.kind === 'missing')
    return problem(`The bucket ${bucket} of ${id} does not exist.`, `aws s3 mb s3://${bucket} --region ${region}`);
  if (state.kind === 'denied') {
    return problem(
      `The bucket ${bucket} of ${id} refuses these credentials (s3:ListBucket), or is of another account.`,
      `aws s3api get-bucket-policy --bucket ${bucket}`,
    );
  }
  return await layoutFinding(id, { bucket, prefix }, clients);
}

/** A bucket in another region: SageMaker reads weights from its own region only. */
function elsewhere(id: string, bucket: string, home: string, region: string): [text: string, fix: string] {
  return [
    `The bucket ${bucket} of ${id} is in ${home}, but the endpoint is in ${region}, and SageMaker reads weights from its own region only.`,
    `aws s3 sync s3://${bucket} s3://<a bucket in ${region}> --source-region ${home} --region ${region}`,
  ];
}

async function layoutFinding(
  id: string,
  { bucket, prefix }: { readonly bucket: string; readonly prefix: string },
  { s3 }: AwsClients,
): Promise<Finding> {
  const names: string[] = [];
  let bytes = 0;
  for await (const { Contents: objects = [] } of paginateListObjectsV2(
    { client: s3 },
    { Bucket: bucket, Prefix: prefix },
  )) {
    for (const { Key: key = '', Size: size = 0 } of objects) {
      names.push(key.slice(prefix.length));
      bytes += size;
    }
  }
  const missing = [...missingFiles(names), ...missingShards(names)];
  const place = `s3://${bucket}/${prefix}`;
  if (missing.length > 0) {
    const text = `${place} of ${id} has no ${missing.join(', ')}: it needs the unpacked files of a model as on the Hugging Face hub.`;
    return { check, status: 'problem', text, fix: bringWeights(id, bucket) };
  }
  return { check, status: 'ok', text: `${place} of ${id} has ${names.length} files, ${(bytes / 1e9).toFixed(1)} GB.` };
}

const SHARD = /^(?<start>[^/]*-)\d{5}-of-(?<count>\d{5})\.safetensors$/;

/** The shards that are missing beside the others, by their names alone: `model-00002-of-00003.safetensors` is one of three. At most three are named. */
export function missingShards(names: readonly string[]): readonly string[] {
  const there = new Set(names);
  const series = new Map<string, number>();
  for (const name of names) {
    const { start, count } = SHARD.exec(name)?.groups ?? {};
    if (start !== undefined && count !== undefined) series.set(`${start}*-of-${count}.safetensors`, Number(count));
  }
  const missing = [...series].flatMap(([pattern, count]) =>
    Array.from({ length: count }, (_, index) => pattern.replace('*', String(index + 1).padStart(5, '0'))).filter(
      (name) => !there.has(name),
    ),
  );
  return missing.length > 3 ? [...missing.slice(0, 3), `${missing.length - 3} more`] : missing;
}

/** The command that brings the weights of a model into a bucket. */
export function bringWeights(id: string, bucket = '<your bucket>'): string {
  return `npx budgetforce weights <this config> --model ${id} --bucket ${bucket} --from <a folder, or MODEL@REVISION on the hub>`;
}
