import { type Config, type HostedConfig, hostedPart } from '../lib/config.ts';
import { concurrencyQuota, instanceQuota, type Quota } from '../lib/facts/quota-codes.ts';

/** Returns the service quotas that the deployment needs. */
export function requiredQuotas(config: Config): readonly Quota[] {
  const hosted = hostedPart(config);
  const inFlight = (hosted?.models ?? []).reduce(
    (sum, { copies, requestsPerCopy }) => sum + copies.max * requestsPerCopy,
    0,
  );
  return [
    ...(hosted === undefined ? [] : instanceQuotas(hosted)),
    concurrencyQuota(Math.max(inFlight, config.api.throttling.burst), config.region),
  ];
}

function instanceQuotas({ endpoint, region }: HostedConfig): readonly Quota[] {
  const { instanceType, instances, fallbackInstanceTypes = [] } = endpoint;
  return [
    instanceQuota(
      instanceType,
      instances.max + 1,
      region,
      `instances.max is ${instances.max}, and an update starts new instances before it stops the old ones`,
    ),
    ...fallbackInstanceTypes.map((type) =>
      instanceQuota(type, instances.max, region, `used if ${instanceType} has no capacity`),
    ),
  ];
}
