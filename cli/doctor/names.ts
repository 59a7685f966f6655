import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DescribeEndpointCommand, DescribeInferenceComponentCommand } from '@aws-sdk/client-sagemaker';
import { toAwsError } from '../aws/aws-error.ts';
import type { AwsClients } from './aws-clients.ts';
import type { Check, Finding } from './finding.ts';
import { findEach } from './not-checked.ts';

const check = 'names';

/** Whether the account is bootstrapped for CDK, the stacks are there already, and no name of theirs is taken by something else. */
export const checkNames: Check = async ({ created = [], clients }) => {
  const { region } = clients;
  const each = async <T>(items: readonly T[], find: (item: T) => Promise<Finding | undefined>) =>
    await findEach(check, items, find, () => region);
  // A stack that cannot be looked at may hold its names itself, so they are not called taken.
  const unused = new Set<string>();
  const stacks = await each([...new Set(created.map(({ stack }) => stack))], async (stack) => {
    const state = await stateOf(stack, clients);
    if (state === undefined) unused.add(stack);
    return stackFinding(stack, state, region);
  });
  const others = created.filter(({ stack }) => unused.has(stack));
  return [
    ...(await each([clients], bootstrapFinding)),
    ...stacks,
    ...(await each(
      named(others, 'AWS::SageMaker::Endpoint', 'EndpointName'),
      async (name) => await endpointFinding(name, clients),
    )),
    ...(await each(
      named(others, 'AWS::SageMaker::InferenceComponent', 'InferenceComponentName'),
      async (name) => await componentFinding(name, clients),
    )),
  ];
};

/** Values of a property that are names, not references. */
function named(created: Parameters<Check>[0]['created'], type: string, property: string): readonly string[] {
  const resources = (created ?? []).filter((part) => part.type === type).flatMap((part) => part.resources);
  return resources.map(({ properties }) => properties[property]).filter((name) => typeof name === 'string');
}

/** State of a stack. `undefined` if there is none. */
async function stateOf(name: string, { cloudFormation }: AwsClients): Promise<string | undefined> {
  try {
    const { Stacks: [stack] = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: name }));
    return stack?.StackStatus;
  } catch (error) {
    const { name: code, message } = toAwsError(error);
    // CloudFormation has no error of its own for this.
    if (code === 'ValidationError' && message.includes('does not exist')) return undefined;
    throw error;
  }
}

async function bootstrapFinding(clients: AwsClients): Promise<Finding> {
  const state = await stateOf('CDKToolkit', clients);
  if (state !== undefined) return { check, status: 'ok', text: `CDK is bootstrapped in ${clients.region}.` };
  const text = `CDK is not bootstrapped in ${clients.region}: the stack CDKToolkit does not exist.`;
  return { check, status: 'problem', text, fix: `AWS_REGION=${clients.region} npx cdk bootstrap` };
}

function stackFinding(stack: string, state: string | undefined, region: string): Finding | undefined {
  if (state === undefined) return { check, status: 'ok', text: `The stack ${stack} does not exist yet.` };
  const events = `aws cloudformation describe-stack-events --region ${region} --stack-name ${stack} --query "StackEvents[?contains(ResourceStatus, 'FAILED')].[LogicalResourceId,ResourceStatusReason]" --output text`;
  if (/^(?:CREATE|UPDATE|UPDATE_ROLLBACK|IMPORT)_COMPLETE$/.test(state)) {
    return { check, status: 'ok', text: `The stack ${stack} exists (${state}): a deployment updates it.` };
  }
  if (state === 'ROLLBACK_COMPLETE' || state === 'ROLLBACK_FAILED' || state === 'DELETE_FAILED') {
    const text = `The stack ${stack} is left from a deployment that failed (${state}), and cannot be updated.`;
    return {
      check,
      status: 'problem',
      text,
      fix: `aws cloudformation delete-stack --region ${region} --stack-name ${stack}`,
    };
  }
  return {
    check,
    status: 'problem',
    text: `The stack ${stack} cannot be updated now: it is in ${state}.`,
    fix: events,
  };
}

async function endpointFinding(name: string, clients: AwsClients): Promise<Finding | undefined> {
  const { region } = clients;
  if (
    !(await exists(
      async () => await clients.sageMaker(region).send(new DescribeEndpointCommand({ EndpointName: name })),
    ))
  )
    return undefined;
  const text = `An endpoint ${name} exists in ${region} without a stack of this name: write another name in the config, or delete it.`;
  return {
    check,
    status: 'problem',
    text,
    fix: `aws sagemaker describe-endpoint --region ${region} --endpoint-name ${name}`,
  };
}

async function componentFinding(name: string, clients: AwsClients): Promise<Finding | undefined> {
  const { region } = clients;
  const command = new DescribeInferenceComponentCommand({ InferenceComponentName: name });
  if (!(await exists(async () => await clients.sageMaker(region).send(command)))) return undefined;
  const text = `An inference component ${name} exists in ${region} without a stack of this name: write another name in the config, or delete it.`;
  return {
    check,
    status: 'problem',
    text,
    fix: `aws sagemaker delete-inference-component --region ${region} --inference-component-name ${name}`,
  };
}

/** Whether SageMaker knows what is described. */
export async function exists(describe: () => Promise<unknown>): Promise<boolean> {
  try {
    await describe();
    return true;
  } catch (error) {
    const { name, message } = toAwsError(error);
    // https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html documents no error of its own.
    if (name === 'ResourceNotFound' || (name === 'ValidationException' && /could not find/i.test(message)))
      return false;
    throw error;
  }
}
