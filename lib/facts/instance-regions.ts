/** The AWS page that lists the regions of each instance type. */
export const INSTANCE_REGIONS_SOURCE = 'https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-regions.html';

/**
 * Regions in which EC2 offers each family of GPU instances. SageMaker hosts in these or fewer.
 *
 * Recorded responses of EC2's DescribeInstanceTypeOfferings, from the Python package moto 5.2.5 (2026). The current list
 * is `INSTANCE_REGIONS_SOURCE`.
 */
const regionsByFamily: Readonly<Record<string, string>> = {
  g5: 'ap-east-1 ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-2 ap-southeast-3 ca-central-1 eu-central-1 eu-north-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 sa-east-1 us-east-1 us-east-2 us-west-2',
  g6: 'ap-northeast-1 ap-northeast-2 ap-south-1 ap-south-2 ap-southeast-2 ap-southeast-5 ca-central-1 eu-central-1 eu-central-2 eu-north-1 eu-south-2 eu-west-2 eu-west-3 me-central-1 sa-east-1 us-east-1 us-east-2 us-west-2',
  g6e: 'ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 eu-central-1 eu-north-1 eu-south-2 me-central-1 us-east-1 us-east-2 us-west-2',
  g7e: 'ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-3 eu-central-1 eu-north-1 eu-south-2 eu-west-2 us-east-1 us-east-2 us-west-2',
  p4d: 'ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-2 ca-central-1 eu-central-1 eu-north-1 eu-west-1 eu-west-2 sa-east-1 us-east-1 us-east-2 us-west-2',
  p4de: 'ap-northeast-1 ap-southeast-1 eu-central-1 il-central-1 us-east-1 us-west-2',
  'p5.48xlarge':
    'ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-2 ap-southeast-3 ca-central-1 eu-north-1 eu-west-2 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2',
  'p5.4xlarge':
    'ap-northeast-1 ap-south-1 ap-southeast-2 ap-southeast-3 eu-north-1 eu-west-2 sa-east-1 us-east-1 us-east-2 us-west-2',
  p5e: 'ap-southeast-2 ap-southeast-3 eu-north-1 eu-west-2 sa-east-1 us-east-2 us-west-2',
  p5en: 'ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-3 eu-north-1 eu-south-2 me-central-1 us-east-1 us-east-2 us-west-1 us-west-2',
  'p6-b200': 'ap-south-1 ap-south-2 eu-north-1 eu-west-3 us-east-1 us-east-2 us-west-2',
};

/** Regions that the lists above cover. For any other region, offerings are unknown. */
const surveyed =
  'af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2';

/**
 * Returns whether EC2 offers an instance type in a region.
 *
 * @returns `undefined` if the type or the region is unknown.
 */
export function offeredIn(instanceType: string, region: string): boolean | undefined {
  if (!surveyed.split(' ').includes(region)) return undefined;
  return regionsOf(instanceType)?.includes(region);
}

/**
 * Lists the regions that offer an instance type.
 *
 * @returns `undefined` if the type is unknown.
 */
export function regionsOf(instanceType: string): readonly string[] | undefined {
  const type = instanceType.replace(/^ml\./, '');
  return (regionsByFamily[type] ?? regionsByFamily[type.split('.')[0] ?? ''])?.split(' ');
}
