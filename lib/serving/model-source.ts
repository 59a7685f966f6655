/** Uncompressed weights in Hugging Face's layout, in a bucket of the endpoint's region. */
export interface S3Source {
  readonly kind: 's3';
  /** `s3://bucket/prefix/`. All objects under the prefix belong to the model. */
  readonly uri: string;
  /**
   * KMS key that the objects are encrypted with.
   *
   * @default - S3's own key, which needs no KMS permission
   */
  readonly kmsKeyArn?: string | undefined;
}

/** Model that the container downloads from the Hugging Face hub at each start. Needs internet access. */
interface HubSource {
  readonly kind: 'hub';
  /** Model id, for instance `simplescaling/s1.1-32B`. */
  readonly id: string;
  /**
   * Commit, 40 hexadecimal letters. A branch or a tag, or none, is refused (`hub-revision`): each start of a copy could load other weights.
   *
   * @default - none
   */
  readonly revision?: string | undefined;
  /**
   * Name of the Secrets Manager secret with the access token for a gated model. CloudFormation writes its value into the
   * container's environment, which is readable with the permission DescribeModel.
   *
   * @default - no token
   */
  readonly tokenSecretName?: string | undefined;
}

export type ModelSource = S3Source | HubSource;

/** Splits `s3://bucket/prefix/` into bucket and prefix. */
export function parseS3Uri(uri: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri) ?? [];
  return { bucket, prefix };
}
