/** The schemas of CloudFormation's resource types, one list a region. */
export const VECTOR_REGIONS_SOURCE =
  'https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schemas.html';

/**
 * Regions without `AWS::S3Vectors::Index`. Others have it, or are unknown.
 *
 * CloudFormation's resource provider schemas of 2026-10-20, from the Python package cfn-lint 1.58.0.
 */
const without: readonly string[] = ['il-central-1', 'me-central-1'];

/** Returns whether a region is known to lack S3 Vectors. */
export function lacksVectors(region: string): boolean {
  return without.includes(region);
}
