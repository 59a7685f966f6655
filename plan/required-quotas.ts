import type { Config } from '../lib/config.ts';
import { concurrencyQuota, instanceQuota, type Quota } from '../lib/facts/quota-codes.ts';

/** Returns the service quotas that the deployment needs. */
export function requiredQuotas(config: Config): readonly Quota[] {
  const { instanceType, instances, fallbackInstanceTypes = [] } = config.endpoint;
  const inFlight = config.models.reduce((sum, { copies, requestsPerCopy }) => sum + copies.max * requestsPerCopy, 0);
  return [
    instanceQuota(
      instanceType,
      instances.max + 1,
      config.region,
      `instances.max is ${instances.max}, and an update starts new instances before it stops the old ones`,
    ),
    ...fallbackInstanceTypes.map((type) =>
      instanceQuota(type, instances.max, config.region, `used if ${instanceType} has no capacity`),
    ),
    concurrencyQuota(Math.max(inFlight, config.api.throttling.burst), config.region),
  ];
}
