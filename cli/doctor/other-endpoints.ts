import { DescribeEndpointCommand, DescribeInferenceComponentCommand } from '@aws-sdk/client-sagemaker';
import type * as z from 'zod';
import { remoteEndpointSchema } from '../../lib/api/remote-endpoint-schema.ts';
import { isDenied, toAwsError } from '../aws/aws-error.ts';
import type { AwsClients } from './aws-clients.ts';
import type { Check, Finding } from './finding.ts';
import { exists } from './names.ts';
import { findEach } from './not-checked.ts';

const check = 'endpoints';
type RemoteEndpoint = z.infer<typeof remoteEndpointSchema>;

/** Whether the endpoints of other regions, to which requests go or fall back, are there and in service. */
export const checkOtherEndpoints: Check = async ({ config, clients }) =>
  await findEach(
    check,
    endpointsIn(config.models),
    async (endpoint) => await findingOf(endpoint, clients),
    ({ region }) => region,
  );

/** All upstreams that are endpoints of SageMaker, of models and of fallbacks. */
function endpointsIn(value: unknown): readonly RemoteEndpoint[] {
  const endpoint = remoteEndpointSchema.safeParse(value).data;
  if (endpoint !== undefined) return [endpoint];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(endpointsIn) : [];
}

async function findingOf(endpoint: RemoteEndpoint, clients: AwsClients): Promise<Finding> {
  const { region, endpointName: name, inferenceComponentName: component } = endpoint;
  const sageMaker = clients.sageMaker(region);
  const place = component === undefined ? `${name} in ${region}` : `${component} on ${name} in ${region}`;
  const fix =
    component === undefined
      ? `aws sagemaker describe-endpoint --region ${region} --endpoint-name ${name}`
      : `aws sagemaker describe-inference-component --region ${region} --inference-component-name ${component}`;
  let status: string | undefined;
  const describe = async () => {
    status = (await sageMaker.send(new DescribeEndpointCommand({ EndpointName: name }))).EndpointStatus;
    if (component === undefined) return;
    const command = new DescribeInferenceComponentCommand({ InferenceComponentName: component });
    status = (await sageMaker.send(command)).InferenceComponentStatus;
  };
  let found: boolean;
  try {
    found = await exists(describe);
  } catch (cause) {
    if (!isForbiddenToAll(cause)) throw cause;
    const text = `A service control policy forbids these credentials to look at ${place}, and may forbid the function its requests there, too.`;
    return { check, status: 'warning', text, fix };
  }
  if (!found) return { check, status: 'problem', text: `${place} does not exist: deploy it first.`, fix };
  if (status === 'InService') return { check, status: 'ok', text: `${place} is in service.` };
  return { check, status: 'problem', text: `${place} is not in service, but ${status ?? 'in no state'}.`, fix };
}

/**
 * Whether a policy of the organization denies it, for instance all regions but some. Such a policy holds for every role of the account.
 * The words are those of https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
 */
function isForbiddenToAll(cause: unknown): boolean {
  const error = toAwsError(cause);
  return isDenied(error) && error.message.includes('service control policy');
}
