import type { MachineSettings } from '../machine-settings.ts';
import { catchAll, failure, retryCall, type States, sdkAction } from './state.ts';

/** The trained weights as a model of SageMaker, and as a version in the registry that waits for approval. */
export function registerStates(settings: MachineSettings): States {
  const { partition, bucketName, container, servingVpc, packageGroup, tags } = settings;
  const weights = {
    S3DataSource: {
      // SageMaker adds the job's name and two folders to the output path.
      'S3Uri.$': `States.Format('s3://${bucketName}/runs/{}/output/{}/output/model/', $.names.run, $.job.name)`,
      S3DataType: 'S3Prefix',
      CompressionType: 'None',
    },
  };
  const definition = { Image: container.image, Environment: container.environment, ModelDataSource: weights };
  return {
    CreateModel: {
      Type: 'Task',
      Resource: sdkAction(partition, 'sagemaker', 'createModel'),
      Parameters: {
        'ModelName.$': '$.names.model',
        ExecutionRoleArn: settings.servingRoleArn,
        PrimaryContainer: definition,
        EnableNetworkIsolation: settings.networkIsolation,
        ...(servingVpc !== undefined && {
          VpcConfig: { Subnets: servingVpc.subnets, SecurityGroupIds: servingVpc.securityGroupIds },
        }),
        Tags: tags,
      },
      ResultPath: null,
      Catch: catchAll('RegistrationFailed'),
      Next: 'CreatePackageGroup',
    },
    CreatePackageGroup: {
      Type: 'Task',
      Comment:
        'Fails from the second run on. Not of the stack, which could not be deleted while the group has versions',
      Resource: sdkAction(partition, 'sagemaker', 'createModelPackageGroup'),
      Parameters: { ModelPackageGroupName: packageGroup, Tags: tags },
      ResultPath: null,
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.group', Next: 'CreatePackage' }],
      Next: 'CreatePackage',
    },
    CreatePackage: {
      Type: 'Task',
      Resource: sdkAction(partition, 'sagemaker', 'createModelPackage'),
      Parameters: {
        ModelPackageGroupName: packageGroup,
        'ModelPackageDescription.$': "States.Format('Trained by run {}, training job {}', $.names.run, $.job.name)",
        ModelApprovalStatus: 'PendingManualApproval',
        InferenceSpecification: {
          Containers: [definition],
          SupportedContentTypes: ['application/json'],
          SupportedResponseMIMETypes: ['application/json'],
        },
        CustomerMetadataProperties: { 'run.$': '$.names.run', 'trainingJob.$': '$.job.name' },
      },
      ResultSelector: { 'arn.$': '$.ModelPackageArn' },
      ResultPath: '$.package',
      Retry: retryCall,
      Catch: catchAll('RegistrationFailed'),
      Next: settings.evaluation === undefined ? 'Decide' : 'CreateCandidate',
    },
    RegistrationFailed: failure(
      'RegistrationFailed',
      'The weights of run {} are trained, but could not be registered: {} {}',
      ['$.names.run', '$.failure.Error', '$.failure.Cause'],
    ),
  };
}
