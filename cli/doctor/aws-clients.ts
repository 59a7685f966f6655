import { APIGatewayClient } from '@aws-sdk/client-api-gateway';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ECRClient } from '@aws-sdk/client-ecr';
import { S3Client } from '@aws-sdk/client-s3';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { STSClient } from '@aws-sdk/client-sts';

/** Clients of AWS in the region of a config. Credentials are those of the environment, as the AWS CLI finds them. */
export interface AwsClients {
  readonly region: string;
  /** Profile of the shared files. `undefined`: AWS_PROFILE or the default one. */
  readonly profile: string | undefined;
  readonly apiGateway: APIGatewayClient;
  readonly cloudFormation: CloudFormationClient;
  readonly ec2: EC2Client;
  readonly ecr: (region: string) => ECRClient;
  readonly s3: S3Client;
  readonly sageMaker: (region: string) => SageMakerClient;
  readonly quotas: ServiceQuotasClient;
  readonly sts: STSClient;
}

/** @param profile profile of the shared files. If omitted, AWS_PROFILE or the default one */
export function awsClients(region: string, profile: string | undefined): AwsClients {
  const inRegion = (name: string) => ({
    region: name,
    ...(profile === undefined ? {} : { profile }),
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000 },
  });
  const settings = inRegion(region);
  return {
    region,
    profile,
    apiGateway: new APIGatewayClient(settings),
    cloudFormation: new CloudFormationClient(settings),
    ec2: new EC2Client(settings),
    ecr: (name) => new ECRClient(inRegion(name)),
    // Buckets of other regions answer with their region, which is a finding of its own.
    s3: new S3Client(settings),
    sageMaker: (name) => new SageMakerClient(inRegion(name)),
    quotas: new ServiceQuotasClient(settings),
    sts: new STSClient(settings),
  };
}
