import type { Refusal } from '../facts/refusal.ts';

/** Uncompressed weights in a bucket of the endpoint's region, in Hugging Face's layout. */
export interface S3Source {
  readonly kind: 's3';
  /** `s3://bucket/prefix/`. Everything under it is the model. */
  readonly uri: string;
  /**
   * The key that the objects are encrypted with.
   *
   * @default - S3's own key: no KMS permission is granted
   */
  readonly kmsKeyArn?: string | undefined;
}

/** A model that the container downloads from the Hugging Face hub at each start: it needs the internet. */
interface HubSource {
  readonly kind: 'hub';
  /** For instance `simplescaling/s1.1-32B`. */
  readonly id: string;
  /**
   * A branch, tag or commit.
   *
   * @default - the newest commit, at each start anew
   */
  readonly revision?: string | undefined;
  /**
   * Name of a Secrets Manager secret whose string is a token for a gated model. CloudFormation puts its value into the
   * container's environment, where everyone who may call DescribeModel can read it.
   *
   * @default - no token
   */
  readonly tokenSecretName?: string | undefined;
}

export type ModelSource = S3Source | HubSource;

/** The bucket and the prefix of `s3://bucket/prefix/`. */
export function parseS3Uri(uri: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri) ?? [];
  return { bucket, prefix };
}

/** Refuses a URI that is not a prefix: SageMaker takes uncompressed weights only from one that ends in a slash. */
export function s3UriWithoutSlash(modelId: string, source: ModelSource): Refusal | undefined {
  if (source.kind !== 's3' || /^s3:\/\/[^/]+\/(.+\/)?$/.test(source.uri)) return undefined;
  return {
    code: 's3-uri',
    sentence: `source.uri of ${modelId} is "${source.uri}", which does not end in "/", so it is no prefix of uncompressed files but one object: write "${source.uri.replace(/\.tar\.gz$/, '')}/" and put the unpacked model there.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html',
  };
}

/** Refuses network isolation where the container must download its model. */
export function isolatedHub(
  modelId: string,
  source: ModelSource,
  networkIsolation: boolean | undefined,
): Refusal | undefined {
  if (!networkIsolation || source.kind !== 'hub') return undefined;
  return {
    code: 'isolated-hub',
    sentence: `networkIsolation is true, but ${modelId} ("${source.id}") is downloaded from the hub by the container, which has no network then: copy the model to S3 and write { kind: "s3", uri }, or leave networkIsolation out.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html',
  };
}
