import { describe, expect, it } from 'vitest';
import { stateMachine } from '../../../lib/training/state-machine.ts';
import { machineSettings } from './machine-settings.ts';
import { awsError, type Play, playRun } from './play-run.ts';

const rows = { KeyCount: 1, Contents: [{ Key: 'runs/run-1/data/rows.jsonl', Size: 1_000 }] };
const inService = (modelName: string) => ({
  InferenceComponentStatus: 'InService',
  Specification: { ModelName: modelName },
});
const gone = awsError('SageMaker.SageMakerException', 'Could not find inference component');
const verdict = (passes: boolean) => ({
  Build: {
    ExportedEnvironmentVariables: [
      { Name: 'VERDICT', Value: JSON.stringify({ passes, sentence: 'Accuracy 61.0 % beside 57.0 %.' }) },
    ],
  },
});
const arn = 'arn:aws:sagemaker:us-east-1:111122223333:model-package/stage-models/1';

/** An AWS on which everything goes well. */
const well = {
  ListData: [rows],
  Train: [{ TrainingJobStatus: 'Completed' }],
  CreateModel: [{}],
  CreatePackageGroup: [{}],
  CreatePackage: [{ ModelPackageArn: arn }],
  CreateCandidate: [{}],
  DescribeCandidate: [{ InferenceComponentStatus: 'Creating' }, inService('stage-run-1')],
  Evaluate: [verdict(true)],
  DeleteCandidate: [{}],
  SeeDeletion: [{ InferenceComponentStatus: 'Deleting' }, gone],
  NotifyApprover: [{}],
  AskApproval: [{ approved: true, by: 'me' }],
  Approve: [{}],
  Reject: [{}],
  DescribeService: [inService('EndpointModel-1')],
  ReadFormer: [awsError('S3.NoSuchKeyException', 'The specified key does not exist.')],
  UpdateComponent: [{}],
  DescribeUpdate: [
    { InferenceComponentStatus: 'Updating', Specification: { ModelName: 'EndpointModel-1' } },
    inService('stage-run-1'),
  ],
  RecordService: [{}],
  NotifyFailure: [{}],
};

const called = ({ calls }: Play, state: string) => calls.filter((call) => call.state === state);
const parametersOf = (play: Play, state: string) => called(play, state).map(({ parameters }) => parameters);

describe('a run that goes well', () => {
  it('trains, registers, evaluates, asks and puts the weights into service', async () => {
    const play = await playRun(well, {
      input: { run: 'run-1', data: 's3://runs-bucket/runs/run-1/data/', hyperparameters: { epochs: '3' } },
    });
    expect(play.outcome).toEqual({ succeeded: true });
    expect(play.unmodelled).toEqual([]);
    const [job] = parametersOf(play, 'Train');
    expect(job).toMatchObject({
      TrainingJobName: 'stage-run-1',
      // The input replaces one of the config's, and leaves the others.
      HyperParameters: { format: 's1', epochs: '3', learning_rate: '1e-5' },
      CheckpointConfig: { S3Uri: 's3://runs-bucket/checkpoints/run-1/', LocalPath: '/opt/ml/checkpoints' },
      OutputDataConfig: { S3OutputPath: 's3://runs-bucket/runs/run-1/output/', CompressionType: 'NONE' },
      ResourceConfig: { InstanceType: 'ml.p5.48xlarge', InstanceCount: 2 },
      EnableManagedSpotTraining: false,
    });
    const weights = 's3://runs-bucket/runs/run-1/output/stage-run-1/output/model/';
    expect(parametersOf(play, 'CreateModel')).toMatchObject([
      { ModelName: 'stage-run-1', PrimaryContainer: { ModelDataSource: { S3DataSource: { S3Uri: weights } } } },
    ]);
    expect(parametersOf(play, 'CreatePackage')).toMatchObject([
      {
        ModelApprovalStatus: 'PendingManualApproval',
        InferenceSpecification: { Containers: [{ ModelDataSource: { S3DataSource: { S3Uri: weights } } }] },
      },
    ]);
    expect(parametersOf(play, 'UpdateComponent')).toMatchObject([
      {
        InferenceComponentName: 'stage-s1-32b',
        Specification: { ModelName: 'stage-run-1' },
        DeploymentConfig: { AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'stage-s1-32b-errors' }] } },
      },
    ]);
    expect(parametersOf(play, 'RecordService')).toMatchObject([
      {
        Key: 'service/current.json',
        Body: { modelName: 'stage-run-1', run: 'run-1', previousModelName: 'EndpointModel-1', previousRun: '' },
      },
    ]);
  });

  it('asks for approval with a token, the package and the report, and tells the topic', async () => {
    const play = await playRun(well);
    expect(parametersOf(play, 'AskApproval')).toEqual([
      {
        Bucket: 'runs-bucket',
        Key: 'runs/run-1/approval.json',
        ContentType: 'application/json',
        Body: {
          token: 'token-1',
          run: 'run-1',
          modelPackageArn: arn,
          report: 's3://runs-bucket/runs/run-1/evaluation/',
          asked: '2026-11-26T12:00:00Z',
          timeoutSeconds: 604_800,
        },
      },
    ]);
    expect(parametersOf(play, 'NotifyApprover')[0]).toMatchObject({
      Message: expect.stringContaining('npx budgetforce train promote run-1'),
    });
  });

  it('deletes the temporary component before it asks for approval, and waits until it is gone', async () => {
    const { states } = await playRun(well);
    expect(states.indexOf('DeleteCandidate')).toBeLessThan(states.indexOf('AskApproval'));
    expect(states.filter((state) => state === 'SeeDeletion')).toHaveLength(2);
  });

  it('remembers the run that was in service before', async () => {
    const current = { modelName: 'stage-run-0', run: 'run-0', previousModelName: 'EndpointModel-1', previousRun: '' };
    const play = await playRun({
      ...well,
      DescribeService: [inService('stage-run-0')],
      ReadFormer: [{ Body: JSON.stringify(current) }],
    });
    expect(parametersOf(play, 'RecordService')).toMatchObject([
      { Body: { previousModelName: 'stage-run-0', previousRun: 'run-0' } },
    ]);
    const deployed = await playRun({
      ...well,
      // The endpoint stack was deployed in between: the former run is no longer in service.
      DescribeService: [inService('EndpointModel-2')],
      ReadFormer: [{ Body: JSON.stringify(current) }],
    });
    expect(parametersOf(deployed, 'RecordService')).toMatchObject([
      { Body: { previousModelName: 'EndpointModel-2', previousRun: '' } },
    ]);
  });

  it('lets the rule decide without asking anybody', async () => {
    const settings = machineSettings({ approval: 'rule' });
    const play = await playRun(well, { settings });
    expect(play.outcome).toEqual({ succeeded: true });
    expect(play.states).not.toContain('AskApproval');
    const worse = await playRun({ ...well, Evaluate: [verdict(false)] }, { settings });
    expect(worse.outcome).toEqual({
      succeeded: false,
      error: 'RuleNotMet',
      cause:
        'The trained model does not meet training.approval: Accuracy 61.0 % beside 57.0 %. The report: runs/run-1/evaluation/report.md in the bucket.',
    });
    expect(called(worse, 'Reject')).toHaveLength(1);
    expect(called(worse, 'UpdateComponent')).toHaveLength(0);
  });

  it('asks no questions without an evaluation', async () => {
    const play = await playRun(well, { settings: machineSettings({ evaluation: undefined }) });
    expect(play.outcome).toEqual({ succeeded: true });
    expect(play.states.some((state) => /Candidate|Evaluate/.test(state))).toBe(false);
  });
});

describe('a run with a wrong input', () => {
  it.each<[string, object, Record<string, readonly unknown[]>, string]>([
    ['another run’s name', { run: 'run-2' }, {}, 'WrongInput'],
    ['another folder of data', { data: 's3://elsewhere/' }, {}, 'WrongInput'],
    ['no data', {}, { ListData: [{ KeyCount: 0 }] }, 'DataMissing'],
    [
      'empty files',
      {},
      { ListData: [{ KeyCount: 1, Contents: [{ Key: 'runs/run-1/data/', Size: 0 }] }] },
      'DataMissing',
    ],
    ['data that cannot be listed', {}, { ListData: [awsError('S3.S3Exception', 'Access Denied')] }, 'DataUnreadable'],
  ])('starts no job for %s', async (_, input, answers, error) => {
    const play = await playRun({ ...well, ...answers }, { input });
    expect(play.outcome).toMatchObject({ succeeded: false, error });
    expect(called(play, 'Train')).toHaveLength(0);
    expect(called(play, 'NotifyFailure')).toHaveLength(1);
  });
});

const jobFailed = awsError('States.TaskFailed', '{"TrainingJobStatus":"Failed"}');
const described = (status: string, secondary: string, reason?: string) => ({
  TrainingJobStatus: status,
  SecondaryStatus: secondary,
  ...(reason !== undefined && { FailureReason: reason }),
});

describe('a training job that does not end well', () => {
  it('a failed job ends the run with its reason', async () => {
    const reason = 'AlgorithmError: rows.jsonl, line 7: answer is missing.';
    const play = await playRun({ ...well, Train: [jobFailed], DescribeJob: [described('Failed', 'Failed', reason)] });
    expect(play.outcome).toEqual({
      succeeded: false,
      error: 'TrainingFailed',
      cause: `Training job stage-run-1 failed: ${reason} Its log: budgetforce train logs run-1. A new run with the same data starts from the beginning.`,
    });
    expect(play.unmodelled).toEqual([]);
    expect(called(play, 'CreateModel')).toHaveLength(0);
  });

  const noCapacity = described('Failed', 'Failed', 'CapacityError: Unable to provision requested ML compute capacity.');

  it('without capacity another job follows, which continues from the same checkpoints', async () => {
    const play = await playRun({
      ...well,
      Train: [jobFailed, jobFailed, { TrainingJobStatus: 'Completed' }],
      DescribeJob: [noCapacity],
    });
    expect(play.outcome).toEqual({ succeeded: true });
    const jobs = parametersOf(play, 'Train');
    expect(jobs.map(({ TrainingJobName }) => TrainingJobName)).toEqual([
      'stage-run-1',
      'stage-run-1-r1',
      'stage-run-1-r2',
    ]);
    expect(new Set(jobs.map(({ CheckpointConfig }) => JSON.stringify(CheckpointConfig))).size).toBe(1);
    expect(parametersOf(play, 'CreateModel')).toMatchObject([
      {
        ModelName: 'stage-run-1',
        PrimaryContainer: {
          ModelDataSource: {
            S3DataSource: { S3Uri: 's3://runs-bucket/runs/run-1/output/stage-run-1-r2/output/model/' },
          },
        },
      },
    ]);
    expect(play.states.filter((state) => state === 'WaitForCapacity')).toHaveLength(2);
  });

  it('after the last attempt the run ends', async () => {
    const play = await playRun({ ...well, Train: [jobFailed], DescribeJob: [noCapacity] });
    expect(play.outcome).toMatchObject({ succeeded: false, error: 'NoCapacity' });
    expect(called(play, 'Train')).toHaveLength(3);
  });

  it.each(['Interrupted', 'MaxWaitTimeExceeded'])(
    'spot instances that are taken away (%s) are asked for again',
    async (status) => {
      const spot = machineSettings();
      const settings = { ...spot, job: { ...spot.job, spotWaitSeconds: 172_800 } };
      const play = await playRun(
        {
          ...well,
          Train: [jobFailed, { TrainingJobStatus: 'Completed' }],
          DescribeJob: [described('Stopped', status)],
        },
        { settings },
      );
      expect(play.outcome).toEqual({ succeeded: true });
      expect(parametersOf(play, 'Train')[1]).toMatchObject({
        EnableManagedSpotTraining: true,
        StoppingCondition: { MaxRuntimeInSeconds: 86_400, MaxWaitTimeInSeconds: 172_800 },
      });
      expect(play.unmodelled).toEqual([]);
    },
  );

  it.each([
    ['Stopped', 'TrainingStopped'],
    ['MaxRuntimeExceeded', 'TrainingTooLong'],
  ])('a job that was stopped (%s) ends the run', async (secondary, error) => {
    const play = await playRun({ ...well, Train: [jobFailed], DescribeJob: [described('Stopped', secondary)] });
    expect(play.outcome).toMatchObject({ succeeded: false, error });
    expect(called(play, 'Train')).toHaveLength(1);
  });

  it('a job that SageMaker refuses is not described: another job of its name would be', async () => {
    const refused = awsError(
      'SageMaker.ResourceLimitExceededException',
      'The account-level service limit is 0 Instances.',
    );
    const play = await playRun({ ...well, Train: [refused], DescribeJob: [described('Completed', 'Completed')] });
    expect(play.outcome).toMatchObject({ succeeded: false, error: 'TrainingRefused' });
    expect(play.outcome).toMatchObject({ cause: expect.stringContaining('The account-level service limit is 0') });
    expect(called(play, 'DescribeJob')).toHaveLength(0);
  });

  it('a job whose answer was lost goes on', async () => {
    const play = await playRun({ ...well, Train: [jobFailed], DescribeJob: [described('Completed', 'Completed')] });
    expect(play.outcome).toEqual({ succeeded: true });
  });
});

describe('an evaluation that fails', () => {
  const failures: [string, Record<string, readonly unknown[]>][] = [
    [
      'a candidate without capacity',
      { DescribeCandidate: [{ InferenceComponentStatus: 'Failed', FailureReason: 'No capacity' }] },
    ],
    ['a candidate that fails silently', { DescribeCandidate: [{ InferenceComponentStatus: 'Failed' }] }],
    ['a candidate that never starts', { DescribeCandidate: [{ InferenceComponentStatus: 'Creating' }] }],
    ['a candidate that cannot be seen', { DescribeCandidate: [awsError('SageMaker.SageMakerException', 'denied')] }],
    ['a build that fails', { Evaluate: [awsError('States.TaskFailed', 'FAILED')] }],
    ['a build that takes too long', { Evaluate: [awsError('States.Timeout', '')] }],
  ];
  it.each(failures)('deletes the temporary component after %s', async (_, answers) => {
    const play = await playRun({ ...well, ...answers });
    expect(play.outcome).toMatchObject({ succeeded: false, error: 'EvaluationFailed' });
    expect(parametersOf(play, 'DeleteCandidate')).toEqual([{ InferenceComponentName: 'stage-s1-32b-candidate' }]);
    expect(called(play, 'AskApproval')).toHaveLength(0);
  });

  it('does not delete the component of another run, for whose end it waits', async () => {
    const exists = awsError('SageMaker.SageMakerException', 'Inference Component already exists');
    const play = await playRun({ ...well, CreateCandidate: [exists] });
    expect(play.outcome).toMatchObject({ succeeded: false, error: 'EvaluationFailed' });
    expect(called(play, 'CreateCandidate')).toHaveLength(7);
    expect(called(play, 'DeleteCandidate')).toHaveLength(0);
    const second = await playRun({ ...well, CreateCandidate: [exists, {}] });
    expect(second.outcome).toEqual({ succeeded: true });
  });

  it('says how to delete a component that stays', async () => {
    const play = await playRun({ ...well, SeeDeletion: [{ InferenceComponentStatus: 'Deleting' }] });
    expect(play.outcome).toMatchObject({ succeeded: false, error: 'CandidateStays' });
    expect(play.outcome).toMatchObject({
      cause: expect.stringContaining('--inference-component-name stage-s1-32b-candidate'),
    });
  });

  it('tries again if the deletion is refused', async () => {
    const busy = awsError('SageMaker.SageMakerException', 'Cannot delete while Creating');
    const play = await playRun({ ...well, DeleteCandidate: [busy, busy, {}] });
    expect(play.outcome).toEqual({ succeeded: true });
    expect(called(play, 'DeleteCandidate')).toHaveLength(3);
  });
});

describe('an approval', () => {
  it.each<[string, unknown, string]>([
    ['by the answer', { approved: false, by: 'me' }, 'Run run-1 was rejected: {"approved":false,"by":"me"}'],
    [
      'by an error',
      awsError('Rejected', 'Its thoughts are too long'),
      'Run run-1 was rejected: Its thoughts are too long',
    ],
  ])('that is refused %s leaves the service as it is', async (_, answer, cause) => {
    const play = await playRun({ ...well, AskApproval: [answer] });
    expect(play.outcome).toEqual({ succeeded: false, error: 'Rejected', cause });
    expect(parametersOf(play, 'Reject')).toMatchObject([{ ModelPackageArn: arn, ModelApprovalStatus: 'Rejected' }]);
    expect(called(play, 'UpdateComponent')).toHaveLength(0);
    expect(play.unmodelled).toEqual([]);
  });

  it('that nobody gives expires', async () => {
    const play = await playRun({ ...well, AskApproval: [awsError('States.Timeout', '')] });
    expect(play.outcome).toMatchObject({ succeeded: false, error: 'ApprovalExpired' });
  });

  it('whose token cannot be written is no rejection', async () => {
    const play = await playRun({ ...well, AskApproval: [awsError('S3.S3Exception', 'Access Denied')] });
    expect(play.outcome).toMatchObject({ succeeded: false, error: 'ApprovalFailed' });
    expect(called(play, 'Reject')).toHaveLength(0);
  });

  it('goes on if the registry or the topic is out of order', async () => {
    const broken = [awsError('SNS.SnsException', 'out of order')];
    const play = await playRun({ ...well, NotifyApprover: broken, Approve: broken, CreatePackageGroup: broken });
    expect(play.outcome).toEqual({ succeeded: true });
  });
});

describe('an update of the service', () => {
  it('that an alarm rolls back ends the run, and is not recorded', async () => {
    const play = await playRun({
      ...well,
      DescribeUpdate: [
        { InferenceComponentStatus: 'Updating', Specification: { ModelName: 'stage-run-1' } },
        inService('EndpointModel-1'),
      ],
    });
    expect(play.outcome).toMatchObject({ succeeded: false, error: 'RolledBack' });
    expect(called(play, 'RecordService')).toHaveLength(0);
  });

  it.each([
    ['UpdateFailed', { DescribeUpdate: [{ InferenceComponentStatus: 'Failed', Specification: { ModelName: 'x' } }] }],
    ['UpdateLate', { DescribeUpdate: [{ InferenceComponentStatus: 'Updating', Specification: { ModelName: 'x' } }] }],
    ['PromotionFailed', { UpdateComponent: [awsError('SageMaker.SageMakerException', 'in progress')] }],
    ['NotRecorded', { RecordService: [awsError('S3.S3Exception', 'Access Denied')] }],
  ])('that does not end well is %s', async (error, answers) => {
    expect((await playRun({ ...well, ...answers })).outcome).toMatchObject({ succeeded: false, error });
  });
});

describe('a roll-back', () => {
  const current = { modelName: 'stage-run-1', run: 'run-1', previousModelName: 'EndpointModel-1', previousRun: '' };
  const read = {
    ...well,
    ReadService: [{ Body: JSON.stringify(current) }],
    DescribeUpdate: [inService('EndpointModel-1')],
  };

  it('puts the former weights into service, and a second one puts them back', async () => {
    const play = await playRun(read, { input: { rollBack: true }, name: 'roll-back-1' });
    expect(play.outcome).toEqual({ succeeded: true });
    expect(parametersOf(play, 'UpdateComponent')).toMatchObject([{ Specification: { ModelName: 'EndpointModel-1' } }]);
    expect(parametersOf(play, 'RecordService')).toMatchObject([
      { Body: { modelName: 'EndpointModel-1', run: '', previousModelName: 'stage-run-1', previousRun: 'run-1' } },
    ]);
    expect(play.states.some((state) => /Train|Candidate/.test(state))).toBe(false);
    expect(play.unmodelled).toEqual([]);
  });

  it.each([
    ['no file', [awsError('S3.NoSuchKeyException', '')]],
    ['no former weights', [{ Body: '{"modelName":"stage-run-1"}' }]],
  ])('without a former run (%s) changes nothing', async (_, ReadService) => {
    const play = await playRun({ ...read, ReadService }, { input: { rollBack: true } });
    expect(play.outcome).toMatchObject({ succeeded: false, error: 'NothingToRollBack' });
    expect(called(play, 'UpdateComponent')).toHaveLength(0);
  });
});

describe('a clean-up after an aborted run', () => {
  const input = { cleanUp: 'run-1' };

  it('deletes the temporary component of that run', async () => {
    const play = await playRun({ DescribeLeftover: [inService('stage-run-1')], DeleteLeftover: [{}] }, { input });
    expect(play.outcome).toEqual({ succeeded: true });
    expect(parametersOf(play, 'DeleteLeftover')).toEqual([{ InferenceComponentName: 'stage-s1-32b-candidate' }]);
    expect(play.unmodelled).toEqual([]);
  });

  it.each([
    ['there is none', { DescribeLeftover: [gone] }],
    ['it is another run’s', { DescribeLeftover: [inService('stage-run-2')] }],
  ])('deletes nothing if %s', async (_, answers) => {
    const play = await playRun(answers, { input });
    expect(play.outcome).toEqual({ succeeded: true });
    expect(called(play, 'DeleteLeftover')).toHaveLength(0);
  });

  it('never fails, because a failure would start it again', async () => {
    const play = await playRun({ DescribeLeftover: [inService('stage-run-1')], DeleteLeftover: [gone] }, { input });
    expect(play.outcome).toEqual({ succeeded: true });
  });
});

describe('the states', () => {
  const { States: states } = stateMachine(machineSettings());

  it('of every call catch all errors, so that each failure has a name and a sentence', () => {
    const bare = Object.entries(states).filter(([, state]) => state.Type === 'Task' && state.Catch === undefined);
    expect(bare).toEqual([]);
  });

  it('name only states that exist, and each is reached', () => {
    const targets = [...JSON.stringify(states).matchAll(/"(?:Next|Default)":"(\w+)"/g)].map(([, name]) => name);
    expect([...new Set([...targets, 'Start'])].sort()).toEqual(Object.keys(states).sort());
  });
});
