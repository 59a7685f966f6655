import { Token } from 'aws-cdk-lib';
import { COMPONENT_REGIONS_SOURCE, componentRegions, hasComponents } from '../facts/component-regions.ts';
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

/** Refuses a region in which CloudFormation has no inference components. Unknown regions pass. */
export function checkComponentRegion(region: string): Refusal | undefined {
  if (Token.isUnresolved(region) || hasComponents(region) !== false) return undefined;
  return {
    code: 'component-region',
    sentence: `region "${region}" lacks AWS::SageMaker::InferenceComponent or AWS::SageMaker::Endpoint, so the endpoint's stack would fail: write one of the regions ${nearestRegions(region).join(', ')}, or give the models an upstream, which needs neither.`,
    source: COMPONENT_REGIONS_SOURCE,
  };
}

/** Regions of the same part of the world; if there is none, all. */
function nearestRegions(region: string): readonly string[] {
  const part = `${region.split('-')[0]}-`;
  const near = componentRegions.filter((other) => other.startsWith(part));
  return near.length > 0 ? near : componentRegions;
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
