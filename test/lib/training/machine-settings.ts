import type { MachineSettings } from '../../../lib/training/machine-settings.ts';

/** Settings of a machine as `FineTuning` makes them, with plain strings for what CDK knows at deployment. */
export function machineSettings(changes: Partial<MachineSettings> = {}): MachineSettings {
  const specification = (modelName: string) => ({
    Specification: {
      ModelName: modelName,
      ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 2, MinMemoryRequiredInMb: 262_144 },
      StartupParameters: {
        ContainerStartupHealthCheckTimeoutInSeconds: 1_800,
        ModelDataDownloadTimeoutInSeconds: 1_800,
      },
      DataCacheConfig: { EnableCaching: true },
    },
  });
  return {
    partition: 'aws',
    name: 'stage',
    bucketName: 'runs-bucket',
    job: {
      image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.9.0',
      codeUri: 's3://assets/code.zip',
      roleArn: 'arn:aws:iam::111122223333:role/training',
      baseUri: 's3://weights/qwen/',
      hyperparameters: { format: 's1', epochs: '5', learning_rate: '1e-5' },
      instanceType: 'ml.p5.48xlarge',
      instanceCount: 2,
      maxSeconds: 86_400,
      spotWaitSeconds: undefined,
      trainingPlanArn: undefined,
      keepAliveSeconds: undefined,
      environment: {},
      kmsKeyArn: undefined,
      vpc: undefined,
    },
    capacity: { attempts: 3, waitMinutes: 30 },
    container: { image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:v2.3', environment: { SM_VLLM_X: '1' } },
    servingRoleArn: 'arn:aws:iam::111122223333:role/serving',
    networkIsolation: true,
    servingVpc: undefined,
    packageGroup: 'stage-models',
    component: {
      endpointName: 'stage',
      variantName: 'main',
      name: 'stage-s1-32b',
      candidateName: 'stage-s1-32b-candidate',
      specification,
      modelPath: '$.Specification.ModelName',
      deployment: {
        RollingUpdatePolicy: { MaximumBatchSize: { Type: 'COPY_COUNT', Value: 1 }, WaitIntervalInSeconds: 300 },
        AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'stage-s1-32b-errors' }] },
      },
    },
    evaluation: { projectName: 'evaluation', maxSeconds: 14_400 },
    approval: 'manual',
    approvalSeconds: 604_800,
    topicArn: 'arn:aws:sns:us-east-1:111122223333:alarms',
    tags: [{ Key: 'budgetforce', Value: 'stage' }],
    ...changes,
  };
}
