import type { Refusal } from '../facts/refusal.ts';

/** Source of a model's weights, as far as it is checked here. */
type CheckedSource =
  | { readonly kind: 's3'; readonly uri: string }
  | {
      readonly kind: 'hub';
      readonly id: string;
    };

/** Refuses a URI that is not a prefix: SageMaker takes uncompressed weights only from a prefix that ends in a slash. */
export function checkS3Uri(modelId: string, source: CheckedSource): Refusal | undefined {
  if (source.kind !== 's3' || /^s3:\/\/[^/]+\/(.+\/)?$/.test(source.uri)) return undefined;
  return {
    code: 's3-uri',
    sentence: `source.uri of ${modelId} is "${source.uri}", which does not end in "/", so it names one object instead of a prefix of uncompressed files: write "${source.uri.replace(/\.tar\.gz$/, '')}/" and put the unpacked model there.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html',
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
