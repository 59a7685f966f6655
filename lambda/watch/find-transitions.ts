import {
  DescribeEndpointCommand,
  DescribeInferenceComponentCommand,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import type { Transition } from './stuck-metric.ts';

/**
 * Statuses in which an endpoint or a component stays. In all others something is on its way.
 * https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
 */
const LASTING = new Set(['InService', 'OutOfService', 'Failed', 'UpdateRollbackFailed']);

/** What SageMaker says about an endpoint or a component. */
interface Described {
  readonly status: string | undefined;
  readonly changedAt: Date | undefined;
}

/**
 * Finds what of an endpoint is being created, updated or deleted, and for how long. What does not exist is not in transition.
 *
 * @param now Unix time, in milliseconds
 */
export async function findTransitions(
  sageMaker: SageMakerClient,
  endpointName: string,
  componentNames: readonly string[],
  now: number,
): Promise<readonly Transition[]> {
  const described = await Promise.all([
    unlessMissing(endpointName, async () => await describeEndpoint(sageMaker, endpointName)),
    ...componentNames.map(
      async (name) => await unlessMissing(name, async () => await describeComponent(sageMaker, name)),
    ),
  ]);
  return described.flatMap((found) => {
    if (found?.status === undefined || LASTING.has(found.status)) return [];
    const { name, status, changedAt } = found;
    return [{ name, status, minutes: Math.max(0, Math.floor((now - (changedAt?.getTime() ?? now)) / 60_000)) }];
  });
}

async function describeEndpoint(sageMaker: SageMakerClient, name: string): Promise<Described> {
  const found = await sageMaker.send(new DescribeEndpointCommand({ EndpointName: name }));
  return { status: found.EndpointStatus, changedAt: found.LastModifiedTime ?? found.CreationTime };
}

async function describeComponent(sageMaker: SageMakerClient, name: string): Promise<Described> {
  const found = await sageMaker.send(new DescribeInferenceComponentCommand({ InferenceComponentName: name }));
  return { status: found.InferenceComponentStatus, changedAt: found.LastModifiedTime ?? found.CreationTime };
}

async function unlessMissing(
  name: string,
  describe: () => Promise<Described>,
): Promise<(Described & { readonly name: string }) | undefined> {
  try {
    return { name, ...(await describe()) };
  } catch (error) {
    // SageMaker has no error of its own for a name that it does not know.
    if (
      error instanceof Error &&
      error.name === 'ValidationException' &&
      /could not find|does not exist|not found/i.test(error.message)
    ) {
      return undefined;
    }
    throw error;
  }
}
