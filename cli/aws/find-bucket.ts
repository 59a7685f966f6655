import { HeadBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { isUnauthenticated, toAwsError } from './aws-error.ts';

/**
 * Whether a bucket can be used from a region. `elsewhere`: it is in another region, `home` if S3 names it. `denied`: it refuses these
 * credentials, or is of another account. https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
 */
export type BucketState =
  | { readonly kind: 'usable' | 'missing' | 'denied' }
  | { readonly kind: 'elsewhere'; readonly home: string | undefined };

/** Asks S3 for a bucket. Throws what the client throws if there are no valid credentials or no answer. */
export async function findBucket(s3: S3Client, bucket: string, region: string): Promise<BucketState> {
  try {
    const { BucketRegion: home } = await s3.send(new HeadBucketCommand({ Bucket: bucket }));
    return home === undefined || home === region ? { kind: 'usable' } : { kind: 'elsewhere', home };
  } catch (cause) {
    const error = toAwsError(cause);
    if (isUnauthenticated(error)) throw cause;
    if (error.status === 404) return { kind: 'missing' };
    if (error.status === 301 || error.status === 400) return { kind: 'elsewhere', home: regionOf(cause) };
    if (error.status === 403) return { kind: 'denied' };
    throw cause;
  }
}

/** The region that S3 names in the headers of a redirection. */
function regionOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('$response' in error)) return undefined;
  const response = error.$response;
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const headers = response.headers as Readonly<Record<string, string | undefined>>;
  return headers['x-amz-bucket-region'];
}
