import { Token } from 'aws-cdk-lib';
import type { Refusal } from '../facts/refusal.ts';

/** Source of a model's weights, as far as it is checked here. */
type CheckedSource =
  | { readonly kind: 's3'; readonly uri: string }
  | {
      readonly kind: 'hub';
      readonly id: string;
    };

/** Refuses a URI that is not a prefix: SageMaker takes uncompressed weights only from a prefix that ends in a slash. */
export function checkS3Uri(modelId: string, source: CheckedSource, field = 'source.uri'): Refusal | undefined {
  if (source.kind !== 's3' || Token.isUnresolved(source.uri) || /^s3:\/\/[^/]+\/(.+\/)?$/.test(source.uri))
    return undefined;
  return {
    code: 's3-uri',
    sentence: `${field} of ${modelId} is "${source.uri}", which does not end in "/", so it names one object instead of a prefix of uncompressed files: write "${source.uri.replace(/\.tar\.gz$/, '')}/" and put the unpacked model there.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html',
  };
}

/** Refuses a bucket that documentation uses as an example, and a name that no bucket can have. */
export function checkBucket(modelId: string, field: string, uri: string): Refusal | undefined {
  const bucket = /^[a-z0-9]+:\/\/([^/]*)/i.exec(uri)?.[1] ?? '';
  const source = 'https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html';
  if (
    /^(amzn-s3-demo-|(aws)?doc-?example-?bucket|((your|my|example|the)-)*(s3-)?bucket(-name)?\d*(-here)?$)/i.test(
      bucket,
    )
  ) {
    return {
      code: 'placeholder-bucket',
      sentence: `${field} of ${modelId} is "${uri}", but "${bucket}" is the bucket of an example, which the execution role could not read: write a bucket of your account in the endpoint's region.`,
      source,
    };
  }
  if (Token.isUnresolved(uri) || /^[a-z0-9][a-z0-9.-]*$/.test(bucket)) return undefined;
  return {
    code: 'bucket-name',
    sentence: `${field} of ${modelId} is "${uri}", but "${bucket}" cannot be the name of a bucket (lower-case letters, digits, dots and dashes): write "s3://<bucket>/<prefix>/" with the bucket that holds the weights.`,
    source,
  };
}

/** Refuses a source on the hub that is not one commit: the weights could change with any start of a copy, and copies could differ. */
export function checkRevision(
  modelId: string,
  source: { readonly id: string; readonly revision?: string | undefined },
): Refusal | undefined {
  const { id, revision } = source;
  if (revision !== undefined && (Token.isUnresolved(revision) || /^[0-9a-f]{40}$/.test(revision))) return undefined;
  const found = revision === undefined ? 'has no revision' : `has the revision "${revision}", which is no commit`;
  return {
    code: 'hub-revision',
    sentence: `source of ${modelId} ${found}, so each start of a copy may load other weights: write the 40 letters of a commit as revision (https://huggingface.co/${id}/commits/main), or bring the weights into a bucket (npx budgetforce weights).`,
    source: 'https://huggingface.co/docs/huggingface_hub/guides/download#download-an-entire-repository',
  };
}

/** Refuses network isolation if the container has to download the model from the hub. */
export function checkNetworkIsolation(
  modelId: string,
  source: CheckedSource,
  networkIsolation: boolean | undefined,
): Refusal | undefined {
  if (!networkIsolation || source.kind !== 'hub') return undefined;
  return {
    code: 'isolated-hub',
    sentence: `networkIsolation is true, but the container of ${modelId} has to download "${source.id}" from the Hugging Face hub: copy the model to S3 and write { kind: "s3", uri }, or leave networkIsolation out.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html',
  };
}

/** Refuses an adapter that is not one compressed archive. */
export function checkAdapterUri(
  modelId: string,
  { id, uri }: { readonly id: string; readonly uri: string },
): Refusal | undefined {
  if (/^s3:\/\/[^/]+\/.+\.tar\.gz$/.test(uri)) return undefined;
  return {
    code: 'adapter-uri',
    sentence: `adapter ${id} of ${modelId} has uri "${uri}", but SageMaker accepts an adapter only as one archive: write "s3://<bucket>/<prefix>/adapter.tar.gz" with adapter_config.json at its root.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-adapt.html',
  };
}

/** Refuses adapters on an endpoint with several instance types: a component of instance pools cannot be the base of others. */
export function checkAdapterPools(
  modelId: string,
  adapters: number,
  instanceTypes: readonly string[],
): Refusal | undefined {
  if (adapters === 0 || instanceTypes.length === 1) return undefined;
  return {
    code: 'adapter-pools',
    sentence: `${modelId} has adapters, but the endpoint has ${instanceTypes.length} instance types, and SageMaker accepts adapters only on components of one type: leave fallbackInstanceTypes or adapters out.`,
    source:
      'https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-sagemaker-inferencecomponent-inferencecomponentspecification.html',
  };
}
