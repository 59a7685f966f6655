import { paginateDescribeInstanceTypeOfferings } from '@aws-sdk/client-ec2';
import { hostedPart } from '../../lib/config.ts';
import type { Check, Finding } from './finding.ts';

const check = 'instances';

/** In which zones of the region EC2 offers the instance types. SageMaker's instances are the same with `ml.` before them. */
export const checkInstanceOfferings: Check = async ({ config, clients }) => {
  const endpoint = hostedPart(config)?.endpoint;
  if (endpoint === undefined) return [];
  const types = [endpoint.instanceType, ...(endpoint.fallbackInstanceTypes ?? [])];
  const zones = new Map<string, string[]>(types.map((type) => [type, []]));
  const filter = { Name: 'instance-type', Values: types.map(withoutPrefix) };
  const pages = paginateDescribeInstanceTypeOfferings(
    { client: clients.ec2 },
    { LocationType: 'availability-zone', Filters: [filter] },
  );
  for await (const { InstanceTypeOfferings: offerings = [] } of pages) {
    for (const { InstanceType: type, Location: zone = '' } of offerings) zones.get(`ml.${type}`)?.push(zone);
  }
  return [...zones].map(([type, found]) => findingOf(type, found.toSorted(), clients.region));
};

function findingOf(type: string, zones: readonly string[], region: string): Finding {
  const fix = `aws ec2 describe-instance-type-offerings --region ${region} --location-type availability-zone --filters Name=instance-type,Values=${withoutPrefix(type)}`;
  if (zones.length === 0) {
    const text = `${type} is not offered in any zone of ${region}: write another region or another instance type.`;
    return { check, status: 'problem', text, fix };
  }
  const listed = zones.join(', ');
  if (zones.length > 1) return { check, status: 'ok', text: `${type} is offered in ${listed}.` };
  const text = `${type} is offered in ${listed} only: if that zone has no capacity, no instance starts.`;
  return { check, status: 'warning', text, fix };
}

function withoutPrefix(type: string): string {
  return type.replace(/^ml\./, '');
}
