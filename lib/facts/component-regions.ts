/** The schemas of CloudFormation's resource types, one list a region. */
export const COMPONENT_REGIONS_SOURCE =
  'https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schemas.html';

/**
 * Regions that have both `AWS::SageMaker::InferenceComponent` and `AWS::SageMaker::Endpoint`.
 *
 * CloudFormation's resource provider schemas of 2026-10-20, from the Python package cfn-lint 1.58.0. (me-central-1 has components,
 * but no endpoints.)
 */
export const componentRegions: readonly string[] = [
  'us-east-1',
  'us-east-2',
  'us-west-2',
  'ca-central-1',
  'sa-east-1',
  'eu-central-1',
  'eu-north-1',
  'eu-west-1',
  'eu-west-2',
  'ap-northeast-1',
  'ap-northeast-2',
  'ap-south-1',
  'ap-southeast-1',
  'ap-southeast-2',
  'ap-southeast-3',
  'eusc-de-east-1',
];

/** Regions of the same lists that lack one of the two types. Regions in neither list are unknown. */
const without: readonly string[] = [
  'af-south-1',
  'ap-east-1',
  'ap-east-2',
  'ap-northeast-3',
  'ap-south-2',
  'ap-southeast-4',
  'ap-southeast-5',
  'ap-southeast-6',
  'ap-southeast-7',
  'ca-west-1',
  'cn-north-1',
  'cn-northwest-1',
  'eu-central-2',
  'eu-south-1',
  'eu-south-2',
  'eu-west-3',
  'il-central-1',
  'me-central-1',
  'mx-central-1',
  'us-gov-east-1',
  'us-gov-west-1',
  'us-west-1',
];

/**
 * Returns whether a region has inference components and endpoints.
 *
 * @returns `undefined` if the region is unknown.
 */
export function hasComponents(region: string): boolean | undefined {
  if (componentRegions.includes(region)) return true;
  return without.includes(region) ? false : undefined;
}
