import { Token } from 'aws-cdk-lib';
import { INSTANCE_REGIONS_SOURCE, offeredIn, regionsOf } from '../facts/instance-regions.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses a stack without a region: nothing that differs by region could be checked. */
export function checkRegion(region: string): Refusal | undefined {
  if (!Token.isUnresolved(region)) return undefined;
  return {
    code: 'region',
    sentence: `The stack has no region, but images and instance types differ by region: write env: { region: "us-east-1" } for the stack.`,
    source: 'https://docs.aws.amazon.com/cdk/v2/guide/environments.html',
  };
}

/** Refuses an instance type that EC2 does not offer in the region. Unknown types and regions pass. */
export function checkInstanceRegion(instanceType: string, region: string): Refusal | undefined {
  if (findInstanceType(instanceType) === undefined || offeredIn(instanceType, region) !== false) return undefined;
  return {
    code: 'instance-region',
    sentence: `instanceType "${instanceType}" is not offered in region "${region}", so the endpoint would fail with insufficient capacity: write one of the regions ${regionsOf(instanceType)?.join(', ')}, or another instanceType.`,
    source: INSTANCE_REGIONS_SOURCE,
  };
}
