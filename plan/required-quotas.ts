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
  const { count, why } = instancesDuringUpdate(endpoint);
  return [
    instanceQuota(instanceType, count, region, `instances.max is ${instances.max}, and ${why}`),
    ...fallbackInstanceTypes.map((type) =>
      instanceQuota(type, count, region, `used if ${instanceType} has no capacity, also for an update: ${why}`),
    ),
  ];
}

/**
 * Returns the instances that run while the endpoint changes to a new config, at most.
 *
 * https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
 */
export function instancesDuringUpdate({ deployment, instances: { max } }: HostedConfig['endpoint']) {
  if (deployment?.strategy !== 'rolling') {
    return { count: 2 * max, why: 'an update starts a second fleet before it stops the first one' };
  }
  const batch = Math.ceil((max * deployment.percent) / 100);
  return {
    count: max + batch,
    why: `a rolling update starts a batch of ${deployment.percent} % (${batch}) before it stops as many`,
  };
}
