import { CHECKPOINTS } from '../bucket-layout.ts';
import type { MachineSettings, TrainingJobSettings } from '../machine-settings.ts';
import { metricDefinitions } from '../metric-definitions.ts';
import { catchAll, failure, present, retryCall, type State, type States, sdkAction } from './state.ts';

/** The training job, and what a job that did not end well means. */
export function trainStates(settings: MachineSettings): States {
  return {
    Train: {
      Type: 'Task',
      Resource: `arn:${settings.partition}:states:::sagemaker:createTrainingJob.sync`,
      Parameters: trainingJob(settings),
      ResultPath: null,
      Catch: catchAll('WasCreated'),
      Next: 'CreateModel',
    },
    WasCreated: {
      Type: 'Choice',
      Comment: 'An error of the API has the name of the service, that of a job has not',
      Choices: [{ Variable: '$.failure.Error', StringMatches: 'SageMaker.*', Next: 'TrainingRefused' }],
      Default: 'DescribeJob',
    },
    DescribeJob: {
      Type: 'Task',
      Resource: sdkAction(settings.partition, 'sagemaker', 'describeTrainingJob'),
      Parameters: { 'TrainingJobName.$': '$.job.name' },
      Retry: retryCall,
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.described', Next: 'TrainingRefused' }],
      ResultPath: '$.described',
      Next: 'WhyNot',
    },
    WhyNot: whyNot,
    ForgetLostAnswer: { Type: 'Pass', Result: {}, ResultPath: '$.failure', Next: 'CreateModel' },
    TrainingRefused: failure('TrainingRefused', 'SageMaker did not create training job {}: {} {}', [
      '$.job.name',
      '$.failure.Error',
      '$.failure.Cause',
    ]),
    TrainingFailed: failure(
      'TrainingFailed',
      'Training job {} failed: {} Its log: budgetforce train logs {}. A new run with the same data starts from the beginning.',
      ['$.job.name', '$.described.FailureReason', '$.names.run'],
    ),
    TrainingStopped: failure('TrainingStopped', 'Training job {} was stopped ({}), so there is no model.', [
      '$.job.name',
      '$.described.SecondaryStatus',
    ]),
    TrainingTooLong: failure(
      'TrainingTooLong',
      `Training job {} was stopped after training.maxHours, ${settings.job.maxSeconds / 3_600} hours. Write more hours, more instances or fewer epochs.`,
      ['$.job.name'],
    ),
    ...capacityStates(settings),
  };
}

const ended = (status: string) => ({ Variable: '$.described.TrainingJobStatus', StringEquals: status });
const secondary = (status: string) => ({
  And: [ended('Stopped'), { Variable: '$.described.SecondaryStatus', StringEquals: status }],
});

const whyNot: State = {
  Type: 'Choice',
  Choices: [
    // The answer was lost, the job was not.
    { ...ended('Completed'), Next: 'ForgetLostAnswer' },
    { ...secondary('Interrupted'), Next: 'AttemptsLeft' },
    { ...secondary('MaxWaitTimeExceeded'), Next: 'AttemptsLeft' },
    { ...secondary('MaxRuntimeExceeded'), Next: 'TrainingTooLong' },
    { ...ended('Stopped'), Next: 'TrainingStopped' },
    {
      And: [
        present('$.described.FailureReason'),
        { Variable: '$.described.FailureReason', StringMatches: '*CapacityError*' },
      ],
      Next: 'AttemptsLeft',
    },
    { ...present('$.described.FailureReason'), Next: 'TrainingFailed' },
  ],
  Default: 'TrainingRefused',
};

/** A job that found no instances, or lost its spot instances, is followed by another, which continues from its checkpoints. */
function capacityStates({ name, capacity, job }: MachineSettings): States {
  return {
    AttemptsLeft: {
      Type: 'Choice',
      Choices: [{ Variable: '$.job.attempt', NumericGreaterThanEquals: capacity.attempts, Next: 'NoCapacity' }],
      Default: 'WaitForCapacity',
    },
    WaitForCapacity: { Type: 'Wait', Seconds: capacity.waitMinutes * 60, Next: 'NextAttempt' },
    NextAttempt: {
      Type: 'Pass',
      Parameters: {
        'attempt.$': 'States.MathAdd($.job.attempt, 1)',
        'name.$': `States.Format('${name}-{}-r{}', $.names.run, $.job.attempt)`,
      },
      ResultPath: '$.job',
      Next: 'ForgetFailure',
    },
    ForgetFailure: { Type: 'Pass', Result: {}, ResultPath: '$.failure', Next: 'Train' },
    NoCapacity: failure(
      'NoCapacity',
      `${capacity.attempts} training jobs found no ${job.instanceCount} × ${job.instanceType}, or lost them. Start a new run later, with another instance type, or with a training plan.`,
    ),
  };
}

const CODE_FOLDER = '/opt/ml/code';

/** Parameters of CreateTrainingJob. https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html */
function trainingJob({ bucketName, job, tags }: MachineSettings): object {
  const uri = (path: string) => `States.Format('s3://${bucketName}/${path}/', $.names.run)`;
  return {
    'TrainingJobName.$': '$.job.name',
    RoleArn: job.roleArn,
    AlgorithmSpecification: {
      TrainingImage: job.image,
      TrainingInputMode: 'File',
      // Instead of the image's own entry point, which wants its toolkit's packing of the code.
      ContainerEntrypoint: [
        '/bin/bash',
        '-c',
        `mkdir -p ${CODE_FOLDER} && cd ${CODE_FOLDER} && python3 -m zipfile -e /opt/ml/input/data/code/*.zip . && exec python3 launch.py`,
      ],
      MetricDefinitions: metricDefinitions,
      EnableSageMakerMetricsTimeSeries: true,
    },
    'HyperParameters.$': '$.options.merged',
    InputDataConfig: [
      channel('train', { 'S3Uri.$': '$.names.data' }),
      channel('code', { S3Uri: job.codeUri }),
      ...(job.baseUri === undefined ? [] : [channel('model', { S3Uri: job.baseUri })]),
    ],
    OutputDataConfig: {
      'S3OutputPath.$': uri('runs/{}/output'),
      // The weights are served as files, not as an archive.
      CompressionType: 'NONE',
      ...(job.kmsKeyArn !== undefined && { KmsKeyId: job.kmsKeyArn }),
    },
    CheckpointConfig: { 'S3Uri.$': uri(`${CHECKPOINTS}{}`), LocalPath: '/opt/ml/checkpoints' },
    ResourceConfig: resources(job),
    StoppingCondition: {
      MaxRuntimeInSeconds: job.maxSeconds,
      ...(job.spotWaitSeconds !== undefined && { MaxWaitTimeInSeconds: job.spotWaitSeconds }),
    },
    EnableManagedSpotTraining: job.spotWaitSeconds !== undefined,
    // After an internal error of SageMaker. The job continues from its checkpoints.
    RetryStrategy: { MaximumRetryAttempts: 3 },
    ...(Object.keys(job.environment).length > 0 && { Environment: job.environment }),
    ...(job.vpc !== undefined && {
      VpcConfig: { Subnets: job.vpc.subnets, SecurityGroupIds: job.vpc.securityGroupIds },
    }),
    Tags: tags,
  };
}

/** Every known instance type has NVMe disks, on which SageMaker puts data and model; a volume of this size is not larger than they are. */
const VOLUME_GB = 30;

function resources(job: TrainingJobSettings): object {
  return {
    InstanceType: job.instanceType,
    InstanceCount: job.instanceCount,
    VolumeSizeInGB: VOLUME_GB,
    ...(job.keepAliveSeconds !== undefined && { KeepAlivePeriodInSeconds: job.keepAliveSeconds }),
    ...(job.trainingPlanArn !== undefined && { TrainingPlanArn: job.trainingPlanArn }),
  };
}

function channel(name: string, uri: object): object {
  return {
    ChannelName: name,
    DataSource: {
      S3DataSource: { S3DataType: 'S3Prefix', ...uri, S3DataDistributionType: 'FullyReplicated' },
    },
    InputMode: 'File',
  };
}
