import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { S3Client } from '@aws-sdk/client-s3';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { SFNClient } from '@aws-sdk/client-sfn';
import { STSClient } from '@aws-sdk/client-sts';
import { isDenied, isUnauthenticated, isUnreachable, toAwsError } from '../../aws/aws-error.ts';
import { UsageError } from '../../usage-error.ts';

/** Clients of AWS in the region of a config. */
export interface TrainingClients {
  readonly cloudFormation: CloudFormationClient;
  readonly logs: CloudWatchLogsClient;
  readonly s3: S3Client;
  readonly sageMaker: SageMakerClient;
  readonly steps: SFNClient;
  readonly sts: STSClient;
}

/** @param profile profile of the shared files. If omitted, AWS_PROFILE or the default one */
export function trainingClients(region: string, profile: string | undefined): TrainingClients {
  const settings = { region, ...(profile === undefined ? {} : { profile }) };
  return {
    cloudFormation: new CloudFormationClient(settings),
    logs: new CloudWatchLogsClient(settings),
    s3: new S3Client(settings),
    sageMaker: new SageMakerClient(settings),
    steps: new SFNClient(settings),
    sts: new STSClient(settings),
  };
}

/** What the stack `<name>-training` has deployed. */
export interface TrainingStackOutputs {
  readonly stateMachineArn: string;
  readonly bucket: string;
}

/**
 * Finds the stack of a config.
 *
 * @param file path of the config, for the command in an error
 * @throws {UsageError} if it is not deployed, or there are no credentials
 */
export async function findStack(
  { cloudFormation }: TrainingClients,
  stackName: string,
  file: string,
): Promise<TrainingStackOutputs> {
  const deploy = `npx cdk deploy ${stackName} --context config=${file}`;
  try {
    const { Stacks: [stack] = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stackName }));
    const output = (key: string) => stack?.Outputs?.find(({ OutputKey }) => OutputKey === key)?.OutputValue;
    const [stateMachineArn, bucket] = [output('StateMachineArn'), output('TrainingBucketName')];
    if (stateMachineArn !== undefined && bucket !== undefined) return { stateMachineArn, bucket };
    throw new UsageError(
      `The stack ${stackName} is ${stack?.StackStatus ?? 'unknown'} and cannot train yet. Deploy it: ${deploy}`,
    );
  } catch (cause) {
    if (toAwsError(cause).name !== 'ValidationError') throw cause;
    throw new UsageError(`The stack ${stackName} is not deployed. Deploy it: ${deploy}`);
  }
}

/** Runs calls of AWS. What an operator can mend becomes one sentence: credentials, rights, the network. */
export async function callAws<T>(calls: () => Promise<T>): Promise<T> {
  try {
    return await calls();
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const error = toAwsError(cause);
    if (isUnauthenticated(error)) {
      throw new UsageError(
        'There are no valid credentials for AWS. Run aws configure sso, then export AWS_PROFILE=<its profile>.',
      );
    }
    if (isUnreachable(error))
      throw new Error(`AWS cannot be reached: ${error.message}. Look at region, network and proxy.`);
    if (isDenied(error)) throw new Error(`AWS refuses a call that this needs: ${error.message}`);
    throw cause;
  }
}
