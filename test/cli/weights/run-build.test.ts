import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { CodeBuildClient } from '@aws-sdk/client-codebuild';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { weightsCommand } from '../../../cli/commands/weights.ts';
import { findProject, followBuild, startBuild } from '../../../cli/weights/run-build.ts';
import { unmodelled } from '../doctor/modelled.ts';
import { type Answers, scriptedAws } from '../doctor/scripted-aws.ts';

const ID = 'first-weights:7a3f';
const REVISION = 'a'.repeat(40);
const input = { model: 'owner/model', revision: 'main', prefix: 'qwen3-0.6b/' };
const brought = { uri: 's3://models/qwen3-0.6b/', files: 4, bytes: 1_500_000_000, kept: 1, revision: REVISION };
const logs = { groupName: 'group', streamName: 'stream', deepLink: 'https://console.aws.amazon.com/log' };

const variables = (from = input) => ({
  type: 'LINUX_CONTAINER',
  image: 'aws/codebuild/standard:7.0',
  computeType: 'BUILD_GENERAL1_SMALL',
  environmentVariables: [
    { name: 'MODEL', value: from.model },
    { name: 'REVISION', value: from.revision },
    { name: 'PREFIX', value: from.prefix },
  ],
});
// Answers are written by hand from the pages of BatchGetBuilds, StartBuild, GetLogEvents and DescribeStacks in AWS's API references.
const build = (changes: object = {}) => ({
  json: { builds: [{ id: ID, buildStatus: 'IN_PROGRESS', logs, environment: variables(), ...changes }] },
});
const succeeded = build({
  buildStatus: 'SUCCEEDED',
  exportedEnvironmentVariables: [{ name: 'BROUGHT', value: JSON.stringify(brought) }],
});
const stack = (outputs: readonly string[], status = 'CREATE_COMPLETE') => ({
  xml: `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>first-weights</StackName><StackStatus>${status}</StackStatus><CreationTime>2026-11-26T00:00:00Z</CreationTime><Outputs>${outputs
    .map((output) => output.split('='))
    .map(([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`)
    .join('')}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
});
const deployed = stack(['ProjectName=first-weights', 'BucketName=models']);
const lines = (token: string, ...messages: readonly string[]) => ({
  json: { events: messages.map((message) => ({ message, timestamp: 1 })), nextForwardToken: token },
});

let answers: Answers;
let aws: Awaited<ReturnType<typeof scriptedAws>>;
let folder: string;
beforeEach(async () => {
  aws = await scriptedAws(() => answers);
  vi.stubEnv('AWS_ENDPOINT_URL', aws.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  folder = mkdtempSync(join(tmpdir(), 'build-'));
  answers = {
    DescribeStacks: deployed,
    ListBuildsForProject: { json: {} },
    StartBuild: { json: { build: { id: ID, buildStatus: 'IN_PROGRESS' } } },
    BatchGetBuilds: succeeded,
    GetLogEvents: lines('end'),
  };
});
afterEach(() => {
  aws.close();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const settings = { region: 'us-east-1', maxAttempts: 1 };
const clients = () => ({
  cloudFormation: new CloudFormationClient(settings),
  codeBuild: new CodeBuildClient(settings),
  logs: new CloudWatchLogsClient(settings),
});
const asked = (name: string) => aws.asked.filter((operation) => operation.name === name);

describe('the project of a stack', () => {
  it('is found by the outputs of the stack', async () => {
    const found = await findProject(clients().cloudFormation, 'first-weights', 'c.json');
    expect(found).toEqual({ project: 'first-weights', bucket: 'models' });
  });

  it.each([
    [
      'not deployed',
      {
        status: 400,
        xml: '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id first-weights does not exist</Message></Error></ErrorResponse>',
      },
      /first-weights is not deployed\. Write "weights": \{\} into the config, then deploy it: npx cdk deploy first-weights/,
    ],
    ['not ready', stack([], 'ROLLBACK_COMPLETE'), /first-weights is ROLLBACK_COMPLETE and has no project yet/],
    [
      'asked without credentials',
      {
        status: 403,
        xml: '<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token is expired</Message></Error></ErrorResponse>',
      },
      /no valid credentials/,
    ],
  ])('%s: says what to do', async (_, answer, message) => {
    answers = { ...answers, DescribeStacks: answer };
    await expect(findProject(clients().cloudFormation, 'first-weights', 'c.json')).rejects.toThrow(message);
  });
});

describe('a build', () => {
  it('is started with what it brings, by what the service model allows', async () => {
    expect(await startBuild(clients().codeBuild, 'first-weights', input)).toEqual({ id: ID, isFollowed: false });
    expect(asked('StartBuild')[0]?.input).toEqual({
      projectName: 'first-weights',
      environmentVariablesOverride: [
        { name: 'MODEL', value: 'owner/model' },
        { name: 'REVISION', value: 'main' },
        { name: 'PREFIX', value: 'qwen3-0.6b/' },
      ],
    });
  });

  it('that runs already for the same is followed, not started twice', async () => {
    answers = { ...answers, ListBuildsForProject: { json: { ids: [ID] } }, BatchGetBuilds: build() };
    expect(await startBuild(clients().codeBuild, 'first-weights', input)).toEqual({ id: ID, isFollowed: true });
    expect(asked('StartBuild')).toEqual([]);
  });

  it('of other weights that runs is left alone', async () => {
    const other = build({ environment: variables({ ...input, model: 'owner/other' }) });
    answers = { ...answers, ListBuildsForProject: { json: { ids: [ID] } }, BatchGetBuilds: other };
    await expect(startBuild(clients().codeBuild, 'first-weights', input)).rejects.toThrow(
      /brings owner\/other@main to qwen3-0\.6b\/ at the moment.*aws codebuild stop-build --id first-weights:7a3f/,
    );
    expect(asked('StartBuild')).toEqual([]);
  });

  it('that ended before does not stand in the way', async () => {
    answers = { ...answers, ListBuildsForProject: { json: { ids: [ID] } } };
    expect(await startBuild(clients().codeBuild, 'first-weights', input)).toMatchObject({ isFollowed: false });
  });

  it('is followed until its end: each line of the job once, none of CodeBuild', async () => {
    let polls = 0;
    const pages: Record<string, ReturnType<typeof lines>> = {
      '': lines('1', '[Container] Entering phase BUILD', '1.00 GB of 2.00 GB\n'),
      1: lines('2', '2.00 GB of 2.00 GB\n'),
    };
    answers = {
      ...answers,
      BatchGetBuilds: () => (polls++ < 2 ? build() : succeeded),
      GetLogEvents: ({ nextToken = '' }) => pages[String(nextToken)] ?? lines(String(nextToken)),
    };
    const shown: string[] = [];
    const result = await followBuild(clients(), ID, {
      signal: new AbortController().signal,
      onLine: (line) => shown.push(line),
      pollMs: 1,
    });
    expect(result).toEqual(brought);
    expect(shown).toEqual(['1.00 GB of 2.00 GB', '2.00 GB of 2.00 GB']);
  });

  it.each([
    [
      'the job fails',
      { buildStatus: 'FAILED' },
      lines('1', 'error: The hub has no model owner/model at the revision main.'),
      /ended as FAILED: The hub has no model owner\/model at the revision main\. Its log: https/,
    ],
    [
      'CodeBuild fails before the job',
      {
        buildStatus: 'FAULT',
        phases: [{ phaseType: 'PROVISIONING', phaseStatus: 'FAULT', contexts: [{ message: 'No hosts' }] }],
      },
      lines('1'),
      /ended as FAULT: No hosts\./,
    ],
    ['time runs out', { buildStatus: 'TIMED_OUT' }, lines('1'), /what is in the bucket is kept.*weights\.maxHours/],
    ['the result is missing', { buildStatus: 'SUCCEEDED' }, lines('1'), /ended as SUCCEEDED: it says no reason/],
  ])('%s: the error says why', async (_, changes, log, message) => {
    answers = { ...answers, BatchGetBuilds: build(changes), GetLogEvents: log };
    const follow = followBuild(clients(), ID, { signal: new AbortController().signal, onLine: () => {}, pollMs: 1 });
    await expect(follow).rejects.toThrow(message);
  });

  it('goes on when the command is interrupted, without the log if it may not be read', async () => {
    answers = {
      ...answers,
      BatchGetBuilds: build(),
      GetLogEvents: { status: 400, json: { __type: 'AccessDeniedException', message: 'no' } },
    };
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    const follow = followBuild(clients(), ID, { signal: controller.signal, onLine: () => {}, pollMs: 60_000 });
    await expect(follow).rejects.toThrow(/goes on without this command\. Run the same command again/);
    expect(asked('StopBuild')).toEqual([]);
  });

  it('has scripted answers as AWS’s service models say', () => {
    const scripted = {
      DescribeStacks: deployed,
      BatchGetBuilds: succeeded,
      ListBuildsForProject: { json: { ids: [ID] } },
      StartBuild: { json: { build: { id: ID, buildStatus: 'IN_PROGRESS' } } },
      GetLogEvents: lines('1', 'x'),
    };
    expect(Object.entries(scripted).flatMap(([name, answer]) => unmodelled(name, answer))).toEqual([]);
  });
});

describe('budgetforce weights --codebuild', () => {
  const run = async (...args: readonly string[]) => {
    const config = join(folder, 'config.json');
    writeFileSync(
      config,
      JSON.stringify({ ...JSON.parse(readFileSync('config/first-deployment.json', 'utf8')), region: 'us-east-1' }),
    );
    let output = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      output += String(text);
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const code = await weightsCommand.run([config, '--codebuild', ...args]);
    return { code, output, models: JSON.parse(readFileSync(config, 'utf8')).models };
  };

  it('brings a model and writes its URI into the config', async () => {
    const { code, output, models } = await run('--json');
    expect(code).toBe(0);
    expect(JSON.parse(output)).toEqual(brought);
    expect(models[0].source).toEqual({ kind: 's3', uri: brought.uri });
    const [started] = asked('StartBuild');
    expect(JSON.stringify(started?.input)).toContain('Qwen/Qwen3-0.6B');
  });

  it.each([
    ['a folder', ['--from', '.'], /reads the Hugging Face hub, not folders/],
    ['another bucket', ['--bucket', 'mine'], /fills the bucket models: leave out --bucket/],
  ])('refuses %s before it starts anything', async (_, args, message) => {
    await expect(run(...args)).rejects.toThrow(message);
    expect(asked('StartBuild')).toEqual([]);
  });
});
