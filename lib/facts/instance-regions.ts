import { findInstanceType } from './instance-types.ts';
import type { Refusal } from './refusal.ts';

/**
 * Where EC2 offers each family of GPU instances. SageMaker hosts on a part of them at most.
 *
 * Answers of EC2's DescribeInstanceTypeOfferings, as the Python package moto 5.2.5 (2026) carries them. Today's:
 * https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-regions.html
 */
const offered: Readonly<Record<string, string>> = {
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

/** The regions that the lists above were made for: of any other nothing is known. */
const surveyed =
  'af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2';

/** @returns `undefined` where nothing is known of the type or the region. */
export function offeredIn(instanceType: string, region: string): boolean | undefined {
  if (!surveyed.split(' ').includes(region)) return undefined;
  return regionsOf(instanceType)?.includes(region);
}

/** Refuses an instance type that EC2 does not have in the region. */
export function instanceTypeNotInRegion(instanceType: string, region: string): Refusal | undefined {
  if (findInstanceType(instanceType) === undefined || offeredIn(instanceType, region) !== false) return undefined;
  return {
    code: 'instance-region',
    sentence: `instanceType "${instanceType}" is not offered in region "${region}", so the endpoint would fail for want of capacity: write one of ${regionsOf(instanceType)?.join(', ')}, or another instanceType.`,
    source: 'https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-regions.html',
  };
}

function regionsOf(instanceType: string): readonly string[] | undefined {
  const type = instanceType.replace(/^ml\./, '');
  return (offered[type] ?? offered[type.split('.')[0] ?? ''])?.split(' ');
}
