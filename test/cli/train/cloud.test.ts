import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { trainCommand } from '../../../cli/commands/train.ts';
import { phaseOf } from '../../../cli/train/cloud/phases.ts';
import { stateMachine } from '../../../lib/training/state-machine.ts';
import { machineSettings } from '../../lib/training/machine-settings.ts';
import { unmodelled } from '../doctor/modelled.ts';
import { type Answers, scriptedAws } from '../doctor/scripted-aws.ts';
import { MemoryS3 } from '../weights/memory-s3.ts';

const MACHINE = 'arn:aws:states:us-east-1:111122223333:stateMachine:s1-32b-training';
const EXECUTION = 'arn:aws:states:us-east-1:111122223333:execution:s1-32b-training:first';
const ME = 'arn:aws:iam::111122223333:user/me';

// Answers are written by hand from the pages of the operations in AWS's API references.
const outputs = (entries: Readonly<Record<string, string>>) => ({
  xml: `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>s1-32b-training</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-26T00:00:00Z</CreationTime><Outputs>${Object.entries(
    entries,
  )
    .map(([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`)
    .join('')}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
});
const noStack = {
  status: 400,
  xml: '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id s1-32b-training does not exist</Message></Error></ErrorResponse>',
};
const jsonError = (name: string, message = name) => ({
  status: 400,
  headers: { 'x-amzn-errortype': name },
  json: { __type: name, message },
});
const execution = (status: string, more: object = {}) => ({
  json: { executionArn: EXECUTION, stateMachineArn: MACHINE, name: 'first', status, startDate: 1_795_000_000, ...more },
});
const history = (state: string) => ({
  json: {
    events: [
      { timestamp: 1_795_000_900, type: 'TaskSubmitted', id: 9, previousEventId: 8 },
      { timestamp: 1_795_000_800, type: 'TaskStateEntered', id: 8, stateEnteredEventDetails: { name: state } },
      { timestamp: 1_795_000_100, type: 'PassStateEntered', id: 2, stateEnteredEventDetails: { name: 'NameRun' } },
    ],
  },
});
const job = (name: string, more: object = {}) => ({
  json: {
    TrainingJobName: name,
    TrainingJobArn: `arn:aws:sagemaker:us-east-1:111122223333:training-job/${name}`,
    ModelArtifacts: { S3ModelArtifacts: `s3://models/runs/first/output/${name}/output/model` },
    StoppingCondition: { MaxRuntimeInSeconds: 86_400 },
    TrainingJobStatus: 'InProgress',
    SecondaryStatus: 'Training',
    ResourceConfig: { InstanceType: 'ml.p5.48xlarge', InstanceCount: 2, VolumeSizeInGB: 30 },
    CreationTime: 1_795_000_000,
    TrainingStartTime: 1_795_000_000,
    TrainingEndTime: 1_795_001_800,
    ...more,
  },
});
const jobs = (...names: readonly string[]) => ({
  json: {
    TrainingJobSummaries: names.map((TrainingJobName) => ({
      TrainingJobName,
      TrainingJobArn: `arn:aws:sagemaker:us-east-1:111122223333:training-job/${TrainingJobName}`,
      CreationTime: 1_795_000_000,
      TrainingJobStatus: 'InProgress',
    })),
  },
});
const stepLine = (step: number) =>
  JSON.stringify({
    step,
    steps: 315,
    epoch: step / 63,
    loss: 1 / step,
    learning_rate: 1e-5,
    grad_norm: 1,
    token_accuracy: 0.9,
    tokens_per_second: 10_000,
    tokens: step * 100_000,
  });
const startLine =
  '{"event":"start","processes":16,"checkpoint":null,"removed":[],"rows":1000,"tokens":1,"trained_tokens":1,"longest":1,"dropped":0,"control_strings":0}';
const logEvents = (token: string, ...messages: readonly string[]) => ({
  json: { events: messages.map((message) => ({ message, timestamp: 1, ingestionTime: 1 })), nextForwardToken: token },
});
const identity = {
  xml: `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>${ME}</Arn><UserId>me</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
};

const healthy: Answers = {
  DescribeStacks: outputs({ StateMachineArn: MACHINE, TrainingBucketName: 'models' }),
  DescribeExecution: execution('RUNNING'),
  GetExecutionHistory: history('Train'),
  ListExecutions: {
    json: {
      executions: [
        {
          executionArn: EXECUTION,
          stateMachineArn: MACHINE,
          name: 'second',
          status: 'RUNNING',
          startDate: 1_795_000_000,
        },
        {
          executionArn: EXECUTION,
          stateMachineArn: MACHINE,
          name: 'first',
          status: 'TIMED_OUT',
          startDate: 1_794_000_000,
        },
      ],
    },
  },
  StartExecution: { json: { executionArn: EXECUTION, startDate: 1_795_000_000 } },
  StopExecution: { json: { stopDate: 1_795_000_000 } },
  SendTaskSuccess: { json: {} },
  SendTaskFailure: { json: {} },
  // The job of another run, whose name begins in the same way, is the newest.
  ListTrainingJobs: jobs('s1-32b-first-again', 's1-32b-first-r1', 's1-32b-first'),
  DescribeTrainingJob: job('s1-32b-first-r1'),
  DescribeLogStreams: {
    json: { logStreams: [{ logStreamName: 's1-32b-first-r1/algo-1-1795000000' }] },
  },
  GetLogEvents: logEvents('end', startLine, ...[1, 2, 3].map(stepLine)),
  GetCallerIdentity: identity,
};

let answers: Answers;
let aws: Awaited<ReturnType<typeof scriptedAws>>;
let s3: MemoryS3;
let folder: string;
let config: string;
let written: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'train-cloud-'));
  config = join(folder, 'config.json');
  const parsed = JSON.parse(readFileSync('config/s1-32b-training.json', 'utf8'));
  writeFileSync(config, JSON.stringify({ ...parsed, name: 's1-32b' }));
  answers = healthy;
  aws = await scriptedAws(() => answers);
  s3 = new MemoryS3();
  vi.stubEnv('AWS_ENDPOINT_URL', aws.url);
  vi.stubEnv('AWS_ENDPOINT_URL_S3', await s3.start());
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  written = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  aws.close();
  s3.close();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

async function train(...argv: readonly string[]): Promise<number> {
  written = '';
  return await trainCommand.run([...argv, '--runs', join(folder, 'runs')]);
}
const ofDeployment = () => ['--config', config];
const asked = (name: string) => aws.asked.filter((operation) => operation.name === name).map(({ input }) => input);
const put = (key: string, value: unknown) => s3.objects.set(key, Buffer.from(JSON.stringify(value)));

describe('the scripted answers', () => {
  it.each(Object.entries(healthy))('%s is as the service’s model says', (operation, answer) => {
    expect(unmodelled(operation, typeof answer === 'function' ? answer({}) : answer)).toEqual([]);
  });
});

describe('a state of the machine', () => {
  it('belongs to a phase', () => {
    const states = [
      machineSettings(),
      machineSettings({ approval: 'rule', topicArn: 'arn:aws:sns:us-east-1:1:t' }),
    ].flatMap((settings) => Object.keys(stateMachine(settings).States));
    expect(states.filter((state) => phaseOf(state) === state)).toEqual([]);
  });
});

describe('budgetforce train status', () => {
  it('shows phase, loss, speed, time left and dollars of the latest job', async () => {
    expect(await train('status', 'first', ...ofDeployment(), '--json')).toBe(0);
    expect(JSON.parse(written)).toMatchObject({
      run: 'first',
      place: 'AWS',
      state: 'training',
      progress: { step: 3, steps: 315, firstLoss: 1, tokensPerSecond: 10_000, secondsLeft: 3_120 },
      dollars: { value: 63, formula: '30.0 min × 2 × ml.p5.48xlarge × $63/h, of the latest training job' },
      notes: ['Training job s1-32b-first-r1: Training'],
    });
    expect(await train('status', 'first', ...ofDeployment())).toBe(0);
    expect(written).toContain('step 3 of 315, loss 0.333, 10,000 tokens/s, 52.0 min left\n');
    expect(written).toContain('about $63.00 so far: ');
  });

  it('takes billed seconds, and the discount of spot only before them', async () => {
    answers = {
      ...healthy,
      DescribeTrainingJob: job('j', { BillableTimeInSeconds: 600, EnableManagedSpotTraining: true }),
    };
    await train('status', 'first', ...ofDeployment(), '--json');
    expect(JSON.parse(written).dollars.value).toBeCloseTo(21);
    answers = { ...healthy, DescribeTrainingJob: job('j', { EnableManagedSpotTraining: true }) };
    await train('status', 'first', ...ofDeployment(), '--json');
    expect(JSON.parse(written).dollars.value).toBeCloseTo(31.5);
  });

  it('says why a run failed, and how to decide about one that waits', async () => {
    answers = { ...healthy, DescribeExecution: execution('FAILED', { error: 'NoCapacity', cause: 'No instances.' }) };
    await train('status', 'first', ...ofDeployment());
    expect(written).toMatch(/^first on AWS: failed/);
    expect(written).toContain('NoCapacity: No instances.\n');
    answers = { ...healthy, GetExecutionHistory: history('AskApproval') };
    await train('status', 'first', ...ofDeployment());
    expect(written).toMatch(/^first on AWS: waits for approval/);
    expect(written).toContain('Report: s3://models/runs/first/evaluation/report.md\n');
  });

  it('works without the right to read logs, and before there is a job', async () => {
    const { GetLogEvents: _, ...blind } = healthy;
    answers = blind;
    await train('status', 'first', ...ofDeployment(), '--json');
    expect(JSON.parse(written)).toMatchObject({ state: 'training', progress: { step: 0 } });
    answers = { ...healthy, ListTrainingJobs: jobs(), GetExecutionHistory: history('ListData') };
    await train('status', 'first', ...ofDeployment(), '--json');
    const status = JSON.parse(written);
    expect(status).toMatchObject({ state: 'starting' });
    expect(status.dollars).toBeUndefined();
  });

  it('takes the newest run without a name', async () => {
    await train('status', ...ofDeployment());
    expect(written).toMatch(/^second on AWS/);
  });

  it.each<[string, Answers, RegExp]>([
    [
      'no such run',
      { DescribeExecution: jsonError('ExecutionDoesNotExist') },
      /^There is no run first\. npx budgetforce train runs/,
    ],
    [
      'no stack',
      { DescribeStacks: noStack },
      /^The stack s1-32b-training is not deployed\. Deploy it: npx cdk deploy s1-32b-training/,
    ],
    ['a stack that is not ready', { DescribeStacks: outputs({}) }, /is CREATE_COMPLETE and cannot train yet/],
    [
      'expired credentials',
      {
        DescribeExecution: jsonError('ExpiredTokenException', 'The security token included in the request is expired'),
      },
      /^There are no valid credentials for AWS/,
    ],
    [
      'a missing right',
      { DescribeExecution: jsonError('AccessDeniedException', 'not authorized to perform: states:DescribeExecution') },
      /^AWS refuses a call that this needs: .*states:DescribeExecution/,
    ],
  ])('says in one sentence: %s', async (_, changes, message) => {
    answers = { ...healthy, ...changes };
    await expect(train('status', 'first', ...ofDeployment())).rejects.toThrow(message);
  });
});

describe('budgetforce train runs', () => {
  it('lists the runs of a deployment with their phases', async () => {
    expect(await train('runs', ...ofDeployment())).toBe(0);
    expect(written.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['second', '2026-11-18 11:06 UTC', 'AWS', 'training'],
      ['first ', '2026-11-06 21:20 UTC', 'AWS', 'timed out'].map((word) => word.trim()),
      [''],
    ]);
  });

  it('says how to start one if there is none', async () => {
    answers = { ...healthy, ListExecutions: { json: { executions: [] } } };
    await train('runs', ...ofDeployment());
    expect(written).toBe(`There are no runs yet. budgetforce train start ${config} --data rows.jsonl starts one.\n`);
    await expect(train('status', ...ofDeployment())).rejects.toThrow('There are no runs yet.');
  });
});

describe('budgetforce train logs', () => {
  it('shows the log of the first host, page by page', async () => {
    answers = {
      ...healthy,
      GetLogEvents: ({ nextToken }) =>
        nextToken === undefined
          ? logEvents('second', 'one\ntwo')
          : logEvents('third', ...(nextToken === 'second' ? ['three'] : [])),
    };
    expect(await train('logs', 'first', ...ofDeployment())).toBe(0);
    expect(written).toBe('one\ntwo\nthree\n');
    expect(asked('DescribeLogStreams')[0]).toMatchObject({ logStreamNamePrefix: 's1-32b-first-r1/algo-1-' });
  });

  it('says that there is no job yet', async () => {
    answers = { ...healthy, ListTrainingJobs: jobs() };
    await expect(train('logs', 'first', ...ofDeployment())).rejects.toThrow('The run first has no training job yet');
  });
});

describe('budgetforce train stop', () => {
  it('stops the execution, and refuses one that has ended', async () => {
    expect(await train('stop', 'first', ...ofDeployment())).toBe(0);
    expect(asked('StopExecution')).toEqual([
      { executionArn: EXECUTION, error: 'Stopped', cause: 'budgetforce train stop' },
    ]);
    expect(written).toMatch(/^Stopped first\. /);
    answers = { ...healthy, DescribeExecution: execution('SUCCEEDED') };
    await expect(train('stop', 'first', ...ofDeployment())).rejects.toThrow(
      'The run first is not going: it is succeeded.',
    );
    await expect(train('stop')).rejects.toThrow('stop takes one run');
  });
});

describe('budgetforce train promote', () => {
  const waiting: Answers = { ...healthy, GetExecutionHistory: history('AskApproval') };
  beforeEach(() => {
    answers = waiting;
    put('runs/first/approval.json', {
      token: 'TOKEN',
      run: 'first',
      modelPackageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/s1-32b-models/1',
      report: 's3://models/runs/first/evaluation/',
      asked: '2026-11-26T00:00:00Z',
      timeoutSeconds: 604_800,
    });
  });

  it('sends the token back with the name of who decided', async () => {
    expect(await train('promote', 'first', ...ofDeployment())).toBe(0);
    expect(asked('SendTaskSuccess')).toEqual([
      { taskToken: 'TOKEN', output: JSON.stringify({ approved: true, by: ME }) },
    ]);
    expect(written).toMatch(/^first goes into service\./);
  });

  it('rejects with a reason', async () => {
    expect(await train('promote', 'first', ...ofDeployment(), '--reject', '--reason', 'worse at math', '--json')).toBe(
      0,
    );
    expect(asked('SendTaskSuccess')).toEqual([]);
    expect(asked('SendTaskFailure')).toEqual([
      { taskToken: 'TOKEN', error: 'Rejected', cause: `worse at math (by ${ME})` },
    ]);
    expect(JSON.parse(written)).toEqual({
      run: 'first',
      approved: false,
      report: 's3://models/runs/first/evaluation/',
    });
  });

  it.each<[string, Answers, RegExp]>([
    ['trains', { GetExecutionHistory: history('Train') }, /^The run first does not wait for approval: training\.$/],
    ['has ended', { DescribeExecution: execution('FAILED') }, /does not wait for approval: failed/],
    [
      'was decided just now',
      { SendTaskSuccess: jsonError('TaskTimedOut') },
      /does not wait for this approval any more/,
    ],
    ['does not exist', { DescribeExecution: jsonError('ExecutionDoesNotExist') }, /^There is no run first/],
  ])('refuses a run that %s, and sends nothing', async (_, changes, message) => {
    answers = { ...waiting, ...changes };
    await expect(train('promote', 'first', ...ofDeployment())).rejects.toThrow(message);
  });

  it('refuses wrong arguments, and a run without a token', async () => {
    await expect(train('promote', ...ofDeployment())).rejects.toThrow('promote takes one run');
    await expect(train('promote', 'first', '--reason', 'x', ...ofDeployment())).rejects.toThrow('add --reject');
    await expect(train('promote', 'first')).rejects.toThrow(
      'Give the config of the deployment: budgetforce train promote first',
    );
    s3.objects.clear();
    await expect(train('promote', 'first', ...ofDeployment())).rejects.toThrow('approval.json has no token yet');
  });
});

describe('budgetforce train roll-back', () => {
  it('starts an execution that puts the former weights into service', async () => {
    put('service/current.json', {
      modelName: 's1-32b-first',
      run: 'first',
      previousModelName: 's1-32b',
      previousRun: '',
    });
    expect(await train('roll-back', config, '--yes')).toBe(0);
    expect(asked('StartExecution')).toEqual([
      { stateMachineArn: MACHINE, name: expect.stringMatching(/^roll-back-\d{14}$/), input: '{"rollBack":true}' },
    ]);
    expect(written).toMatch(/^The weights of run first are replaced by the deployed weights \(s1-32b\)\./);
  });

  it('refuses if nothing was promoted, and asks first', async () => {
    await expect(train('roll-back', config, '--yes')).rejects.toThrow('There is nothing to roll back');
    put('service/current.json', {
      modelName: 's1-32b-first',
      run: 'first',
      previousModelName: 's1-32b',
      previousRun: '',
    });
    await expect(train('roll-back', config)).rejects.toThrow('There is no terminal to ask on: add --yes.');
    await expect(train('roll-back')).rejects.toThrow('roll-back takes one config');
    expect(asked('StartExecution')).toEqual([]);
  });
});

describe('budgetforce train start', () => {
  const rows = (count: number) =>
    Array.from(
      { length: count },
      (_, index) =>
        `${JSON.stringify({ question: `${index} + 1?`, thought: `${index}+1=${index + 1}`, answer: String(index + 1) })}\n`,
    ).join('');
  let data: string;
  beforeEach(() => {
    data = join(folder, 'rows.jsonl');
    writeFileSync(data, rows(20));
    answers = { ...healthy, DescribeExecution: jsonError('ExecutionDoesNotExist') };
  });
  const start = async (...more: readonly string[]) =>
    await train('start', config, '--data', data, '--tokenizer', 'local/model', '--yes', ...more);

  it('uploads the rows and the input, and starts an execution with the name of the run', async () => {
    expect(await start('--run', 'mine-1', '--epochs', '3', '--set', 'lora-rank=16')).toBe(0);
    const input = {
      run: 'mine-1',
      data: 's3://models/runs/mine-1/data/',
      hyperparameters: { epochs: '3', lora_rank: '16' },
    };
    expect(s3.objects.get('runs/mine-1/data/rows.jsonl')?.toString()).toBe(rows(20));
    expect(JSON.parse(s3.objects.get('runs/mine-1/input.json')?.toString() ?? '')).toEqual(input);
    expect(asked('StartExecution')).toEqual([
      { stateMachineArn: MACHINE, name: 'mine-1', input: JSON.stringify(input) },
    ]);
    expect(written).toContain('npx budgetforce train status mine-1\n');
  });

  it('is known afterwards without its config', async () => {
    await start('--run', 'first');
    answers = healthy;
    await train('status', 'first');
    expect(written).toMatch(/^first on AWS: training/);
    await train('runs');
    expect(written).toMatch(/^first .* AWS {2}see status /);
  });

  it('names a run by the day and a hash of data and options', async () => {
    await start();
    await start('--epochs', '2');
    const names = asked('StartExecution').map(({ name }) => name);
    expect(names).toEqual([expect.stringMatching(/^\d{8}-[0-9a-f]{8}$/), expect.stringMatching(/^\d{8}-[0-9a-f]{8}$/)]);
    expect(names[0]).not.toBe(names[1]);
  });

  it('uploads all files of a folder', async () => {
    const parts = mkdtempSync(join(folder, 'parts-'));
    for (const name of ['a.jsonl', 'b.jsonl']) writeFileSync(join(parts, name), rows(name === 'a.jsonl' ? 5 : 9));
    copyFileSync(data, join(parts, 'readme.txt'));
    await train(
      'start',
      config,
      '--data',
      parts,
      '--tokenizer',
      'local/model',
      '--yes',
      '--run',
      'two',
      '--allow',
      'duplicate',
    );
    expect([...s3.objects.keys()].toSorted()).toEqual([
      'runs/two/data/a.jsonl',
      'runs/two/data/b.jsonl',
      'runs/two/input.json',
    ]);
  });

  it('does not start a run twice', async () => {
    answers = healthy;
    expect(await start('--run', 'first')).toBe(0);
    expect(asked('StartExecution')).toEqual([]);
    answers = { ...healthy, DescribeExecution: execution('SUCCEEDED') };
    await expect(start('--run', 'first')).rejects.toThrow(
      'The run first exists already: it is succeeded. Give another --run NAME.',
    );
  });

  it('starts nothing if the data must be repaired, the cost was not confirmed, or an option is wrong', async () => {
    await expect(train('start', config, '--data', data, '--tokenizer', 'local/model')).rejects.toThrow(
      /^Start 2 × ml\.p5\.48xlarge for about 1\d minutes, about \$2\d \(estimates; .*add --yes\.$/,
    );
    writeFileSync(data, `${rows(20)}${rows(1)}`);
    await expect(start()).rejects.toThrow(
      /^Nothing was started, since the data must be repaired\.\n[\s\S]*REPAIR duplicate: 1 repeat/,
    );
    await expect(start('--set', 'epoch=3')).rejects.toThrow('--set epoch: training/sft has no such option.');
    await expect(start('--set', 'model=x')).rejects.toThrow('model is not set by --set, but by --model.');
    await expect(start('--epochs', '2', '--set', 'epochs=3')).rejects.toThrow('epochs is set twice');
    await expect(start('--run', 'a_b', '--allow', 'duplicate')).rejects.toThrow(
      '"a_b" is no name of a run. Write 1 to 51 letters',
    );
    await expect(start('--block-size', '50000', '--allow', 'duplicate')).rejects.toThrow(
      /^The recipe does not fit: a GPU of 2 × ml\.p5\.48xlarge needs /,
    );
    await expect(train('start', config)).rejects.toThrow('Give the rows: --data rows.jsonl.');
    await expect(train('start')).rejects.toThrow('Give the config of the deployment');
    await expect(train('start', '--local', ...ofDeployment())).rejects.toThrow('takes no config');
    expect(asked('StartExecution')).toEqual([]);
    expect(s3.objects.size).toBe(0);
  });

  it('takes pairs for a recipe that trains on them, without a look at their columns', async () => {
    const parsed = JSON.parse(readFileSync(config, 'utf8'));
    const training = { ...parsed.training, recipe: { method: 'full', task: 'dpo', blockSize: 4_096 } };
    writeFileSync(config, JSON.stringify({ ...parsed, training }));
    writeFileSync(data, `${JSON.stringify({ prompt: 'p', chosen: 'c', rejected: 'r' })}\n`.repeat(20));
    expect(await start('--run', 'pairs')).toBe(0);
    expect(s3.objects.has('runs/pairs/data/rows.jsonl')).toBe(true);
    writeFileSync(data, '{"prompt":\n');
    await expect(start('--run', 'broken')).rejects.toThrow(/rows\.jsonl, line 1 is no JSON/);
  });

  it('refuses a config without training', async () => {
    await expect(train('start', 'config/s1-32b.json', '--data', data)).rejects.toThrow(
      'config/s1-32b.json has no "training". Write "training": {} into it, then deploy s1-32b-training.',
    );
  });
});

describe('budgetforce train plan', () => {
  it('has a formula for every figure, quotas, memory, and the article beside today', async () => {
    expect(await train('plan', config, '--json')).toBe(0);
    expect(JSON.parse(written)).toMatchObject({
      data: { rows: 1_000 },
      estimate: {
        steps: { value: 315, formula: '1,000 rows ÷ 16 a step × 5 epochs' },
        dollars: { formula: expect.stringContaining('× $63/h') },
      },
      idleDollarsPerHour: 0,
      quotas: [{ name: 'ml.p5.48xlarge for training job usage', value: 2 }],
      article: {
        dollars: 20,
        today: { value: 54.6 },
        explanation: expect.stringContaining('6.9 GPU hours. $20 for them is $2.88 an hour'),
      },
    });
    expect(await train('plan', ...ofDeployment())).toBe(0);
    expect(written).toContain("The article's $20 beside $54.60 of the same run here");
    expect(aws.asked).toEqual([]);
  });

  it('counts the rows of --data, and takes the options of a run', async () => {
    const data = join(folder, 'rows.jsonl');
    writeFileSync(data, `${JSON.stringify({ question: 'q', thought: 't', answer: 'a' })}\n`.repeat(32));
    await train(
      'plan',
      config,
      '--data',
      data,
      '--tokenizer',
      'local/model',
      '--epochs',
      '2',
      '--set',
      'batch_size=8',
      '--json',
    );
    expect(JSON.parse(written)).toMatchObject({ data: { rows: 32 }, estimate: { steps: { value: 8 } } });
  });
});

describe('budgetforce train compare', () => {
  it('brings the answers of both runs from the bucket', async () => {
    const line = (question: string, correct: boolean) =>
      `${JSON.stringify({
        condition: 'budget-2048',
        question,
        seed: 0,
        sample: 0,
        model: 'm',
        prompt: question,
        expected: '1',
        grader: 'numeric',
        thought: 't',
        answer: 'a',
        correct,
        key: null,
        sentSeed: 0,
        tries: 1,
        rejected: false,
        thinkingTokens: 100,
        answerTokens: 1,
        forcedTokens: 0,
        spentTokens: 101,
        promptTokens: 1,
        waits: 0,
        endReason: 'model',
        limits: null,
        report: null,
        usage: null,
        note: null,
        startedAt: '2026-11-26T00:00:00Z',
        firstTextMs: 1,
        ms: 1,
      })}\n`;
    const ids = Array.from({ length: 40 }, (_, index) => `q${index}`);
    for (const [run, right] of [
      ['first', 10],
      ['second', 30],
    ] as const) {
      const at = `evaluations/s1-32b-${run}/0123456789abcdef/`;
      put(`${at}settings.json`, {
        format: 2,
        model: 'm',
        weights: run,
        target: 'e',
        temperature: null,
        prompt: '{question}',
        seeds: 1,
        conditions: [{ id: 'budget-2048', samples: 1 }],
        against: null,
      });
      s3.objects.set(
        `${at}questions.jsonl`,
        Buffer.from(ids.map((id) => `${JSON.stringify({ id, question: id, answer: '1' })}\n`).join('')),
      );
      s3.objects.set(`${at}results.jsonl`, Buffer.from(ids.map((id, index) => line(id, index < right)).join('')));
    }
    expect(await train('compare', 'first', 'second', ...ofDeployment(), '--json')).toBe(0);
    expect(JSON.parse(written)).toMatchObject({
      runs: [{ name: 'first', losses: { steps: 3, first: 1 } }, { name: 'second' }],
      conditions: [
        {
          condition: 'budget-2048',
          first: { share: 0.25, questions: 40 },
          second: { share: 0.75 },
          difference: { share: 0.5, questions: 40 },
        },
      ],
    });
    await train('compare', 'first', 'second', ...ofDeployment());
    expect(written).toMatch(
      /difference: \+50\.0 points \(95 %: \+\d+\.\d points to \+\d+\.\d points\) over 40 questions of both\n/,
    );
  });

  it('says how to evaluate a run that has no evaluation', async () => {
    await train('compare', 'first', 'second', ...ofDeployment());
    expect(written).toContain('first has no evaluation. To make one: write training.evaluation into');
    await expect(train('compare', 'first')).rejects.toThrow('compare takes two runs');
  });
});
